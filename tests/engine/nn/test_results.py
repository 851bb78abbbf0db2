"""The tables of a finished job: OpenAI's, and the one of its classic API."""

import json
from pathlib import Path
from typing import Any

from pen_backend.engine.nn.results import write_results
from tests.disks import QuickDisk


def results(tmp_path: Path, *steps: dict[str, Any]) -> dict[str, list[str]]:
    """Write the tables of these metrics events and return their lines."""
    events = [{"seq": seq, "kind": "metrics", "step": data["step"], "data": data} for seq, data in enumerate(steps, 1)]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    write_results(tmp_path, QuickDisk())
    return {path.stem: path.read_text().splitlines() for path in tmp_path.glob("*.csv")}


def test_the_table_has_a_row_a_step_and_six_digits(tmp_path: Path) -> None:
    found = results(
        tmp_path, {"step": 1, "train_loss": 2.0, "train_mean_token_accuracy": 0.5},
        {"step": 2, "train_loss": 9.0, "train_mean_token_accuracy": 0.5},
        {"step": 2, "train_loss": 1.23456789, "train_mean_token_accuracy": 0.5, "valid_loss": 3.0})

    assert found["step_metrics"] == ["step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy",
                                     "1,2,0.5,,", "2,1.23457,0.5,3,"]


def test_the_classic_table_counts_what_has_elapsed(tmp_path: Path) -> None:
    trained = {"train_loss": 2.0, "train_sequence_accuracy": 0.25, "train_mean_token_accuracy": 0.5}
    found = results(
        tmp_path, {"step": 1, "elapsed_tokens": 100, "elapsed_examples": 8, **trained, "valid_loss": 3.0},
        {"step": 2, "elapsed_tokens": 150, "elapsed_examples": 12, **trained, "valid_loss": 3.0,
         "full_valid_loss": 2.5, "full_valid_sequence_accuracy": 0.125, "full_valid_mean_token_accuracy": 0.75,
         "classification/accuracy": 0.5, "classification/f0.5": 1 / 3})

    assert found["compiled_results"] == [
        "step,elapsed_tokens,elapsed_examples,training_loss,training_sequence_accuracy,training_token_accuracy,"
        "validation_loss,validation_sequence_accuracy,validation_token_accuracy,classification/accuracy,"
        "classification/f0.5",
        "1,100,8,2,0.25,0.5,3,,,,", "2,150,12,2,0.25,0.5,2.5,0.125,0.75,0.5,0.333333"]
