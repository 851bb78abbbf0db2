"""Remember the jobs launched from this machine: one small file each, replaced whole.

The provider knows its jobs; the ledger knows which definition and which training set each one came from, and answers
without a provider which model a definition was tuned to last.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pen_backend.errors import DataError
from pen_backend.files import Disk, write_atomic

OPEN = ("validating_files", "queued", "running", "paused")
ENDED = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Entry:
    """One launched job: where it runs, what it came from, and how it stood when last seen."""

    job: str
    provider: str
    model: str
    prompt: str | None = None
    plan: str | None = None
    created_at: int = 0
    status: str = "queued"
    fine_tuned_model: str | None = None
    finished_at: int | None = None
    tokens_per_second: float | None = None
    loss: float | None = None

    @property
    def ended(self) -> bool:
        """Say whether nothing about the job changes any more."""
        return self.status in ENDED


class Ledger:
    """The entries of one directory."""

    def __init__(self, directory: Path, disk: Disk | None = None) -> None:
        """Entries are files of DIRECTORY, which is made when the first is written."""
        self._directory = directory
        self._disk = disk or Disk()

    def remember(self, entry: Entry) -> None:
        """Write an entry, replacing the job's earlier one."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = json.dumps(asdict(entry), ensure_ascii=False, indent=1)
        write_atomic(self._path(entry.job), text.encode(), self._disk)

    def find(self, job: str) -> Entry | None:
        """Return a job's entry, or None."""
        return _read(self._path(job))

    def entries(self) -> list[Entry]:
        """Return every entry, newest first; a file that is no entry is passed over."""
        found = [entry for path in self._directory.glob("*.json") if (entry := _read(path)) is not None]
        return sorted(found, key=lambda entry: (entry.created_at, entry.job), reverse=True)

    def saw(self, job: Mapping[str, Any], tokens_per_second: float | None = None, loss: float | None = None) -> None:
        """Bring a known job's entry up to date with the provider's object, how fast it trained, and its last loss.

        The loss is that of held-out texts where there are any.
        """
        entry = self.find(str(job["id"]))
        if entry is None:
            return
        seen = replace(entry, status=str(job["status"]), fine_tuned_model=job.get("fine_tuned_model"),
                       finished_at=job.get("finished_at"),
                       tokens_per_second=tokens_per_second or entry.tokens_per_second,
                       loss=entry.loss if loss is None else loss)
        if seen != entry:
            with contextlib.suppress(OSError):  # only a memory of what the provider knows
                self.remember(seen)

    def newest_model(self, prompt: str, *, provider: str | None = None) -> str | None:
        """Return the model of the newest succeeded job of the definition PROMPT, or None."""
        for entry in self.entries():
            here = provider is None or entry.provider == provider
            if here and entry.prompt == prompt and entry.status == "succeeded" and entry.fine_tuned_model:
                return entry.fine_tuned_model
        return None

    def rate(self, model: str) -> float | None:
        """Return the tokens a second of the newest job on MODEL that was seen training, or None."""
        return next((entry.tokens_per_second for entry in self.entries()
                     if entry.model == model and entry.tokens_per_second), None)

    def entry_of(self, model: str) -> Entry | None:
        """Return the job that made a tuned model, or that a checkpoint is of."""
        for entry in self.entries():
            name = entry.fine_tuned_model
            if name and (model == name or model.startswith(f"{name}:ckpt-")):
                return entry
        return None

    def _path(self, job: str) -> Path:
        if not job or not all(sign.isalnum() or sign in "-_" for sign in job):
            raise DataError("A job's id has only letters, digits, '-' and '_'.", where=job[:80])
        return self._directory / f"{job}.json"


def _read(path: Path) -> Entry | None:
    try:
        content = json.loads(path.read_bytes())
        return Entry(**{each.name: content[each.name] for each in fields(Entry) if each.name in content})
    except (OSError, ValueError, TypeError):
        return None
