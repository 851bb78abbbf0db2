"""A scheduler at its desk: a store, and a runner that only pretends."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pen_backend.engine.jobs import state
from pen_backend.engine.jobs.running import Handle, Resources, RunnerState
from pen_backend.engine.jobs.state import Job
from pen_backend.engine.models import Models
from pen_backend.engine.scheduler import Scheduler
from pen_backend.engine.store import Store
from pen_backend.files import Disk
from tests.engine.harness import tiny_base
from tests.engine.jobs.make import make_job
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
        assert self.may_leave.wait(60)
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


def wait_until(truth: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.005)
