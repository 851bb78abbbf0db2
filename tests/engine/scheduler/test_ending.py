"""What a finished trainer's files become."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pen_backend.engine.jobs.events import page
from pen_backend.engine.jobs.state import Job
from tests.engine.programs.trainer import model, write
from tests.engine.scheduler.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.store.close()


def tell(desk: Desk, job: Job, *checkpoints: dict[str, Any]) -> None:
    """Write the trainer's checkpoint events."""
    lines = [{"seq": seq, "time": 1, "attempt": 1, "step": data["step"], "kind": "checkpoint", "level": "info",
              "message": "c", "data": {"public": True, "metrics": {"valid_loss": 1.0}, **data}}
             for seq, data in enumerate(checkpoints, 1)]
    (desk.store.directory / "jobs" / job.id / "events.jsonl").write_text("".join(f"{json.dumps(x)}\n" for x in lines))


def checkpoints(desk: Desk, job: Job) -> list[tuple[int, str]]:
    found = desk.store.read(lambda connection: page(connection, "checkpoints", job.id, after=None, limit=9))
    assert found is not None
    return [(row["step"], row["model"]) for row in found[0]]


def test_of_a_job_that_stops_early_the_best_checkpoint_is_the_model(desk: Desk) -> None:
    job = desk.running()
    jobdir = desk.runner.newest
    for name, step in (("ckpt/step-00000004", 4), ("ckpt/step-00000006", 6), ("best", 4)):
        model(jobdir / name, step)
    tell(desk, job, {"step": 4, "path": str(jobdir / "ckpt/step-00000004"), "final": False},
         {"step": 6, "path": str(jobdir / "ckpt/step-00000006"), "final": False},
         {"step": 4, "path": str(jobdir / "best"), "final": True})
    write(jobdir / "result.json", {"model_path": str(jobdir / "best"), "steps": 6, "model_step": 4,
                                   "trained_tokens": 60, "metrics": {"valid_loss": 1.0}})
    desk.runner.end(0)
    desk.scheduler.tick()

    ended = desk.get(job)
    assert (ended.state, ended.total_steps, ended.trained_tokens) == ("succeeded", 6, 60)
    assert (desk.models.get(job.model_name).path / "config.json").is_file()
    assert {step: desk.models.get(f"{job.model_name}:ckpt-step-{step}").path.name for step in (4, 6)} == {
        4: "step-00000004", 6: "step-00000006"}
    assert checkpoints(desk, job) == [(4, job.model_name), (6, f"{job.model_name}:ckpt-step-6"),
                                      (4, f"{job.model_name}:ckpt-step-4")]


def test_the_last_good_checkpoint_of_a_job_that_diverged_stays_a_model(desk: Desk) -> None:
    job = desk.running()
    path = desk.runner.newest / "ckpt/step-00000004"
    model(path, 4)
    tell(desk, job, {"step": 4, "path": str(path), "final": False})
    write(desk.runner.newest / "error.json", {"code": "training_diverged", "message": "The loss is not finite."})
    desk.runner.end(76)
    desk.scheduler.tick()

    assert (desk.get(job).state, desk.get(job).error) == (
        "failed", {"code": "training_diverged", "message": "The loss is not finite.", "param": None})
    assert desk.models.get(f"{job.model_name}:ckpt-step-4").path == path
    assert (path / "model.safetensors").is_file()


@pytest.mark.parametrize(("results", "names"), [
    ("openai", ["step_metrics.csv", "samples.jsonl"]),
    ("classic", ["step_metrics.csv", "compiled_results.csv", "samples.jsonl"])])
def test_the_classic_table_is_published_when_it_was_asked_for(desk: Desk, results: str, names: list[str]) -> None:
    job = desk.running(options={"results": results})
    for name in ("samples.jsonl", "compiled_results.csv"):
        (desk.runner.newest / name).write_text("x\n")
    desk.succeed()
    desk.runner.end(0)
    desk.scheduler.tick()

    rows = desk.store.read(lambda connection: {row["id"]: row["filename"] for row in connection.execute(
        "SELECT id, filename FROM files")})
    assert [rows[file_id] for file_id in desk.get(job).result_files] == names
