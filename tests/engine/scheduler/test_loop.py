"""The scheduler against a runner that only pretends: what each end of a trainer means, adoption, refusal, cancel."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pen_backend.engine.jobs import state
from pen_backend.engine.jobs.running import LOG_BYTES, Handle, Resources, RunnerState
from pen_backend.engine.jobs.state import Job
from pen_backend.engine.models import Models
from pen_backend.engine.scheduler import Scheduler
from pen_backend.engine.store import Store
from pen_backend.files import Disk
from tests.engine.harness import tiny_base
from tests.engine.jobs.make import events, make_job
from tests.engine.programs.trainer import model, write

CHECKED = {"examples": 4, "total_steps": 10, "memory_bytes": 1000, "findings": []}


class PretendRunner:
    """Runs nothing: a test says how each run stands."""

    def __init__(self) -> None:
        self.runs: dict[int, RunnerState] = {}
        self.submitted: list[tuple[int, list[str], Mapping[str, str], Path]] = []
        self.stopped: list[int] = []
        self.children = True  # whether exit statuses can be read
        self.may_leave = threading.Event()
        self.may_leave.set()

    def submit(self, job_id: str, attempt: int, argv: list[str], env: Mapping[str, str],
               resources: Resources) -> Handle:
        pid = 1000 + len(self.submitted)
        self.submitted.append((attempt, argv, env, resources.directory))
        self.runs[pid] = RunnerState("running")
        return Handle(job_id, attempt, pid, 1, "boot")

    def poll(self, handle: Handle) -> RunnerState:
        return self.runs.get(handle.pid, RunnerState("lost"))

    def logs(self, handle: Handle, resources: Resources, offset: int) -> tuple[bytes, int]:
        return b"", offset

    def stop(self, handle: Handle, *, grace: float = 10.0) -> None:
        assert self.may_leave.wait(10)
        self.stopped.append(handle.pid)
        self.runs[handle.pid] = RunnerState("exited", 75) if self.children else RunnerState("lost")

    @property
    def newest(self) -> Path:
        return self.submitted[-1][3]

    def end(self, code: int | None = 0) -> None:
        self.runs[999 + len(self.submitted)] = RunnerState("lost") if code is None else RunnerState("exited", code)


class Desk:
    """A store, a scheduler and its runner; `scheduler()` makes another one, as a new engine does."""

    def __init__(self, directory: Path, **arguments: Any) -> None:
        self.store = Store(directory, disk=arguments.pop("disk", Disk()))
        self.models = Models(self.store, [tiny_base(directory / "given")])
        self.runner = PretendRunner()
        self.arguments = {"memory": lambda: None, **arguments}
        self.scheduler = self.make()

    def make(self) -> Scheduler:
        return Scheduler(self.store, self.models, self.runner, trainer_argv=["train"], environ={}, threads=1,
                         **self.arguments)

    def get(self, job: Job) -> Job:
        return state.get(self.store, job.id)

    def running(self, **changes: Any) -> Job:
        """Bring a fresh job to its trainer's start."""
        job = make_job(self.store, **changes)
        self.scheduler.tick()
        self.checked()
        self.scheduler.tick()
        assert self.get(job).state == "running"
        return self.get(job)

    def checked(self, found: Mapping[str, Any] = CHECKED) -> None:
        write(self.runner.newest / "check.json", dict(found))
        self.runner.end(0)

    def succeed(self) -> None:
        jobdir = self.runner.newest
        model(jobdir / "ckpt" / "step-00000010", 10)
        (jobdir / "step_metrics.csv").write_text("step\n")
        write(jobdir / "result.json", {"model_path": str(jobdir / "ckpt" / "step-00000010"), "steps": 10,
                                       "trained_tokens": 99, "metrics": {"train_loss": 1.5}})


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.store.close()


def wait_until(truth: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.005)


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


def test_an_engine_that_died_while_publishing_publishes_again(desk: Desk) -> None:
    job = desk.running()
    desk.succeed()
    (desk.runner.newest / "ckpt" / "step-00000010").rename(desk.store.directory / "models" / job.id)
    desk.runner.end(None)
    desk.make().tick()
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


@pytest.mark.parametrize("code", [70, 137, -9, -11, 1, None])
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


def test_a_new_engine_adopts_a_living_trainer(desk: Desk) -> None:
    job = desk.running()
    later = desk.make()
    later.tick()
    assert len(desk.runner.submitted) == 2
    assert [handle.pid for handle in later.trainers()] == [job.pid]


def test_a_new_engine_takes_what_was_told_meanwhile(desk: Desk) -> None:
    job = desk.running()
    metrics = {"seq": 1, "time": 1, "attempt": 1, "step": 1, "kind": "metrics", "level": "info", "message": "m",
               "data": {"step": 1, "train_loss": 2.0}}
    (desk.runner.newest / "events.jsonl").write_text(json.dumps(metrics) + "\n")
    desk.succeed()
    desk.runner.end(None)
    desk.make().tick()
    assert desk.get(job).state == "succeeded"
    assert [event["type"] for event in events(desk.store, job)].count("metrics") == 1


def test_an_engine_that_died_before_noting_the_process_down_asks_the_runner(desk: Desk) -> None:
    job = desk.running()
    desk.store.transact(lambda connection: state.update(connection, job.id, {"pid": None}))
    desk.make().tick()
    assert len(desk.runner.submitted) == 3
    assert desk.runner.submitted[-1][0] == 1


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


def test_bad_files_fail_before_the_queue(desk: Desk) -> None:
    job = make_job(desk.store)
    desk.scheduler.tick()
    error = {"code": "invalid_training_file", "message": "train.jsonl:3: too long", "param": "training_file"}
    write(desk.runner.newest / "error.json", error)
    desk.runner.end(65)
    desk.scheduler.tick()
    assert (desk.get(job).state, desk.get(job).error) == ("failed", error)


def test_findings_of_the_check_are_warnings(desk: Desk) -> None:
    job = make_job(desk.store)
    desk.scheduler.tick()
    desk.checked({**CHECKED, "findings": [{"code": "few-examples", "message": "only 4", "where": "train.jsonl"}]})
    desk.scheduler.tick()
    warnings = [event for event in events(desk.store, job) if event["level"] == "warn"]
    assert [event["message"] for event in warnings] == ["train.jsonl: only 4"]


def test_a_check_that_keeps_dying_fails_the_job(desk: Desk) -> None:
    job = make_job(desk.store)
    for _ in range(8):
        desk.scheduler.tick()
        desk.runner.end(-9)
    found = desk.get(job)
    assert found.state == "failed"
    assert found.error is not None
    assert found.error["code"] == "lost"


def test_too_little_disk_fails_before_the_start(tmp_path: Path) -> None:
    class SmallDisk(Disk):
        def free_bytes(self, path: Path) -> int:
            return 1000

    desk = Desk(tmp_path, disk=SmallDisk())
    job = make_job(desk.store)
    desk.scheduler.tick()
    desk.checked()
    desk.scheduler.tick()
    found = desk.get(job)
    assert found.error is not None
    assert found.error["code"] == "no_space"
    assert len(desk.runner.submitted) == 1
    desk.store.close()


def test_too_little_memory_fails_before_the_start_with_the_numbers(tmp_path: Path) -> None:
    desk = Desk(tmp_path, memory=lambda: 3_000_000)
    job = make_job(desk.store)
    desk.scheduler.tick()
    desk.checked({**CHECKED, "memory_bytes": 5_000_000})
    desk.scheduler.tick()
    found = desk.get(job)
    assert found.error is not None
    assert found.error["code"] == "out_of_memory"
    assert "5 MB" in found.error["message"]
    assert "3 MB" in found.error["message"]
    desk.store.close()


def test_a_model_that_is_gone_fails_the_job(desk: Desk) -> None:
    job = make_job(desk.store, model="other")
    desk.scheduler.tick()
    found = desk.get(job)
    assert found.error is not None
    assert found.error["code"] == "invalid_model"


def test_a_model_whose_files_are_spoilt_fails_the_job(desk: Desk) -> None:
    job = make_job(desk.store)
    (desk.store.directory / "given" / "tiny" / "model.safetensors").write_bytes(b"\xff" * 100)
    desk.scheduler.tick()
    found = desk.get(job)
    assert found.error is not None
    assert found.error["code"] == "invalid_model"


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


@pytest.mark.parametrize("checked", [False, True])
def test_a_cancelled_jobs_process_is_sent_home(desk: Desk, checked: bool) -> None:
    job = desk.running() if checked else make_job(desk.store)
    desk.scheduler.tick()
    state.cancel(desk.store, job.id)
    desk.scheduler.tick()
    wait_until(lambda: bool(desk.runner.stopped))
    wait_until(lambda: not desk.scheduler.tick())
    assert desk.runner.stopped == [1001 if checked else 1000]
    assert desk.get(job).pid is None
    assert desk.get(job).state == "cancelled"


def test_a_new_engine_ends_the_trainer_of_a_cancelled_job(desk: Desk) -> None:
    job = desk.running()
    state.cancel(desk.store, job.id)
    later = desk.make()
    later.tick()
    wait_until(lambda: not later.tick())
    assert desk.runner.stopped == [job.pid]


def test_a_stop_checkpoints_and_the_same_attempt_goes_on(desk: Desk) -> None:
    job = desk.running()
    desk.scheduler.stop()
    assert desk.runner.stopped == [job.pid]
    assert (desk.get(job).state, desk.get(job).attempt) == ("queued", 1)
    desk.make().tick()
    assert (desk.get(job).state, desk.get(job).attempt) == ("running", 1)


def test_a_stop_of_an_adopted_trainer_is_no_loss(desk: Desk) -> None:
    job = desk.running()
    later = desk.make()
    later.tick()
    desk.runner.children = False
    later.stop()
    assert (desk.get(job).state, desk.get(job).attempt) == ("queued", 1)


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
