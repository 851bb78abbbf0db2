"""One training run: everything the loop works with, loaded."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]  # the library has no annotations
from accelerate.utils import set_seed  # type: ignore[import-untyped]  # the same
from transformers import PreTrainedModel

from pen_backend.engine.nn.attention import use_for_training
from pen_backend.engine.nn.batches import Plan
from pen_backend.engine.nn.best import Best
from pen_backend.engine.nn.checkpoints import make_public, newest_before
from pen_backend.engine.nn.classes import Classes
from pen_backend.engine.nn.data import DataSet
from pen_backend.engine.nn.device import Device, Precision, choose_device, free_memory, limit_threads
from pen_backend.engine.nn.dpo import PreferenceLoss, collate_pairs
from pen_backend.engine.nn.journal import Journal
from pen_backend.engine.nn.loss import (
    WeightedLoss,
    collate,
    keeps_documents_apart,
    takes_lean_forward,
    takes_written_decoder,
)
from pen_backend.engine.nn.material import read_material
from pen_backend.engine.nn.memory import memory_bytes
from pen_backend.engine.nn.models import load_model
from pen_backend.engine.nn.optimiser import make_optimiser
from pen_backend.engine.nn.outcome import Exit, Stop, TrainingError
from pen_backend.engine.nn.ranks import Ranks
from pen_backend.engine.nn.spec import Lora, Spec
from pen_backend.engine.nn.vocabulary import Vocabulary
from pen_backend.files import Disk

if TYPE_CHECKING:
    from peft import PeftModel


@dataclass(slots=True)
class Run:
    """A job in training. `step` is the last one trained, `figures` its measurements.

    `closed` tells whether all that was due after that step is done. `best` is the best evaluation so far. `seconds`
    counts earlier attempts; `saved` is the newest checkpoint, of this attempt or an earlier one, `saved_at` when this
    attempt last wrote one. Where several processes train, `forward` is `loss` that exchanges gradients, and `stop` is
    what they have agreed on of what each is `asked` for.
    """

    spec: Spec
    root: Path
    disk: Disk
    journal: Journal
    asked: Stop
    stop: Stop
    guard: Callable[[], None]
    ranks: Ranks
    device: Device
    vocabulary: Vocabulary
    train: DataSet
    valid: DataSet | None
    classes: Classes | None
    plan: Plan
    model: PreTrainedModel
    adapter: "PeftModel | None"
    loss: WeightedLoss
    forward: torch.nn.Module
    collate: Callable[..., Any]
    optimiser: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)
    closed: bool = True
    best: Best = field(default_factory=Best)
    saved: Path | None = None
    saved_at: float = field(default_factory=time.monotonic)
    warnings: list[str] = field(default_factory=list)


def load_run(spec: Spec, root: Path, journal: Journal, *, disk: Disk, stop: Stop, guard: Callable[[], None],
             precision: Precision | None = None) -> Run:
    """Load data, model and optimiser of a job, at its beginning."""
    device = choose_device(spec.device, precision)
    ranks = Ranks(Accelerator(mixed_precision="no", cpu=device.name == "cpu", device_placement=False))
    limit_threads(spec.threads)
    material = read_material(spec)
    folder, train, plan = material.folder, material.train, material.plan
    refuse_too_large(memory_bytes(folder, spec, plan, train.longest), free_memory(device), device)
    set_seed(spec.seed)  # Python's, NumPy's and torch's: a new adapter and dropout draw from the last
    model = load_model(spec.base.path, device.torch)
    use_for_training(model)
    lean = takes_lean_forward(model, folder.vocab_size)
    if spec.batch.kind == "windows" and not keeps_documents_apart(model, folder.vocab_size, lean=lean):
        raise TrainingError(Exit.MODEL, "invalid_model", f"In a window, texts for {spec.base.name} would see each "
                            "other; train it with packing: examples.", param="model")
    adapter = _adapt(model, spec, device)
    written = lean and takes_written_decoder(model, folder.vocab_size, device)
    loss = WeightedLoss(model, device, lean=lean, written=written) if spec.beta is None else \
        PreferenceLoss(model, device, lean=lean, written=written, beta=spec.beta)
    optimiser: torch.optim.Optimizer = make_optimiser(loss, spec.learning_rate)
    forward, optimiser = ranks.accelerator.prepare(loss, optimiser)
    return Run(spec, root, disk, journal, stop, stop if ranks.count == 1 else Stop(), guard, ranks, device,
               material.vocabulary, train, material.valid, material.classes, plan, model, adapter, loss, forward,
               collate if spec.beta is None else collate_pairs, optimiser)


def _adapt(model: PreTrainedModel, spec: Spec, device: Device) -> "PeftModel | None":
    """Put the job's adapter on the model: a new one, one to go on with, or one to melt in for full training."""
    if spec.tune == "full" and spec.adapter is None:
        return None
    from pen_backend.engine.nn.adapters import load_adapter, new_adapter  # the import takes seconds

    if spec.adapter is None:
        return new_adapter(model, spec.lora or Lora())
    adapter = load_adapter(model, spec.adapter.path, device.torch, trainable=spec.tune == "lora")
    if spec.tune == "lora":
        return adapter
    adapter.merge_and_unload()
    for parameter in model.parameters():
        parameter.requires_grad = True
    return None


def refuse_too_large(needed: int, free: int | None, device: Device) -> None:
    """Refuse a job that the accelerator has no room for, with both figures."""
    if free is not None and needed > free:
        raise TrainingError(
            Exit.MEMORY, "out_of_memory", f"Training needs about {needed / 1e6:,.0f} MB of memory, and {device.name} "
            f"has {free / 1e6:,.0f} MB free; lower max_tokens or batch_size, or train an adapter with tune: lora.")


def diverged(run: Run, what: str) -> TrainingError:
    """Say that training has left the finite numbers; the last good checkpoint becomes a public one, which is kept.

    What is not finite is the fault of the weights it was computed with, so a checkpoint of these is not good.
    """
    good = newest_before(run.root, run.step)
    kept = f"the last good checkpoint is {good.path.name}" if good else "there is no good checkpoint before it"
    if good and run.ranks.first:
        make_public(good, run.disk)
        if good.step not in run.journal.published:
            run.journal.write("checkpoint", f"Checkpoint at step {good.step}", step=good.step, data={
                "step": good.step, "path": str(good.path), "public": True, "final": False, "metrics": {}})
    return TrainingError(Exit.DIVERGED, "training_diverged",
                         f"The {what} is not finite at step {run.step + 1}; {kept}. Lower learning_rate_multiplier.")
