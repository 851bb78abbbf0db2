"""Pause and resume: trainers sent home with a checkpoint, checks begun again, and engines that die in between."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pen_backend.engine.jobs import state
from pen_backend.engine.jobs.running import RunnerState
from pen_backend.engine.jobs.state import Job
from tests.engine.jobs.make import events, make_job
from tests.engine.programs.trainer import write
from tests.engine.scheduler.desk import Desk, wait_until


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.store.close()


def until(desk: Desk, job: Job, wanted: str) -> Job:
    """Tick until a job is in a state and nobody leaves any more."""
    def there() -> bool:
        desk.scheduler.tick()
        return desk.get(job).state == wanted and not desk.scheduler._leaving

    wait_until(there)
    return desk.get(job)


def test_a_running_job_pauses_after_its_checkpoint_and_goes_on_from_it(desk: Desk) -> None:
    job = desk.running()
    assert (state.pause(desk.store, job.id).state, desk.get(job).want) == ("running", "pause")
    checkpoint = desk.runner.newest / "ckpt" / "step-00000004"
    checkpoint.mkdir(parents=True)
    paused = until(desk, job, "paused")
    assert desk.runner.stopped == [1001]
    assert (paused.pid, paused.attempt, checkpoint.is_dir()) == (None, 1, True)
    assert state.resume(desk.store, job.id).state == "queued"
    running = until(desk, job, "running")
    assert (running.attempt, running.want, len(desk.runner.submitted)) == (1, "run", 3)


def test_a_paused_job_gives_its_place_to_the_next(desk: Desk) -> None:
    first, second = desk.running(), make_job(desk.store)
    desk.scheduler.tick()
    desk.checked()
    state.pause(desk.store, first.id)
    until(desk, second, "running")
    assert desk.get(first).state == "paused"


def test_a_pause_taken_back_before_the_checkpoint_costs_no_attempt(desk: Desk) -> None:
    job = desk.running()
    desk.runner.may_leave.clear()
    state.pause(desk.store, job.id)
    desk.scheduler.tick()
    assert state.resume(desk.store, job.id).state == "running"
    desk.runner.children = False  # an adopted trainer, whose exit status nobody reads
    desk.runner.may_leave.set()
    wait_until(lambda: desk.runner.stopped == [1001])
    running = until(desk, job, "running")
    assert (running.attempt, len(desk.runner.submitted)) == (1, 3)


@pytest.mark.parametrize("act", [
    lambda desk, job: None,
    lambda desk, job: desk.scheduler.tick(),
])
def test_a_new_engine_pauses_what_the_last_one_was_asked_to(desk: Desk, act: Callable[[Desk, Job], None]) -> None:
    job = desk.running()
    desk.runner.may_leave.clear()
    state.pause(desk.store, job.id)
    act(desk, job)
    desk.scheduler = desk.make()
    desk.runner.may_leave.set()
    assert until(desk, job, "paused").attempt == 1


def test_a_trainer_that_paused_while_no_engine_lived_is_no_loss(desk: Desk) -> None:
    job = desk.running()
    state.pause(desk.store, job.id)
    desk.runner.end(None)
    desk.scheduler = desk.make()
    assert until(desk, job, "paused").attempt == 1


def test_a_pause_taken_back_while_the_engine_changes_costs_no_attempt(desk: Desk) -> None:
    job = desk.running()
    state.pause(desk.store, job.id)
    write(desk.runner.newest / "stopped.json", {"attempt": 1})
    desk.runner.end(None)
    desk.scheduler = desk.make()
    state.resume(desk.store, job.id)
    running = until(desk, job, "running")
    assert (running.attempt, running.interruption) == (1, None)
    assert not (desk.runner.newest / "stopped.json").exists()


def test_a_trainer_that_dies_while_it_should_pause_is_paused_with_the_attempt_counted(desk: Desk) -> None:
    job = desk.running()
    state.pause(desk.store, job.id)
    desk.runner.end(70)
    found = until(desk, job, "paused")
    assert (found.attempt, found.interruption) == (2, "The trainer of attempt 1 ended with status 70.")


def test_a_job_that_succeeds_before_it_pauses_has_succeeded(desk: Desk) -> None:
    job = desk.running()
    state.pause(desk.store, job.id)
    desk.succeed()
    desk.runner.end(0)
    assert until(desk, job, "succeeded").fine_tuned_model == job.model_name


def test_a_job_whose_files_are_being_checked_pauses_at_once_and_is_checked_again(desk: Desk) -> None:
    job = make_job(desk.store)
    desk.scheduler.tick()
    assert state.pause(desk.store, job.id).state == "paused"
    until(desk, job, "paused")
    assert desk.runner.stopped == [1000]
    assert not desk.scheduler.busy()
    assert state.resume(desk.store, job.id).state == "queued"
    desk.scheduler.tick()
    assert desk.runner.submitted[-1][1][-1] == "--check"
    desk.checked()
    found = until(desk, job, "running")
    assert found.total_steps == 10


def test_a_resumed_job_whose_files_are_wrong_fails(desk: Desk) -> None:
    job = make_job(desk.store)
    state.pause(desk.store, job.id)
    state.resume(desk.store, job.id)
    desk.scheduler.tick()
    write(desk.runner.newest / "error.json", {"code": "zero_weight", "message": "nothing", "param": "training_file"})
    desk.runner.end(65)
    desk.scheduler.tick()
    assert (desk.get(job).error or {})["code"] == "zero_weight"


def test_a_paused_job_that_is_cancelled_leaves_no_checkpoints(desk: Desk) -> None:
    job = desk.running()
    checkpoint = desk.runner.newest / "ckpt" / "step-00000004"
    checkpoint.mkdir(parents=True)
    state.pause(desk.store, job.id)
    until(desk, job, "paused")
    state.cancel(desk.store, job.id)
    desk.scheduler.tick()
    assert not checkpoint.exists()
    assert desk.get(job).pid is None


def test_an_engine_that_stops_keeps_a_paused_job_paused(desk: Desk) -> None:
    job = desk.running()
    state.pause(desk.store, job.id)
    desk.scheduler.stop()
    assert desk.get(job).state == "paused"
    desk.scheduler = desk.make()
    desk.scheduler.tick()
    assert (desk.get(job).state, len(desk.runner.submitted)) == ("paused", 2)


@pytest.mark.parametrize(("code", "told"), [
    (-signal.SIGKILL, "was killed by signal 9 (SIGKILL), perhaps by the system for lack of memory"),
    (-signal.SIGSEGV, "was killed by signal 11 (SIGSEGV)"), (-65, "was killed by signal 65 (of an unknown name)"),
    (70, "ended with status 70"), (None, "is gone, and left no reason")])
def test_how_a_trainer_died_is_told_and_remembered(desk: Desk, code: int | None, told: str) -> None:
    job = desk.running()
    desk.runner.runs[1001] = RunnerState("lost") if code is None else RunnerState("exited", code)
    desk.scheduler.tick()
    found = desk.get(job)
    assert (found.state, found.interruption) == ("running", f"The trainer of attempt 1 {told}.")
    assert any(f"The trainer {told}; training will go on" in event["message"] for event in events(desk.store, job))
    assert state.as_object(found)["pen"]["interruption"] == found.interruption
