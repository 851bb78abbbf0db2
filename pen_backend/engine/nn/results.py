"""What a finished job leaves beside its model: step_metrics.csv and samples.jsonl, both made from events.jsonl."""

import json
from pathlib import Path
from typing import Any

from pen_backend.engine.nn.journal import read_events
from pen_backend.files import Disk, write_atomic

COLUMNS = {"step": "step", "train_loss": "train_loss", "train_accuracy": "train_mean_token_accuracy",
           "valid_loss": "valid_loss", "valid_mean_token_accuracy": "valid_mean_token_accuracy"}


def write_results(jobdir: Path, disk: Disk) -> None:
    """Write the result files; a step told twice, because a kill came between, counts once."""
    events, _ = read_events(jobdir / "events.jsonl")
    write_atomic(jobdir / "step_metrics.csv", step_metrics(events).encode(), disk)
    samples = {(event["step"], event["data"]["index"]): event["data"] for event in events if event["kind"] == "sample"}
    if samples:
        lines = [json.dumps(samples[key], ensure_ascii=False) + "\n" for key in sorted(samples)]
        write_atomic(jobdir / "samples.jsonl", "".join(lines).encode(), disk)


def step_metrics(events: list[dict[str, Any]]) -> str:
    """Make OpenAI's result CSV: one row a step, empty where nothing was measured, six significant digits."""
    steps = {event["step"]: event["data"] for event in events if event["kind"] == "metrics"}
    rows = [",".join(COLUMNS)]
    rows += [",".join(_digits(steps[step].get(name)) for name in COLUMNS.values()) for step in sorted(steps)]
    return "\n".join(rows) + "\n"


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
