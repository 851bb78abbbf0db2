"""Whether the database still is what was written: sealed with a backup at every orderly close, judged at every opening.

The seal names the hashes of both. A bit that flips while no engine runs is found by it, and the backup, which holds the
same, takes the place of what is damaged; that is kept beside it. After a crash there is no seal: SQLite's own check
judges then, and what fails it is left alone for somebody to decide.
"""

import contextlib
import hashlib
import json
import logging
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

from pen_backend.engine.store.migrations import back_up
from pen_backend.errors import DataError
from pen_backend.files import Disk, temporary_name, write_atomic

DATABASE, BACKUP, SEAL = "pen.db", "backup.db", "pen.db.seal"
RESTORING = "restoring"  # stands in the directory while a backup's files are put in their places

_log = logging.getLogger(__name__)


def examine(directory: Path, disk: Disk) -> None:
    """Judge the database of DIRECTORY before it is opened; a damaged one is replaced, or DataError says what to do."""
    database = directory / DATABASE
    if (directory / RESTORING).exists():
        raise DataError("A restore of this store was cut off.", where=str(directory),
                        hint="Run `pen restore` with the same file again.")
    sealed = _read(directory / SEAL)
    if not database.exists() or not database.stat().st_size:
        if sealed is not None:
            _replace(directory, disk, sealed, "it is gone")
        elif (directory / BACKUP).exists():
            raise _refusal(directory, "it is gone")
        return
    if sealed is None:
        if wrong := _complaint(database):
            raise _refusal(directory, wrong)
        return
    if sealed.get(DATABASE) == _facts(database):
        return
    # Bits that flip do not change when a file was written; somebody else's program does, and may have had its reasons.
    wrong = "a byte of it has changed" if sealed[DATABASE]["mtime_ns"] == database.stat().st_mtime_ns \
        else _complaint(database)
    if wrong:
        _replace(directory, disk, sealed, wrong)


def unseal(directory: Path, disk: Disk) -> None:
    """Take the seal away, before anything is written."""
    if (directory / SEAL).exists():
        disk.remove(directory / SEAL)
        disk.sync_directory(directory)


def copy(connection: sqlite3.Connection, directory: Path, disk: Disk) -> None:
    """Write the backup that the seal will name; without room for it the older one stays."""
    try:
        back_up(connection, directory / BACKUP, disk)
    except (OSError, sqlite3.Error) as error:
        _log.warning("the store was not backed up: %s", error)


def seal(directory: Path, disk: Disk) -> None:
    """Name the hashes of the database, which is closed, and of its backup."""
    with contextlib.suppress(OSError):  # without a seal SQLite's own check judges at the next opening
        facts = {name: _facts(directory / name) for name in (DATABASE, BACKUP) if (directory / name).exists()}
        write_atomic(directory / SEAL, json.dumps(facts).encode(), disk)


def _facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    known = path.stat()
    return {"sha256": sha256, "bytes": known.st_size, "mtime_ns": known.st_mtime_ns}


def _read(path: Path) -> dict[str, Any] | None:
    """Read a seal; one that is damaged itself says nothing."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(path.read_bytes())
        if isinstance(found[DATABASE]["mtime_ns"], int):
            return dict(found)
    return None


def _complaint(database: Path) -> str | None:
    """Let SQLite judge a database; return what is wrong with it, if anything."""
    # Only reading: what a crashed engine has left in the write-ahead log stays there until somebody may write.
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        connection.close()
    return None if found == "ok" else " ".join(found.split())


def _replace(directory: Path, disk: Disk, sealed: dict[str, Any], wrong: str) -> None:
    """Put the backup of the same moment in the place of a damaged database, which is kept."""
    backup = directory / BACKUP
    if not backup.exists() or sealed.get(BACKUP, {}).get("sha256") != _facts(backup)["sha256"]:
        raise _refusal(directory, wrong)
    kept = directory / f"damaged-{time.strftime('%Y%m%d-%H%M%S')}.db"
    temporary = temporary_name(directory / DATABASE)
    shutil.copyfile(backup, temporary)
    with temporary.open("rb+") as stream:
        disk.sync(stream.fileno())
    temporary.chmod(0o600)
    if (directory / DATABASE).exists():
        shutil.copyfile(directory / DATABASE, kept)
    for name in (f"{DATABASE}-wal", f"{DATABASE}-shm"):
        disk.remove(directory / name)
    disk.publish(temporary, directory / DATABASE)
    _log.warning("the store was damaged (%s) and is put back from %s, which holds the same; what there was of it is "
                 "kept as %s", wrong, BACKUP, kept.name)


def _refusal(directory: Path, wrong: str) -> DataError:
    backups = sorted(directory.glob("backup*.db"), key=lambda path: path.stat().st_mtime, reverse=True)
    hint = "Choose another --state, or restore a backup that you have made." if not backups else (
        f"Its last backup is {backups[0].name} of "
        f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(backups[0].stat().st_mtime))}: move {DATABASE} away and copy "
        f"the backup to its name. Files of models and jobs are not touched.")
    return DataError(f"The store is damaged ({wrong}).", where=str(directory / DATABASE), hint=hint)
