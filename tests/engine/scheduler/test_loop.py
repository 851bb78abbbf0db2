"""The scheduler against a runner that only pretends: from the queue to every end of a trainer."""

import json
import shutil
from typing import Any

import pytest

from pen_backend.engine.jobs import state
from pen_backend.engine.jobs.directory import LOG_BYTES
from pen_backend.engine.jobs.running import RunnerState
from tests.engine.jobs.make import make_job
from tests.engine.programs.trainer import model, write
from tests.engine.scheduler.desk import Desk


def test_a_job_is_checked_queued_and_started(desk: Desk) -> None:
    job = desk.running()
    check, train = desk.runner.submitted
    assert check[1] == ["train", str(desk.store.directory / "jobs" / job.id), "--check"]
    assert train[2]["PEN_ATTEMPT"] == "1"
    assert (job.pid, job.total_steps) == (1001, 10)
    spec = json.loads((desk.runner.newest / "spec.json").read_text())
    assert spec["job_id"] == job.id


def test_success_makes_model_files_and_state_at_once(desk: Desk) -> None:
    job = desk.running(metadata={"pen.prompt": "pun", "pen.format_hash": "abc"})
    desk.succeed()
    desk.runner.end(0)
    desk.scheduler.tick()
    ended = desk.get(job)
    assert (ended.state, ended.fine_tuned_model, ended.trained_tokens) == ("succeeded", job.model_name, 99)
    tuned = desk.models.get(job.model_name)
    assert (tuned.kind, tuned.base, tuned.prompt, tuned.format_hash) == ("full", "tiny", "pun", "abc")
    assert tuned.path == desk.store.directory / "models" / job.id
    assert (tuned.path / "model.safetensors").is_file()
    assert len(ended.result_files) == 1


def test_a_result_counts_also_if_the_trainer_was_killed_after_it(desk: Desk) -> None:
    job = desk.running()
    desk.succeed()
    desk.runner.end(-9)
    desk.scheduler.tick()
    assert desk.get(job).state == "succeeded"


@pytest.mark.parametrize(("code", "error"), [
    (65, {"code": "zero_weight", "message": "train.jsonl: all weights are 0", "param": "training_file"}),
    (73, {"code": "no_space", "message": "full", "param": None}),
    (76, {"code": "training_diverged", "message": "step 7", "param": None}),
    (None, {"code": "out_of_memory", "message": "lower it", "param": None})])
def test_an_end_with_a_reason_fails_with_it(desk: Desk, code: int | None, error: dict[str, Any]) -> None:
    job = desk.running()
    write(desk.runner.newest / "error.json", error)
    desk.runner.end(code)
    desk.scheduler.tick()
    assert desk.get(job).state == "failed"
    assert desk.get(job).error == error


@pytest.mark.parametrize(("code", "error"), [
    (65, {"code": "zero_weight", "message": "train.jsonl: all weights are 0", "param": "training_file"}),
    (1, {"code": "internal_error", "message": "Training failed by a fault in pen itself (KeyError).", "param": None})])
@pytest.mark.parametrize("adopted", [False, True])
def test_what_would_come_again_is_not_tried_again(desk: Desk, code: int, error: dict[str, Any],
                                                  adopted: bool) -> None:
    job = desk.running()
    write(desk.runner.newest / "error.json", {**error, "exit": code})
    desk.runner.end(None if adopted else code)
    desk.scheduler.tick()
    found = desk.get(job)
    assert (found.state, found.attempt, found.error) == ("failed", 1, error)


@pytest.mark.parametrize("code", [1, 2, 64, 99])
def test_an_end_without_a_reason_names_the_logs(desk: Desk, code: int) -> None:
    job = desk.running()
    desk.runner.end(code)
    desk.scheduler.tick()
    found = desk.get(job).error
    assert found is not None
    assert (found["code"], f"status {code} " in found["message"], f"jobs/{job.id}" in found["message"]) == (
        "internal_error", True, True)


def test_an_adopted_trainer_that_was_interrupted_is_repeated(desk: Desk) -> None:
    job = desk.running()
    write(desk.runner.newest / "error.json", {"code": "internal_error", "message": "Interrupted.", "exit": 70})
    desk.runner.end(None)
    desk.scheduler.tick()
    assert (desk.get(job).state, desk.get(job).attempt) == ("running", 2)


def test_a_check_that_fails_by_a_bug_fails_its_job_at_once(desk: Desk) -> None:
    job = make_job(desk.store)
    desk.scheduler.tick()
    write(desk.runner.newest / "error.json", {"code": "internal_error", "message": "A fault.", "exit": 1})
    desk.runner.end(1)
    desk.scheduler.tick()
    assert (desk.get(job).state, desk.get(job).error) == (
        "failed", {"code": "internal_error", "message": "A fault.", "param": None})
    assert len(desk.runner.submitted) == 1


@pytest.mark.parametrize("code", [70, 137, -9, -11, None])
def test_a_death_is_repeated_and_the_fourth_is_lost(desk: Desk, code: int | None) -> None:
    job = desk.running()
    for attempt in (2, 3, 4):
        desk.runner.end(code)
        desk.scheduler.tick()
        assert (desk.get(job).state, desk.get(job).attempt) == ("running", attempt)
        assert desk.runner.submitted[-1][2]["PEN_ATTEMPT"] == str(attempt)
    desk.runner.end(code)
    desk.scheduler.tick()
    failed = desk.get(job)
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error["code"] == "lost"


def test_an_old_error_does_not_speak_for_a_new_attempt(desk: Desk) -> None:
    desk.running()
    write(desk.runner.newest / "error.json", {"code": "internal_error", "message": "first"})
    desk.runner.end(70)
    desk.scheduler.tick()
    assert not (desk.runner.newest / "error.json").exists()


def test_one_job_at_a_time_in_the_order_of_creation(desk: Desk) -> None:
    first, second = desk.running(), make_job(desk.store)
    desk.scheduler.tick()
    desk.checked()
    desk.scheduler.tick()
    assert (desk.get(first).state, desk.get(second).state) == ("running", "queued")
    write(desk.runner.submitted[1][3] / "error.json", {"code": "no_space", "message": "full"})
    desk.runner.runs[1001] = RunnerState("exited", 73)
    desk.scheduler.tick()
    assert (desk.get(first).state, desk.get(second).state) == ("failed", "running")


def test_a_result_that_makes_no_sense_fails_its_job_and_not_the_others(desk: Desk) -> None:
    job = desk.running()
    write(desk.runner.newest / "result.json", {"steps": 10})
    desk.runner.end(0)
    other = make_job(desk.store)
    desk.scheduler.tick()
    found = desk.get(job)
    assert found.error is not None
    assert (found.state, found.error["code"]) == ("failed", "internal_error")
    desk.checked()
    desk.scheduler.tick()
    assert desk.get(other).state == "running"


def test_a_public_checkpoint_is_a_model_at_once_and_stays(desk: Desk) -> None:
    job = desk.running()
    path = desk.runner.newest / "ckpt" / "step-00000004"
    model(path, 4)
    shutil.copytree(path, path.with_name("step-00000005"))
    told = {"seq": 1, "time": 1, "attempt": 1, "step": 4, "kind": "checkpoint", "level": "info", "message": "c",
            "data": {"step": 4, "path": str(path), "public": True, "metrics": {"train_loss": 1.0, "epoch": 1}}}
    (desk.runner.newest / "events.jsonl").write_text(json.dumps(told) + "\n")
    desk.scheduler.tick()
    assert desk.models.get(f"{job.model_name}:ckpt-step-4").path == path
    desk.succeed()
    desk.runner.end(0)
    desk.scheduler.tick()
    assert sorted(each.name for each in path.parent.iterdir()) == ["step-00000004"]


def test_progress_is_remembered_while_the_job_runs(desk: Desk) -> None:
    job = desk.running()
    told = {"seq": 1, "time": 1, "attempt": 1, "step": 4, "kind": "progress", "level": "info", "message": "",
            "data": {"steps_done": 4, "total_steps": 10, "tokens_per_second": 5.0, "eta_seconds": 60}}
    (desk.runner.newest / "events.jsonl").write_text(json.dumps(told) + "\n")
    desk.scheduler.tick()
    body = state.as_object(desk.get(job), progress=desk.scheduler.progress(job.id))
    assert body["pen"]["steps_done"] == 4
    assert body["estimated_finish"] is not None


def test_the_log_of_a_running_job_is_capped(desk: Desk) -> None:
    desk.running()
    log = desk.runner.newest / "trainer.log"
    with log.open("wb") as stream:
        stream.truncate(LOG_BYTES + 1)
        stream.seek(LOG_BYTES - 5)
        stream.write(b"\nthe end\n")
    desk.make().tick()
    assert log.stat().st_size <= LOG_BYTES // 2 + 100
    assert log.read_bytes().endswith(b"\nthe end\n")
