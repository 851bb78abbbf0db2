"""Merge an adapter into the weights below it: a model folder that needs no adapter any more."""

from pathlib import Path

import torch

from pen_backend.engine.nn.adapters import load_adapter
from pen_backend.engine.nn.models import load_model, model_files
from pen_backend.files import Disk


def merge(base: Path, adapter: Path, out: Path, disk: Disk) -> None:
    """Write the model of BASE and ADAPTER into the directory OUT, which exists; fp32, as full training keeps it."""
    device = torch.device("cpu")
    model = load_adapter(load_model(base, device), adapter, device)
    # What PEFT adds to a layer, B·A·(alpha/r), becomes part of its weight.
    merged = model.merge_and_unload(safe_merge=True)
    for name, content in model_files(merged, base):
        disk.write(out / name, content)
