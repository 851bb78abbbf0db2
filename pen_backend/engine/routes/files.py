"""/v1/files: upload, list, retrieve, content, delete."""

import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pen_backend.engine.jobs.state import no_such_page
from pen_backend.engine.routes.http import answer, engine_of, in_thread, limit_of, query
from pen_backend.engine.routes.upload import Form, read_form
from pen_backend.engine.store import add_file, find_file
from pen_backend.engine.wire.errors import ApiError, invalid_value, not_found, unknown_parameter
from pen_backend.engine.wire.ids import new_id
from pen_backend.errors import Finding
from pen_backend.records import Dialect, read_lines

PURPOSES = ("fine-tune", "assistants", "batch", "vision", "user_data")
FIELDS = ("file", "purpose", "expires_after[anchor]", "expires_after[seconds]")
CHUNK = 1 << 20
FINDINGS_SHOWN = 20
EXPIRY_LEAST, EXPIRY_MOST = 3600, 2_592_000


async def upload(request: Request) -> Response:
    """Keep a file; one for fine-tuning is read through first, and refused whole if a line is wrong."""
    query(request)
    engine = engine_of(request)
    store = engine.store
    with store.temporary() as path:
        form = await read_form(request, path, disk=store.disk)
        purpose, expires_after = _fields(form)
        dialect, records = await in_thread(inspect, path, form.filename or "file") \
            if purpose == "fine-tune" else (None, None)
        file_id, now = new_id("file-"), time.time()

        def keep(connection: sqlite3.Connection) -> None:
            store.publish_blob(path, form.sha256)  # here: the same content may be deleted at any other moment
            add_file(connection, file_id=file_id, filename=form.filename or "file", size=form.bytes, purpose=purpose,
                     blob=form.sha256, dialect=dialect, records=records, now=now,
                     expires_at=None if expires_after is None else int(now) + expires_after)

        await in_thread(store.transact, keep)
    return answer(await in_thread(store.read, lambda connection: file_object(_get(connection, file_id))))


def _fields(form: Form) -> tuple[str, int | None]:
    """Check the small fields: purpose, and when the file expires."""
    for name in form.fields:
        if name not in FIELDS:
            raise unknown_parameter(name, FIELDS)
    purpose = form.fields.get("purpose")
    if purpose is None:
        raise ApiError(400, "missing_required_parameter", "The parameter 'purpose' is required.", param="purpose")
    if purpose not in PURPOSES:
        raise invalid_value("purpose", f"'purpose' must be one of {', '.join(PURPOSES)}.")
    anchor, seconds = (form.fields.get(f"expires_after[{name}]") for name in ("anchor", "seconds"))
    if anchor is None and seconds is None:
        return purpose, None
    if anchor != "created_at":
        raise invalid_value("expires_after.anchor", "'expires_after.anchor' must be 'created_at'.")
    if seconds is None or not (seconds.isascii() and seconds.isdigit() and len(seconds) < 10
                               and EXPIRY_LEAST <= int(seconds) <= EXPIRY_MOST):
        raise invalid_value("expires_after.seconds",
                            f"'expires_after.seconds' must be an integer from {EXPIRY_LEAST} to {EXPIRY_MOST}.")
    return purpose, int(seconds)


def inspect(path: Path, name: str) -> tuple[Dialect, int]:
    """Read a training file through; return its dialect and count of examples, or refuse it with its findings."""
    findings: list[Finding] = []
    wrong = records = silent = 0
    dialect: Dialect | None = None
    with path.open("rb") as stream:
        for item in read_lines(stream, source=name):
            if isinstance(item, Finding):
                found: Finding | None = item
                if item.code == "weights-zero":  # left out and counted by the job; all of them: it fails there
                    silent, found = silent + 1, None
            else:
                line, line_dialect, _ = item
                dialect, records = dialect or line_dialect, records + 1
                found = None if line_dialect == dialect else Finding(
                    "mixed-dialects", f"the line is {line_dialect}, those before it are {dialect}",
                    where=f"{name}:{line}", hint="put each dialect into a file of its own")
            if found is not None:
                wrong += 1
                findings += [found] if len(findings) < FINDINGS_SHOWN else []
    if wrong:
        more = f"\n… and {wrong - len(findings)} more" if wrong > len(findings) else ""
        raise ApiError(400, "invalid_file", "\n".join(map(str, findings)) + more, param="file")
    if not records and not silent:
        raise ApiError(400, "invalid_file", f"{name}: the file holds no examples.", param="file")
    return dialect or "text-list", records


async def list_files(request: Request) -> Response:
    """List files, newest first unless asked otherwise."""
    parameters = query(request, "purpose", "limit", "order", "after")
    order, limit = parameters.get("order", "desc"), limit_of(parameters, 10_000)
    if order not in ("asc", "desc"):
        raise invalid_value("order", "'order' must be 'asc' or 'desc'.")
    purpose, after = parameters.get("purpose"), parameters.get("after")

    def read(connection: sqlite3.Connection) -> list[sqlite3.Row]:
        last = None
        if after is not None:
            row = find_file(connection, after)
            if row is None:
                raise no_such_page(after)
            last = row["seq"]
        beyond = "<" if order == "desc" else ">"
        return connection.execute(
            f"SELECT * FROM files WHERE (expires_at IS NULL OR expires_at > ?) AND (? IS NULL OR purpose = ?) "  # noqa: S608 - two signs and two words
            f"AND (? IS NULL OR seq {beyond} ?) ORDER BY seq {order} LIMIT ?",
            (time.time(), purpose, purpose, last, last, limit + 1)).fetchall()

    rows = await in_thread(engine_of(request).store.read, read)
    data = [file_object(row) for row in rows[:limit]]
    return answer({"object": "list", "data": data, "first_id": data[0]["id"] if data else "",
                   "last_id": data[-1]["id"] if data else "", "has_more": len(rows) > limit})


async def retrieve(request: Request) -> Response:
    """Describe one file."""
    query(request)
    store, file_id = engine_of(request).store, request.path_params["file"]
    return answer(await in_thread(store.read, lambda connection: file_object(_get(connection, file_id))))


async def delete(request: Request) -> Response:
    """Delete a file; a job that uses it keeps its content until the job ends."""
    query(request)
    store, file_id = engine_of(request).store, request.path_params["file"]
    blob = (await in_thread(store.read, lambda connection: _get(connection, file_id)))["blob"]

    def remove(connection: sqlite3.Connection) -> None:
        _get(connection, file_id)
        connection.execute("DELETE FROM files WHERE id = ?", (file_id,))

    def free(connection: sqlite3.Connection) -> None:
        store.drop_blob(connection, blob, besides=file_id)

    await in_thread(store.transact, remove, freeing=free)
    await in_thread(store.read, free)
    return answer({"id": file_id, "object": "file", "deleted": True})


async def content(request: Request) -> Response:
    """Send a file's bytes as they were uploaded."""
    query(request)
    store = engine_of(request).store
    file_id = request.path_params["file"]

    def opened(connection: sqlite3.Connection) -> tuple[int, BinaryIO]:
        row = _get(connection, file_id)
        try:
            return row["bytes"], store.blob(row["blob"]).open("rb")  # what is open can be read to its end
        except FileNotFoundError:  # a deletion was cut off, on a full disk
            raise not_found("file", file_id) from None

    size, stream = await in_thread(store.read, opened)
    return StreamingResponse(_chunks(stream), media_type="application/octet-stream",
                             headers={"content-length": str(size)})


async def _chunks(stream: BinaryIO) -> AsyncIterator[bytes]:
    with stream:
        while chunk := await in_thread(stream.read, CHUNK):
            yield chunk


def _get(connection: sqlite3.Connection, file_id: str) -> sqlite3.Row:
    row = find_file(connection, file_id)
    if row is None:
        raise not_found("file", file_id)
    return row


def file_object(row: sqlite3.Row) -> dict[str, Any]:
    """Build the file object; a file is ready as soon as its upload is answered."""
    body = {"id": row["id"], "object": "file", "bytes": row["bytes"], "created_at": row["created_at"],
            "filename": row["filename"], "purpose": row["purpose"], "status": "processed"}
    return body if row["expires_at"] is None else {**body, "expires_at": row["expires_at"]}
