"""What trainers report, taken into the store: events, findings of a check, snapshots as models; progress in memory."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pen_backend.engine.jobs import state
from pen_backend.engine.jobs.directory import JobDirectory
from pen_backend.engine.jobs.events import add_event, is_final, line_data, read_lines, take
from pen_backend.engine.jobs.state import Job
from pen_backend.engine.models import Models
from pen_backend.engine.scheduler.ending import publish_snapshot
from pen_backend.engine.scheduler.start import start_from
from pen_backend.engine.store import Store
from pen_backend.engine.wire.ids import derived_id


class Reports:
    """Reads the journals of jobs; each event is kept once, whoever reads it how often."""

    def __init__(self, store: Store, models: Models) -> None:
        self._store = store
        self._models = models
        self._progress: dict[str, Mapping[str, Any]] = {}

    def progress(self, job_id: str) -> Mapping[str, Any] | None:
        """Return a trainer's newest progress, which only memory keeps."""
        return self._progress.get(job_id)

    def forget(self, job_id: str) -> None:
        """Let the progress of a job go whose trainer has ended."""
        self._progress.pop(job_id, None)

    def drain(self, job: Job, directory: JobDirectory) -> None:
        """Take a trainer's new events into the store, and its snapshots among the models."""
        offset = state.get(self._store, job.id).events_offset
        while True:
            lines, following = read_lines(directory.events, offset)
            if following == offset:
                return
            for line in lines:
                data = line_data(line)
                if line["kind"] == "progress":
                    self._progress[job.id] = data
                elif line["kind"] == "checkpoint" and data.get("public") and not is_final(data, job.total_steps):
                    self._snapshot(job, directory, data)
            self._store.transact(lambda connection: _keep(connection, job, lines, following))  # noqa: B023 - runs at once
            offset = following

    def _snapshot(self, job: Job, directory: JobDirectory, data: Mapping[str, Any]) -> None:
        path = directory.path / str(data.get("path"))
        model = self._models.find(job.model)
        if model is not None and path.is_dir():
            publish_snapshot(self._store, job, start_from(model), model.base, path, data)


def _keep(connection: sqlite3.Connection, job: Job, lines: Sequence[Mapping[str, Any]], following: int) -> None:
    """Keep events together with the place up to which they were read."""
    for line in lines:
        take(connection, job.id, line, total_steps=job.total_steps, model_name=job.model_name)
    state.update(connection, job.id, {"events_offset": following})


def tell_findings(connection: sqlite3.Connection, job: Job, checked: Mapping[str, Any]) -> None:
    """Make the findings of a check events; each has its file and line."""
    for number, finding in enumerate(checked.get("findings") or ()):
        where = f"{finding['where']}: " if finding.get("where") else ""
        level = "error" if finding.get("level") == "error" else "warn"
        add_event(connection, job.id, derived_id("ftevent-", job.id, "finding", number), int(time.time()),
                  message=f"{where}{finding.get('message')}", level=level,
                  data={"kind": "warning", "code": finding.get("code")})
