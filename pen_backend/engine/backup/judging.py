"""Whether what was unpacked is a whole store, and how it is made to fit its new place.

Whoever made the archive chose every word of its database. Identifiers become parts of paths, and paths are followed by
whoever removes a model: they are judged before anything stands where an engine would find it.
"""

import contextlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pen_backend.engine.backup.layout import DATABASE, EVENTS, JOB, is_plain
from pen_backend.engine.models import PACKAGED
from pen_backend.engine.store import hash_directory
from pen_backend.engine.store.migrations import migrate
from pen_backend.errors import DataError
from pen_backend.files import Disk, write_atomic

_COLUMNS = (("jobs", "id", JOB), ("jobs", "training_blob", "[0-9a-f]{64}"), ("jobs", "validation_blob", "[0-9a-f]{64}"),
            ("files", "id", r"file-[A-Za-z0-9]{24}"), ("files", "blob", "[0-9a-f]{64}"))

Move = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a store holds, and what is not as it should be, in sentences."""

    jobs: int
    models: int
    files: int
    missing: tuple[str, ...]


def judge(unpacked: Path, about: Mapping[str, Any], target: Path, disk: Disk) -> Judged:
    """Make an unpacked store fit TARGET, and count what it holds; DataError if it is none, VersionError if too new."""
    move = _mover(about, target)
    connection = sqlite3.connect(unpacked / DATABASE, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        for pragma in ("trusted_schema=OFF", "synchronous=OFF", "journal_mode=MEMORY"):  # it is synced in the end
            connection.execute(f"PRAGMA {pragma}")
        found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
        if found != "ok":
            raise _wrong("its database is damaged")
        if connection.execute("PRAGMA user_version").fetchone()[0] < 1:
            raise _wrong("its database is no store's")
        migrate(connection, unpacked, disk)
        _check_schema(connection, disk, unpacked)
        _check_names(connection)
        connection.execute("BEGIN IMMEDIATE")
        rows = connection.execute("SELECT seq, path, adapter FROM models").fetchall()
        connection.executemany("UPDATE models SET path = ?, adapter = ? WHERE seq = ?", [
            (move(row["path"]), None if row["adapter"] is None else move(row["adapter"]), row["seq"]) for row in rows])
        # The processes that the rows name are of another store, and may still be at work there.
        connection.execute("UPDATE jobs SET pid = NULL, pid_start_time = NULL, boot_id = NULL, lease_until = NULL")
        connection.execute("COMMIT")
        for row in connection.execute("SELECT id, events_offset FROM jobs WHERE finished_at IS NULL"):
            _fit_job(unpacked / "jobs" / row["id"], row["events_offset"], move, disk)
        jobs, models, files = (int(connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0])  # noqa: S608 - ours
                               for name in ("jobs", "models", "files"))
        missing = tuple(_missing(connection, unpacked, about, target))
        connection.close()
        with (unpacked / DATABASE).open("rb+") as stream:
            disk.sync(stream.fileno())
        return Judged(jobs, models, files, missing)
    except (sqlite3.Error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _wrong("its database is no store's") from error
    finally:
        connection.close()
        for older in unpacked.glob("backup-v*.db"):
            disk.remove(older)


def _mover(about: Mapping[str, Any], target: Path) -> Move:
    """Make the function that finds the new place of what lay in the old store, or came with the old pen."""
    places = [(str(about.get("directory")), target), (str(about.get("packaged")), PACKAGED)]

    def move(text: str) -> str:
        path = PurePosixPath(text)
        for old, new in places:
            if old.startswith("/") and path.is_relative_to(old):
                inner = path.relative_to(old)
                if not all(map(is_plain, inner.parts)):
                    raise _wrong("it names a place that cannot be")
                return str(new / inner)
        if not path.is_absolute() or ".." in path.parts:
            raise _wrong("it names a place that cannot be")
        return text

    return move


def _check_schema(connection: sqlite3.Connection, disk: Disk, directory: Path) -> None:
    """Refuse tables, views and triggers other than a store's own."""
    def schema(one: sqlite3.Connection) -> set[tuple[object, ...]]:
        return {tuple(row) for row in one.execute("SELECT type, name, sql FROM sqlite_master")}

    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh, directory, disk)
        if schema(connection) != schema(fresh):
            raise _wrong("its database is no store's")


def _check_names(connection: sqlite3.Connection) -> None:
    for table, column, form in _COLUMNS:
        for row in connection.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"):  # noqa: S608 - our words
            if not isinstance(row[0], str) or re.fullmatch(form, row[0]) is None:
                raise _wrong(f"its {table} have names that no engine gives")


def _fit_job(directory: Path, offset: int, move: Move, disk: Disk) -> None:
    """Let the orders of a job that goes on, and what its trainer told last, name their new places."""
    for name, keys in (("spec.json", (("base", "path"), ("adapter", "path"), ("train", "path"), ("valid", "path"))),
                       ("result.json", (("model_path",),))):
        path = directory / name
        if path.is_file() and _moved(value := json.loads(path.read_bytes()), keys, move):
            write_atomic(path, json.dumps(value, indent=1, ensure_ascii=False).encode(), disk)
    events = directory / EVENTS
    if events.is_file():
        content = events.read_bytes()
        lines = [_fit_line(line, move) for line in content[offset:].splitlines(keepends=True)]
        write_atomic(events, content[:offset] + b"".join(lines), disk)


def _fit_line(line: bytes, move: Move) -> bytes:
    try:
        value = json.loads(line)
    except ValueError:  # torn while it was copied: its trainer cuts it off
        return line
    return json.dumps(value).encode() + b"\n" if _moved(value, (("data", "path"),), move) else line


def _moved(value: Any, keys: tuple[tuple[str, ...], ...], move: Move) -> bool:
    """Move the paths at KEYS of a JSON object, in place; say whether any has changed."""
    changed = False
    for *outer, last in keys:
        holder = value
        for key in outer:
            holder = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and isinstance(holder.get(last), str) and holder[last].startswith("/"):
            new = move(holder[last])
            changed |= new != holder[last]
            holder[last] = new
    return changed


def _missing(connection: sqlite3.Connection, unpacked: Path, about: Mapping[str, Any], target: Path) -> Iterator[str]:
    """Say what the store names and does not hold: it was so when the backup was made, and harms nothing else."""
    for row in connection.execute("SELECT id, filename, blob FROM files"):
        if not (unpacked / "blobs/sha256" / row["blob"][:2] / row["blob"][2:]).is_file():
            yield f"The content of the file {row['id']} is not in the backup."
    for row in connection.execute("SELECT id, path, adapter, sha256 FROM models"):
        for path in (Path(row["path"]), Path(row["adapter"] or row["path"])):
            here = unpacked / path.relative_to(target) if path.is_relative_to(target) else path
            if not here.is_dir():
                yield f"The model '{row['id']}' needs {path}, which is not there."
                break
        else:
            if hash_directory(here) != row["sha256"]:
                yield f"The files of the model '{row['id']}' had changed when the backup was made; it is not used."
    linked = about.get("linked")
    for name, place in linked.items() if isinstance(linked, dict) else ():
        yield f"The base '{name}' was a link to {place}; add it again: pen models add {place}"


def _wrong(why: str) -> DataError:
    return DataError(f"The backup cannot be restored: {why}.", hint="Use another backup.")
