"""A store put in its place by renames: what stood there is kept beside it, and a restore that is cut off is told."""

import contextlib
import sqlite3
import time
from pathlib import Path

from pen_backend.engine.backup.layout import DATABASE, FOLDERS
from pen_backend.engine.store.integrity import BACKUP, RESTORING, SEAL
from pen_backend.engine.store.lock import is_held
from pen_backend.files import Disk, write_atomic

_OWN = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", SEAL, BACKUP, *FOLDERS)


def busy_job(directory: Path) -> str | None:
    """Name a job whose trainer, which outlives its engine, still works in this store."""
    for lock in sorted((directory / "jobs").glob("*/lock")):
        if is_held(lock):
            return lock.parent.name
    return None


def was_cut_off(directory: Path) -> bool:
    """Say whether a restore into DIRECTORY has begun and not ended."""
    return (directory / RESTORING).exists()


def is_empty(directory: Path) -> bool:
    """Say whether a store holds nothing that anybody could miss."""
    if any(path.is_symlink() or not path.is_dir() for name in FOLDERS for path in (directory / name).rglob("*")):
        return False
    log = directory / f"{DATABASE}-wal"
    if log.exists() and log.stat().st_size:
        return False
    database = directory / DATABASE
    if not database.exists():
        return not (directory / BACKUP).exists()
    try:
        with contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?immutable=1", uri=True)) as connection:
            return not any(connection.execute(f"SELECT 1 FROM {name}").fetchone()  # noqa: S608 - our words
                           for name in ("jobs", "models", "files"))
    except sqlite3.DatabaseError:
        return False


def place(unpacked: Path, directory: Path, disk: Disk) -> Path | None:
    """Make an unpacked store the one of DIRECTORY; return where what stood there is kept, None if nothing did.

    The database comes last. Until then a marker keeps engines from starting, and another restore begins anew.
    """
    for folder in sorted({path for path in unpacked.rglob("*") if path.is_dir()}):
        disk.sync_directory(folder)
    disk.sync_directory(unpacked)
    kept = None if is_empty(directory) and not was_cut_off(directory) else _new(directory)
    write_atomic(directory / RESTORING, b"", disk)
    if kept is not None:
        kept.mkdir(mode=0o700)
    for name in (*_OWN, *(path.name for path in directory.glob("backup-v*.db"))):
        if (directory / name).exists():
            if kept is None:
                disk.remove(directory / name)
            else:
                disk.publish(directory / name, kept / name)
    for name in (*FOLDERS, DATABASE):
        if (unpacked / name).exists():
            disk.publish(unpacked / name, directory / name)
    disk.remove(directory / RESTORING)
    with contextlib.suppress(OSError):  # at worst the marker is back, and the restore is done again
        disk.sync_directory(directory)
    return kept


def _new(directory: Path) -> Path:
    """Name a place for an older store."""
    name = time.strftime("replaced-%Y%m%d-%H%M%S")
    number = 1
    while (directory / name).exists():
        number += 1
        name = f"{name.partition('_')[0]}_{number}"
    return directory / name
