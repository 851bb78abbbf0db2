"""What a place where jobs run can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pen_backend.engine.jobs.state import Job

STOP_SECONDS = 10.0  # from TERM to KILL


@dataclass(frozen=True, slots=True)
class Resources:
    """Where a program runs: its directory, the file its output goes to, how much it steps back for others."""

    directory: Path
    log: Path
    nice: int = 5


@dataclass(frozen=True, slots=True)
class Handle:
    """One run of one attempt: enough to find its process again after the engine that started it is gone."""

    job_id: str
    attempt: int
    pid: int
    start_time: int
    boot_id: str


def handle_of(job: Job) -> Handle:
    """Find the process that a job's row remembers."""
    return Handle(job.id, job.attempt, job.pid or 0, job.pid_start_time or 0, job.boot_id or "")


@dataclass(frozen=True, slots=True)
class RunnerState:
    """How a run stands. An adopted process that ended is `lost`: only its files tell how."""

    kind: Literal["queued", "running", "exited", "lost"]
    code: int | None = None


class JobRunner(Protocol):
    """A place where jobs run."""

    def submit(self, job_id: str, attempt: int, argv: list[str], env: Mapping[str, str],
               resources: Resources) -> Handle:
        """Start a run; the same job and attempt again is the same run."""
        ...

    def poll(self, handle: Handle) -> RunnerState:
        """Tell how a run stands."""
        ...

    def logs(self, handle: Handle, resources: Resources, offset: int) -> tuple[bytes, int]:
        """Read the run's output from OFFSET; return it and where it goes on."""
        ...

    def stop(self, handle: Handle, *, grace: float = STOP_SECONDS) -> None:
        """End a run and everything it started: TERM, after GRACE seconds KILL."""
        ...
