"""What a model favoured before it was trained: measured once for each pair of answers, and kept for later attempts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from pen_backend.engine.nn.batches import cut
from pen_backend.engine.nn.dpo import PreferenceLoss, collate_pairs
from pen_backend.engine.nn.preferences import Pair
from pen_backend.engine.nn.run import Run
from pen_backend.files import write_atomic


def measure_references(run: Run, file: Path) -> None:
    """Measure all pairs with the model as it is before training, or read what an earlier attempt has measured."""
    sets = {"train": run.train, **({"valid": run.valid} if run.valid else {})}
    known = file.exists()
    found = load_file(file) if known else {name: _references(run, data.examples) for name, data in sets.items()}
    if run.ranks.first and not known:
        write_atomic(file, save(found), run.disk)
    for name, values in found.items():
        examples = sets[name].examples
        examples[:] = [replace(pair, reference=value) for pair, value in zip(examples, values.tolist(), strict=True)]


@torch.no_grad()
def _references(run: Run, pairs: Sequence[Pair]) -> Tensor:
    loss = run.loss
    assert isinstance(loss, PreferenceLoss)  # noqa: S101 - load_run has made it
    found = torch.zeros(len(pairs))
    loss.eval()
    for group in cut(pairs, sorted(range(len(pairs)), key=lambda i: (len(pairs[i]), i)), run.plan.token_budget):
        run.stop.check()
        batch = collate_pairs([pairs[i] for i in group], run.vocabulary.pad, run.device.torch)
        found[list(group)] = loss.favour(batch.answers)[0].cpu()
    return found
