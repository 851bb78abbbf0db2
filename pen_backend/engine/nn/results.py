"""What a finished job leaves beside its model, made from events.jsonl: two tables of its steps, and its samples."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pen_backend.engine.nn.journal import read_events
from pen_backend.files import Disk, write_atomic

COLUMNS: Mapping[str, Sequence[str]] = {
    "step": ("step",), "train_loss": ("train_loss",), "train_accuracy": ("train_mean_token_accuracy",),
    "valid_loss": ("valid_loss",), "valid_mean_token_accuracy": ("valid_mean_token_accuracy",)}
CLASSIC: Mapping[str, Sequence[str]] = {
    "step": ("step",), "elapsed_tokens": ("elapsed_tokens",), "elapsed_examples": ("elapsed_examples",),
    "training_loss": ("train_loss",), "training_sequence_accuracy": ("train_sequence_accuracy",),
    "training_token_accuracy": ("train_mean_token_accuracy",), "validation_loss": ("full_valid_loss", "valid_loss"),
    "validation_sequence_accuracy": ("full_valid_sequence_accuracy", "valid_sequence_accuracy"),
    "validation_token_accuracy": ("full_valid_mean_token_accuracy", "valid_mean_token_accuracy")}
"""For each column the figures it may show; of several the first that was measured."""
CLASSES = "classification/"
FIRST_CLASSES = ("accuracy", "weighted_f1_score", "precision", "recall", "auroc", "auprc")  # then the F scores


def write_results(jobdir: Path, disk: Disk) -> None:
    """Write the result files; a step told twice, because a kill came between, counts once."""
    events, _ = read_events(jobdir / "events.jsonl")
    steps = {event["step"]: event["data"] for event in events if event["kind"] == "metrics"}
    rows = [steps[step] for step in sorted(steps)]
    write_atomic(jobdir / "step_metrics.csv", table(rows, COLUMNS).encode(), disk)
    measured = {name.removeprefix(CLASSES) for row in rows for name in row if name.startswith(CLASSES)}
    ordered = [name for name in FIRST_CLASSES if name in measured] + sorted(measured.difference(FIRST_CLASSES))
    classic = {**CLASSIC, **{CLASSES + name: (CLASSES + name,) for name in ordered}}
    write_atomic(jobdir / "compiled_results.csv", table(rows, classic).encode(), disk)
    samples = {(event["step"], event["data"]["index"]): event["data"] for event in events if event["kind"] == "sample"}
    if samples:
        lines = [json.dumps(samples[key], ensure_ascii=False) + "\n" for key in sorted(samples)]
        write_atomic(jobdir / "samples.jsonl", "".join(lines).encode(), disk)


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Sequence[str]]) -> str:
    """Make a CSV: one row a step, empty where nothing was measured, six significant digits."""
    lines = [",".join(columns)]
    lines += [",".join(_digits(next((row[name] for name in names if name in row), None)) for names in columns.values())
              for row in rows]
    return "\n".join(lines) + "\n"


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
