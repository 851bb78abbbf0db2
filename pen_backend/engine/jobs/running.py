"""What a place where jobs run can do, and a job's own directory: files in, files out."""

import contextlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from pen_backend.engine.jobs.state import Job
from pen_backend.engine.store import Store
from pen_backend.files import Disk, keep_tail, sweep, write_atomic

LOG_BYTES = 50 << 20
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


@dataclass(frozen=True, slots=True)
class JobDirectory:
    """The files by which the engine and a trainer talk (engine.md section 4)."""

    path: Path
    disk: Disk

    @classmethod
    def of(cls, store: Store, job: Job) -> "JobDirectory":
        """Find a job's directory in the store."""
        return cls(store.directory / "jobs" / job.id, store.disk)

    @property
    def log(self) -> Path:
        """Locate what the trainer printed."""
        return self.path / "trainer.log"

    @property
    def events(self) -> Path:
        """Locate what the trainer told."""
        return self.path / "events.jsonl"

    def prepare(self, spec: Mapping[str, Any]) -> None:
        """Write the order down, in a directory free of what dead engines and trainers left half written."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        sweep(self.path, self.disk)
        write_atomic(self.path / "spec.json", json.dumps(spec, indent=1, ensure_ascii=False).encode(), self.disk)

    def begin(self, attempt: int) -> None:
        """Make ready for an attempt: name it, so that an older one leaves, and forget how the last one ended."""
        for name in ("error.json", "stopped.json"):
            self.disk.remove(self.path / name)
        write_atomic(self.path / "attempt", f"{attempt}\n".encode(), self.disk)

    def read(self, name: str) -> dict[str, Any] | None:
        """Read one of the trainer's JSON files; None if it is absent or not whole."""
        try:
            value = json.loads((self.path / name).read_bytes())
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def cap_logs(self) -> None:
        """Keep of long logs the tail; a log that cannot be cut is nobody's fault."""
        for log in self.path.glob("*.log"):
            with contextlib.suppress(OSError):
                keep_tail(log, LOG_BYTES)

    def clean(self, *, keep: set[Path]) -> None:
        """Remove what a finished job no longer needs: resume checkpoints and temporary files, not KEEP's."""
        checkpoints = self.path / "ckpt"
        for entry in checkpoints.iterdir() if checkpoints.is_dir() else ():
            if entry not in keep and entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.is_dir():
                sweep(entry, self.disk)
        sweep(self.path, self.disk)
