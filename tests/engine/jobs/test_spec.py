"""Nothing "auto" is left in what a trainer is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pen_backend.engine.jobs.spec import Start, build, checkpoint_bytes, resolve
from pen_backend.engine.store import Store
from pen_backend.engine.wire.jobs import Hyperparameters
from pen_backend.engine.wire.options import Options
from tests.engine.jobs.make import make_job

AUTO = Hyperparameters.model_validate({}).model_dump()


def start(parameters: int = 5_800_000, adapter: Path | None = None) -> Start:
    return Start("tiny", Path("/tiny"), "0" * 64, parameters, 1000, 2048, adapter)


def options(**changes: Any) -> dict[str, Any]:
    return Options.model_validate(changes).model_dump()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path)
    yield found
    found.close()


@pytest.mark.parametrize(("parameters", "tune", "expected_tune", "rate"), [
    (5_800_000, "auto", "full", 6e-4), (5_800_000, "lora", "lora", 2e-4), (90_000_000, "auto", "lora", 2e-4),
    (90_000_000, "full", "full", 2e-5)])
def test_the_rate_follows_what_is_tuned(parameters: int, tune: str, expected_tune: str, rate: float) -> None:
    _, resolved = resolve(start(parameters), options(tune=tune), AUTO, examples=100)
    assert (resolved["tune"], resolved["learning_rate"]) == (expected_tune, rate)


def test_the_multiplier_multiplies_the_base_rate() -> None:
    hyperparameters, resolved = resolve(start(), options(), {**AUTO, "learning_rate_multiplier": 0.01}, examples=100)
    assert hyperparameters["learning_rate_multiplier"] == 0.01
    assert resolved["learning_rate"] == pytest.approx(6e-6)


def test_an_absolute_rate_wins() -> None:
    assert resolve(start(), options(learning_rate=0.5), AUTO, examples=100)[1]["learning_rate"] == 0.5


def test_an_adapter_is_continued_as_one() -> None:
    resolved = resolve(start(adapter=Path("/a")), options(), AUTO, examples=100)[1]
    assert (resolved["tune"], resolved["lora"]["r"]) == ("lora", 16)


def test_asking_for_a_lora_shape_means_lora() -> None:
    resolved = resolve(start(), options(lora={"r": 4}), AUTO, examples=100)[1]
    assert (resolved["tune"], resolved["lora"]["r"]) == ("lora", 4)


def test_the_spec_is_what_the_trainer_reads(store: Store, tmp_path: Path) -> None:
    job = make_job(store, options={"completions_every": 5, "eval_every": "auto"},
                   validation={"id": "file-v", "blob": store.add_blob(b"v"), "dialect": "data"})
    blobs = {blob: store.blob(blob) for blob in (job.training_blob, str(job.validation_blob))}
    spec = build(job, start(), blobs=blobs, names=dict.fromkeys(blobs, "train.jsonl"), threads=2,
                 checked={"total_steps": 100})
    assert spec["train"] == {"path": str(store.blob(job.training_blob)), "sha256": job.training_blob,
                             "dialect": "prompt-completion", "name": "train.jsonl"}
    assert spec["evaluate"] == {"every": 5, "sample": 64, "batch_size": None}
    assert spec["completions"]["every"] == 5
    assert "auto" not in [value for key, value in spec.items() if key != "device"]


@pytest.mark.parametrize("size", ["auto", 8])
def test_a_step_is_a_token_budget_or_a_number_of_examples(store: Store, size: object) -> None:
    job = make_job(store, hyperparameters={**AUTO, "n_epochs": 2, "batch_size": size})
    spec = build(job, start(), blobs={job.training_blob: Path("/x")}, names={job.training_blob: "x"}, threads=1)
    assert spec["batch"] == {"kind": "tokens" if size == "auto" else "examples",
                             "size": None if size == "auto" else 8, "token_budget": 4096}


@pytest.mark.parametrize(("context", "asked", "size", "window", "per_step"), [
    (4096, None, "auto", 2048, 2), (1024, None, "auto", 1024, 4), (8192, 8192, "auto", 8192, 1),
    (2048, 512, 3, 512, 3)])
def test_windows_are_two_thousand_tokens_unless_asked_otherwise(
        store: Store, context: int, asked: int | None, size: object, window: int, per_step: int) -> None:
    begin = Start("tiny", Path("/tiny"), "0" * 64, 5_800_000, 1000, context)
    hyperparameters, resolved = resolve(begin, options(packing="window", max_tokens=asked),
                                        {**AUTO, "batch_size": size}, examples=100)
    job = make_job(store, hyperparameters=hyperparameters, options=resolved)
    spec = build(job, begin, blobs={job.training_blob: Path("/x")}, names={job.training_blob: "x"}, threads=1)
    assert spec["max_tokens"] == window
    assert spec["batch"] == {"kind": "windows", "size": per_step, "token_budget": 4096}


def test_the_checkpoints_of_an_adapter_are_small() -> None:
    full = resolve(start(), options(tune="full"), AUTO, examples=1)[1]
    lora = resolve(start(), options(tune="lora"), AUTO, examples=1)[1]
    assert checkpoint_bytes(start(), full) == 12 * 5_800_000
    assert checkpoint_bytes(start(), lora) == 12 * 16 * 1000
