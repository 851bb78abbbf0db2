"""What a job tells: the trainer's events.jsonl taken into the database, each event once, and snapshots registered."""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pen_backend.engine.wire.ids import derived_id, snapshot_alias

MAX_EVENTS = 100_000
READ_LIMIT = 4 << 20
_LEVELS = {"info": "info", "warning": "warn", "warn": "warn", "error": "error"}


def add_event(connection: sqlite3.Connection, job_id: str, event_id: str, created_at: int, *, message: str,
              level: str = "info", kind: str = "message", data: Mapping[str, Any] | None = None) -> bool:
    """Insert an event unless its id exists already; say whether it is new."""
    cursor = connection.execute(
        "INSERT OR IGNORE INTO events (id, job_id, created_at, level, type, message, data) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (event_id, job_id, created_at, level, kind, message, None if data is None else json.dumps(data)))
    return cursor.rowcount == 1


def add_state_event(connection: sqlite3.Connection, job_id: str, state: str, attempt: int, created_at: int, *,
                    message: str, level: str = "info", earlier: str) -> None:
    """Tell that a job is now in STATE; the count keeps two visits to one state apart."""
    visits = connection.execute("SELECT COUNT(*) FROM events WHERE job_id = ? AND type = 'message'",
                                (job_id,)).fetchone()[0]
    add_event(connection, job_id, derived_id("ftevent-", job_id, "state", earlier, state, attempt, visits), created_at,
              message=message, level=level, data={"kind": "state", "state": state})


def read_lines(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Read the whole lines of events.jsonl from OFFSET; return them and where the next one begins."""
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            data = stream.read(READ_LIMIT)
    except FileNotFoundError:
        return [], offset
    data = data[:data.rfind(b"\n") + 1]
    return list(_objects(data)), offset + len(data)


def _objects(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue  # torn by a crash; the trainer cuts such a line and writes it again
        if isinstance(value, dict) and isinstance(value.get("kind"), str):
            yield value


def take(connection: sqlite3.Connection, job_id: str, line: Mapping[str, Any], *, total_steps: int | None,
         model_name: str) -> bool:
    """Keep one of the trainer's events if it is for people; say whether it was new."""
    kind, step = line["kind"], int(line.get("step") or 0)
    data = line_data(line)
    every = 1 + (total_steps or 0) // MAX_EVENTS
    if kind == "metrics":
        if every > 1 and step % every:
            return False
        parts: tuple[object, ...] = (kind, step)
    elif kind in ("sample", "checkpoint"):
        parts = (kind, step, data.get("index", 0))
    elif kind == "message":
        parts = (kind, line.get("attempt"), line.get("seq"))
    else:
        return False
    if kind == "checkpoint":
        if not data.get("public"):
            return False
        data = {**data, "name": model_name if is_final(data, total_steps) else snapshot_name(model_name, step)}
    level = _LEVELS.get(str(line.get("level")), "info")
    told = "warning" if kind == "message" and level == "warn" else kind
    public = {name: value for name, value in data.items() if name not in ("path", "public", "final")}
    whole = {"kind": told, **public} if public or told != "message" else None
    return add_event(connection, job_id, derived_id("ftevent-", job_id, *parts), int(line.get("time") or time.time()),
                     message=str(line.get("message") or _message(kind, step, data)), level=level,
                     kind="metrics" if kind == "metrics" else "message", data=whole)


def is_final(data: Mapping[str, Any], total_steps: int | None) -> bool:
    """Tell whether a public checkpoint is the job's model itself: the last one, unless the trainer says otherwise."""
    return bool(data.get("final", data.get("step") == total_steps))


def snapshot_name(model_name: str, step: int) -> str:
    """Name a public checkpoint on the way to the model."""
    return f"{model_name}:ckpt-step-{step}"


def line_data(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of one of the trainer's events, if only an empty object."""
    data = line.get("data")
    return data if isinstance(data, dict) else {}


def _message(kind: str, step: int, data: Mapping[str, Any]) -> str:
    if kind == "metrics" and "train_loss" in data:
        return f"Step {step}/{data.get('total_steps', '?')}: training loss={data['train_loss']:.2f}"
    return f"Step {step}: {kind}"


def add_checkpoint(connection: sqlite3.Connection, job_id: str, *, step: int, model: str,
                   metrics: Mapping[str, Any], now: float | None = None, again: bool = False) -> None:
    """Keep a public checkpoint under the name of its model; a repeated one changes nothing.

    AGAIN makes room for the job's model beside the snapshot of the same step.
    """
    connection.execute(
        "INSERT OR IGNORE INTO checkpoints (id, job_id, created_at, model, step, metrics) VALUES (?, ?, ?, ?, ?, ?)",
        (derived_id("ftckpt_", job_id, step, *(["final"] if again else [])), job_id,
         int(time.time() if now is None else now), model, step, json.dumps(dict(metrics))))


def event_object(row: sqlite3.Row) -> dict[str, Any]:
    """Build the fine_tuning.job.event object."""
    return {"id": row["id"], "object": "fine_tuning.job.event", "created_at": row["created_at"],
            "level": row["level"], "type": row["type"], "message": row["message"],
            "data": None if row["data"] is None else json.loads(row["data"])}


def checkpoint_object(row: sqlite3.Row) -> dict[str, Any]:
    """Build the fine_tuning.job.checkpoint object."""
    metrics = json.loads(row["metrics"])
    return {"id": row["id"], "object": "fine_tuning.job.checkpoint", "created_at": row["created_at"],
            "fine_tuned_model_checkpoint": row["model"], "fine_tuning_job_id": row["job_id"],
            "step_number": row["step"], "metrics": {"step": row["step"], **metrics},
            "pen": {"snapshot": snapshot_alias(row["model"], row["id"], row["created_at"])}}


def page(connection: sqlite3.Connection, table: str, job_id: str, *, after: str | None,
         limit: int) -> tuple[list[sqlite3.Row], bool] | None:
    """List a job's rows of `events` or `checkpoints`, newest first; None if AFTER is not one of them."""
    last = 1 << 62
    if after is not None:
        row = connection.execute(f"SELECT seq FROM {table} WHERE id = ? AND job_id = ?",  # noqa: S608 - one of two names
                                 (after, job_id)).fetchone()
        if row is None:
            return None
        last = row["seq"]
    rows = connection.execute(f"SELECT * FROM {table} WHERE job_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?",  # noqa: S608 - one of two names
                              (job_id, last, limit + 1)).fetchall()
    return rows[:limit], len(rows) > limit
