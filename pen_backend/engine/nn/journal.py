"""The trainer's append-only record of what happened: events.jsonl."""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pen_backend.files import Disk

Kind = Literal["metrics", "message", "sample", "checkpoint", "progress"]
MAX_EVENTS = 100_000


class Journal:
    """Writes events with a seq without gaps, also over restarts; a torn last line is cut when it is opened.

    `published` holds the steps whose public checkpoint has been announced, so that a restart can tell what was lost
    between the checkpoint and its event.
    """

    def __init__(self, path: Path, *, attempt: int, disk: Disk, clock: Callable[[], float] = time.time) -> None:
        self._disk = disk
        self._attempt = attempt
        self._clock = clock
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        events, size = read_events(path)
        os.ftruncate(self._descriptor, size)
        self._seq = events[-1]["seq"] if events else 0
        self.published = {event["step"] for event in events
                          if event["kind"] == "checkpoint" and event["data"]["public"]}

    def write(self, kind: Kind, message: str, *, step: int, data: Mapping[str, Any] | None = None,
              level: Literal["info", "warning", "error"] = "info") -> None:
        """Append one event."""
        event = {"seq": self._seq + 1, "time": self._clock(), "attempt": self._attempt, "step": step, "kind": kind,
                 "level": level, "message": message, "data": data}
        self._disk.append(self._descriptor, json.dumps(event, ensure_ascii=False, allow_nan=False).encode() + b"\n")
        self._seq += 1

    def sync(self) -> None:
        """Force what was written to the disk; called before a checkpoint may claim that its steps are told."""
        self._disk.sync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class NoJournal(Journal):
    """The journal of a process that helps another: nothing is written."""

    def __init__(self) -> None:
        self.published = set()

    def write(self, kind: Kind, message: str, *, step: int, data: Mapping[str, Any] | None = None,
              level: Literal["info", "warning", "error"] = "info") -> None:
        """Forget an event."""

    def sync(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def read_events(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Read all whole events of a journal and the number of bytes they take; what follows them is torn."""
    events: list[dict[str, Any]] = []
    size = 0
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            event = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            event = None
        if not isinstance(event, dict) or event.get("seq") != len(events) + 1:
            break
        events.append(event)
        size += len(line)
    return events, size
