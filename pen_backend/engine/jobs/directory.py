"""A job's own directory, by whose files the engine and a trainer talk."""

import contextlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pen_backend.engine.jobs.state import Job
from pen_backend.engine.store import Store
from pen_backend.files import Disk, keep_tail, sweep, write_atomic

LOG_BYTES = 50 << 20


@dataclass(frozen=True, slots=True)
class JobDirectory:
    """Where a job's files are, and what becomes of them (engine.md section 4)."""

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
