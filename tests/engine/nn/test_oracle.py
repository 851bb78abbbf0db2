"""The library's own Trainer, fed the same batches, must lose what our loop loses."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import IterableDataset

from pen_backend.engine.nn.journal import Journal
from pen_backend.engine.nn.loss import collate
from pen_backend.engine.nn.models import load_model
from pen_backend.engine.nn.optimiser import learning_rate, make_optimiser
from pen_backend.engine.nn.outcome import Stop
from pen_backend.engine.nn.run import load_run
from pen_backend.engine.nn.spec import read_spec
from tests.disks import QuickDisk
from tests.engine.nn import tiny


class Ordered(IterableDataset[dict[str, Any]]):
    """Whole batches, in the order our loop takes them."""

    def __init__(self, batches: list[dict[str, Any]]) -> None:
        self.batches = batches

    def __iter__(self) -> Any:
        return iter(self.batches)


@pytest.mark.slow
def test_the_trainer_of_the_library_has_the_same_losses(model_folder: Path, tmp_path: Path) -> None:
    from transformers import Trainer, TrainingArguments

    from pen_backend.engine.nn.trainer import train

    lines = [{"text": line["prompt"] + line["completion"]} for line in tiny.LINES]
    job = tiny.make_job(tmp_path / "job", model_folder, lines)
    spec = read_spec(job / "spec.json")
    journal = Journal(job / "events.jsonl", attempt=1, disk=QuickDisk())
    train(spec, job, journal, disk=QuickDisk(), stop=Stop(), guard=lambda: None, precision="fp32")
    run = load_run(spec, job, journal, disk=QuickDisk(), stop=Stop(), guard=lambda: None, precision="fp32")

    losses: list[float] = []

    def loss_of(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        loss = torch.nn.functional.cross_entropy(outputs.logits[:, :-1].transpose(1, 2), labels[:, 1:])
        losses.append(loss.item())
        return loss

    batches = []
    for number in range(1, run.plan.total_steps + 1):
        group, = run.plan.step(number).micro_batches
        batch = collate([run.plan.items(number)[i] for i in group], run.vocabulary.pad, torch.device("cpu"))
        assert batch.mask is not None
        batches.append({"input_ids": batch.input_ids, "attention_mask": batch.mask,
                        "labels": batch.input_ids.masked_fill(~batch.mask.bool(), -100)})
    model = load_model(model_folder, torch.device("cpu"))
    optimiser = make_optimiser(model, 1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda done: learning_rate(done + 1, len(batches), spec.learning_rate))
    Trainer(model=model, train_dataset=Ordered(batches), data_collator=lambda one: one[0], compute_loss_func=loss_of,
            optimizers=(optimiser, schedule), args=TrainingArguments(
                output_dir=str(tmp_path / "theirs"), per_device_train_batch_size=1, max_steps=len(batches),
                use_cpu=True, report_to="none", save_strategy="no", disable_tqdm=True)).train()

    ours = [event["data"]["train_loss"] for event in tiny.events(job, "metrics")]
    assert ours == pytest.approx(losses, abs=1e-5)
