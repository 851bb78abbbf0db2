"""The job and its state machine: every change names the state it comes from, and terminal states never change."""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pen_backend.engine.jobs.events import add_event, add_state_event
from pen_backend.engine.store import Store
from pen_backend.engine.wire.errors import ApiError, invalid_state, not_found, queue_full
from pen_backend.engine.wire.ids import derived_id, new_id

QUEUE_LIMIT = 100
MAX_ATTEMPTS = 4
WAITING = ("validating_files", "queued")
TERMINAL = ("succeeded", "failed", "cancelled")
_WAITING = "state IN ('validating_files', 'queued')"
TRANSITIONS = {
    "validating_files": ("queued", "failed", "paused", "cancelled"),
    "queued": ("running", "failed", "paused", "cancelled"),
    "running": ("succeeded", "failed", "cancelled", "paused", "queued"),
    "paused": ("queued", "cancelled"),
}


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the jobs table; JSON columns are read."""

    seq: int
    id: str
    created_at: int
    finished_at: int | None
    state: str
    want: str
    model: str
    training_file: str
    training_blob: str
    training_dialect: str
    validation_file: str | None
    validation_blob: str | None
    validation_dialect: str | None
    seed: int
    metadata: Mapping[str, str]
    hyperparameters: Mapping[str, Any]
    options: Mapping[str, Any]
    model_name: str
    attempt: int
    lease_until: float | None
    pid: int | None
    pid_start_time: int | None
    boot_id: str | None
    events_offset: int
    total_steps: int | None
    trained_tokens: int | None
    fine_tuned_model: str | None
    result_files: Sequence[str]
    error: Mapping[str, Any] | None
    interruption: str | None


_JSON = ("metadata", "hyperparameters", "options", "result_files", "error")


def _job(row: sqlite3.Row) -> Job:
    values = dict(row)
    for name in _JSON:
        values[name] = None if values[name] is None else json.loads(values[name])
    return Job(**values)


def insert(connection: sqlite3.Connection, *, model: str, root: str, training: Mapping[str, Any],
           validation: Mapping[str, Any] | None, suffix: str | None, seed: int, metadata: Mapping[str, str],
           hyperparameters: Mapping[str, Any], options: Mapping[str, Any], now: float | None = None) -> Job:
    """Add a job with its first event; once the transaction is durable, the job will reach an end.

    TRAINING and VALIDATION are rows of the files table; ROOT is the base that names the model to be.
    """
    job_id = new_id("ftjob-")
    moment = int(time.time() if now is None else now)
    base = root.rpartition("/")[2]
    name = f"ft:{base}:local:{suffix or ''}:{derived_id('', job_id, 'model', length=8)}"
    waiting = connection.execute(f"SELECT COUNT(*) FROM jobs WHERE {_WAITING}").fetchone()[0]  # noqa: S608 - our words
    if waiting >= QUEUE_LIMIT:
        raise queue_full(f"{waiting} jobs are waiting already; wait for one to end.", seconds=30)
    connection.execute(
        "INSERT INTO jobs (id, created_at, state, model, training_file, training_blob, training_dialect, "
        "validation_file, validation_blob, validation_dialect, seed, metadata, hyperparameters, options, "
        "model_name) VALUES (?, ?, 'validating_files', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (job_id, moment, model, training["id"], training["blob"], training["dialect"],
         validation and validation["id"], validation and validation["blob"], validation and validation["dialect"],
         seed, json.dumps(metadata), json.dumps(hyperparameters), json.dumps(options), name))
    add_event(connection, job_id, derived_id("ftevent-", job_id, "created"), moment,
              message=f"Created fine-tuning job: {job_id}",
              data={"kind": "state", "state": "validating_files"})
    return fetch(connection, job_id)


def queue_position(connection: sqlite3.Connection, job: Job) -> int | None:
    """Count the jobs that wait up to this one; None if it does not wait."""
    if job.state not in WAITING:
        return None
    counted: int = connection.execute(
        f"SELECT COUNT(*) FROM jobs WHERE {_WAITING} AND seq <= ?", (job.seq,)).fetchone()[0]  # noqa: S608 - our words
    return counted


def fetch(connection: sqlite3.Connection, job_id: str) -> Job:
    """Read one job, or say that there is none."""
    row = connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise not_found("job", job_id)
    return _job(row)


def get(store: Store, job_id: str) -> Job:
    """Read one job, or say that there is none."""
    return store.read(lambda connection: fetch(connection, job_id))


def in_states(store: Store, *states: str) -> list[Job]:
    """List the jobs in any of STATES, oldest first."""
    marks = ", ".join("?" * len(states))
    return store.read(lambda connection: [_job(row) for row in connection.execute(
        f"SELECT * FROM jobs WHERE state IN ({marks}) ORDER BY seq", states)])  # noqa: S608 - only question marks


def ended_alive(store: Store) -> list[Job]:
    """List the jobs that were cancelled or given up and whose trainer may still run, or whose files lie there."""
    return store.read(lambda connection: [_job(row) for row in connection.execute(
        "SELECT * FROM jobs WHERE state IN ('cancelled', 'failed') AND pid IS NOT NULL")])


def page(store: Store, *, after: str | None, limit: int, metadata: Mapping[str, str]) -> tuple[list[Job], bool]:
    """List jobs newest first, those with all of METADATA; say whether there are more."""
    def select(connection: sqlite3.Connection) -> list[Job]:
        last = 1 << 62 if after is None else fetch(connection, after).seq
        found: list[Job] = []
        for row in connection.execute("SELECT * FROM jobs WHERE seq < ? ORDER BY seq DESC", (last,)):
            job = _job(row)
            if all(job.metadata.get(key) == value for key, value in metadata.items()):
                found.append(job)
            if len(found) > limit:
                break
        return found

    found = store.read(select)
    return found[:limit], len(found) > limit


def move(connection: sqlite3.Connection, job: Job, to: str, *, message: str, level: str = "info",
         now: float | None = None, **columns: Any) -> bool:
    """Take JOB from the state it was read in to TO, with an event; say whether it still was in that state."""
    if to not in TRANSITIONS.get(job.state, ()):
        raise ValueError(f"a job cannot go from {job.state} to {to}")
    moment = time.time() if now is None else now
    values = {**columns, "state": to}
    if to in TERMINAL:
        values["finished_at"] = int(moment)
    if to != "running":
        values |= {"pid": None, "pid_start_time": None, "boot_id": None, "lease_until": None}
    if not update(connection, job.id, values, state=job.state):
        return False
    add_state_event(connection, job.id, to, values.get("attempt", job.attempt), int(moment), message=message,
                    level=level, earlier=job.state)
    return True


def update(connection: sqlite3.Connection, job_id: str, values: Mapping[str, Any], *, state: str | None = None) -> bool:
    """Set columns of a job, if it is (still) in STATE; say whether it was."""
    encoded = {key: json.dumps(value) if key in _JSON and value is not None else value for key, value in values.items()}
    assignments = ", ".join(f"{key} = ?" for key in encoded)
    condition = "id = ?" + ("" if state is None else " AND state = ?")
    cursor = connection.execute(f"UPDATE jobs SET {assignments} WHERE {condition}",  # noqa: S608 - our own column names
                                (*encoded.values(), job_id, *(() if state is None else (state,))))
    return cursor.rowcount == 1


def pause(store: Store, job_id: str, *, now: float | None = None) -> Job:
    """Pause a job: at once if no trainer runs, else the scheduler sends its trainer home. Again changes nothing."""
    def change(connection: sqlite3.Connection) -> Job:
        job = _unfinished(connection, job_id, "paused")
        if job.state == "running":
            _want(connection, job, "pause", "The job pauses after a checkpoint.", now)
        elif job.state != "paused":
            move(connection, job, "paused", message="The job was paused.", now=now, want="pause")
        return fetch(connection, job_id)

    return store.transact(change)


def resume(store: Store, job_id: str, *, now: float | None = None) -> Job:
    """Let a paused job go on, or one that is about to pause; any other does so already, and nothing changes."""
    def change(connection: sqlite3.Connection) -> Job:
        job = _unfinished(connection, job_id, "resumed")
        if job.state == "paused":
            move(connection, job, "queued", message="The job was resumed.", now=now, want="run")
        else:
            _want(connection, job, "run", "The job was resumed before it had paused.", now)
        return fetch(connection, job_id)

    return store.transact(change)


def set_aside(connection: sqlite3.Connection, job: Job, *, message: str, **columns: Any) -> bool:
    """Let JOB, whose trainer has ended before its work, wait: in the queue, or paused if somebody wants that."""
    paused = fetch(connection, job.id).want == "pause"
    return move(connection, job, "paused" if paused else "queued", message="The job was paused." if paused else message,
                level="info" if paused else "warn", **columns)


def _want(connection: sqlite3.Connection, job: Job, want: str, message: str, now: float | None) -> None:
    if job.want != want:
        update(connection, job.id, {"want": want})
        add_state_event(connection, job.id, job.state, job.attempt, int(time.time() if now is None else now),
                        message=message, earlier=job.state)


def _unfinished(connection: sqlite3.Connection, job_id: str, what: str) -> Job:
    """Read a job that has not ended; refuse another one."""
    job = fetch(connection, job_id)
    if job.state in TERMINAL:
        ended = "been cancelled" if job.state == "cancelled" else job.state
        raise invalid_state(f"The job has already {ended}; only a job that has not ended can be {what}.")
    return job


def cancel(store: Store, job_id: str, *, now: float | None = None) -> Job:
    """Cancel a job at once; the scheduler sends its trainer home. A second cancel changes nothing."""
    def change(connection: sqlite3.Connection) -> Job:
        job = fetch(connection, job_id)
        if job.state != "cancelled":
            _unfinished(connection, job_id, "cancelled")
            move(connection, job, "cancelled", message="The job was cancelled.", now=now, want="cancel")
            _still_alive(connection, job)
        return fetch(connection, job_id)

    return store.transact(change)


def _still_alive(connection: sqlite3.Connection, job: Job) -> None:
    """Keep an ended job's process recorded until it is gone, so that the next engine can still find and stop it.

    A job without a process keeps the id 0, until its files are cleared away.
    """
    update(connection, job.id, {"pid": job.pid or 0, "pid_start_time": job.pid_start_time, "boot_id": job.boot_id})


def fail_alive(connection: sqlite3.Connection, job_id: str, error: Mapping[str, Any]) -> None:
    """End a job as failed while its trainer still runs, unless it has ended already."""
    job = fetch(connection, job_id)
    if job.state not in TERMINAL:
        fail(connection, job, error)
        _still_alive(connection, job)


def fail(connection: sqlite3.Connection, job: Job, error: Mapping[str, Any], *, now: float | None = None) -> None:
    """End JOB as failed, with a code, one sentence, and the parameter it is about."""
    whole = {"code": error.get("code") or "internal_error",
             "message": error.get("message") or "Training failed.", "param": error.get("param")}
    move(connection, job, "failed", message=str(whole["message"]), level="error", error=whole, now=now)


def method_of(hyperparameters: Mapping[str, Any]) -> str:
    """Tell how a job trains: only preferences have a beta."""
    return "dpo" if "beta" in hyperparameters else "supervised"


def as_object(job: Job, *, queue_position: int | None = None,
              progress: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Build the fine_tuning.job object; PROGRESS is the trainer's newest, which only memory keeps."""
    seconds = (progress or {}).get("eta_seconds") if job.state == "running" else None
    method = method_of(job.hyperparameters)
    total = job.total_steps or (progress or {}).get("total_steps")
    pen = {**job.options, "attempt": job.attempt, "want": job.want, "queue_position": queue_position,
           "total_steps": total, "interruption": job.interruption}
    if job.state == "running" and progress:
        pen |= {key: progress.get(key) for key in ("steps_done", "tokens_per_second", "eta_seconds")}
    return {
        "id": job.id, "object": "fine_tuning.job", "created_at": job.created_at, "finished_at": job.finished_at,
        "status": job.state, "model": job.model, "fine_tuned_model": job.fine_tuned_model,
        "organization_id": "org-local", "training_file": job.training_file, "validation_file": job.validation_file,
        "result_files": list(job.result_files), "trained_tokens": job.trained_tokens, "error": job.error,
        "seed": job.seed,
        "hyperparameters": {key: value for key, value in job.hyperparameters.items() if key != "beta"},
        "method": {"type": method, method: {"hyperparameters": dict(job.hyperparameters)}},
        "metadata": dict(job.metadata), "integrations": None,
        "estimated_finish": None if seconds is None else int(time.time() + seconds),
        "pen": pen,
    }


def no_such_page(after: str) -> ApiError:
    """Say that a list cannot go on after something that is not in it."""
    short = after if len(after) <= 40 else after[:37] + "…"
    return ApiError(400, "invalid_value", f"'after' names '{short}', which is not in this list.", param="after")
