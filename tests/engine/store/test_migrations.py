"""Stores of older pens: brought up to date all at once or not at all, with a backup; those of newer ones left alone.

versions/NNNN.sql is a store as version NNNN has written it; a new version adds one and never changes the others.
"""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pen_backend.engine.jobs import state
from pen_backend.engine.store import Store
from pen_backend.engine.store.migrations import SCHEMA, back_up, migrate, versions
from pen_backend.errors import DataError, VersionError
from pen_backend.files import Disk
from tests.disks import FullDisk

VERSIONS = Path(__file__).parent / "versions"
NEWEST = len(versions())


def lay(directory: Path, version: int) -> Path:
    """Put a store of an older version into DIRECTORY."""
    path = directory / "pen.db"
    connection = sqlite3.connect(path)
    connection.executescript((VERSIONS / f"{version:04}.sql").read_text())
    connection.close()
    return path


def look(path: Path) -> tuple[int, set[tuple[str, str]], list[str]]:
    """Read a database's version, its schema and its rows."""
    connection = sqlite3.connect(path)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    schema = {(name, " ".join(sql.split())) for name, sql in connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")}
    rows = [line for line in connection.iterdump() if line.startswith("INSERT")]
    connection.close()
    return version, schema, rows


def test_there_is_a_store_of_every_older_version() -> None:
    assert [path.stem for path in sorted(VERSIONS.iterdir())] == [f"{number:04}" for number in range(1, NEWEST)]


@pytest.mark.parametrize("version", range(1, NEWEST))
def test_a_store_of_an_older_version_ends_equal_to_a_fresh_one(tmp_path: Path, version: int) -> None:
    (tmp_path / "fresh").mkdir()
    (tmp_path / "old").mkdir()
    Store(tmp_path / "fresh").close()
    path = lay(tmp_path / "old", version)
    before = look(path)
    store = Store(tmp_path / "old")
    jobs = state.in_states(store, "succeeded", "running", "paused")
    store.close()
    assert [(job.id, job.attempt, job.metadata) for job in jobs] == [
        (f"ftjob-{number}", number, {"mark": "x"}) for number in (1, 2, 3)]
    found, fresh = look(path), look(tmp_path / "fresh" / "pen.db")
    assert found[:2] == fresh[:2]
    assert len(found[2]) == len(before[2])
    assert look(tmp_path / "old" / f"backup-v{version}.db") == before
    assert (tmp_path / "old" / f"backup-v{version}.db").stat().st_mode & 0o777 == 0o600


def test_a_store_that_is_up_to_date_is_not_backed_up(tmp_path: Path) -> None:
    Store(tmp_path).close()
    Store(tmp_path).close()
    assert list(tmp_path.glob("backup-v*")) == []


def test_a_store_of_a_newer_pen_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = lay(tmp_path, 1)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={NEWEST + 1}")
    before = look(path)
    with pytest.raises(VersionError, match=f"version {NEWEST + 1}; this pen reads up to {NEWEST}"):
        Store(tmp_path)
    assert look(path) == before


def schema_with(tmp_path: Path, last: str) -> Path:
    schema = tmp_path / "schema"
    schema.mkdir()
    (schema / "0001.sql").write_text((SCHEMA / "0001.sql").read_text())
    (schema / "0002.sql").write_text("ALTER TABLE jobs ADD COLUMN first TEXT;\nCREATE TABLE more (id TEXT);\n" + last)
    return schema


@pytest.mark.parametrize(("last", "error"), [
    ("ALTER TABLE nothing ADD COLUMN x TEXT;", sqlite3.OperationalError),
    ("INSERT INTO checkpoints (id, job_id, created_at, model, step, metrics) VALUES ('c', 'x', 1, 'm', 1, '{}');",
     DataError),
    ("CREATE TABLE unfinished (id TEXT", ValueError)])
def test_a_migration_that_fails_changes_nothing(tmp_path: Path, last: str, error: type[Exception]) -> None:
    path = lay(tmp_path, 1)
    before = look(path)
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(error):
        migrate(connection, tmp_path, Disk(), schema=schema_with(tmp_path, last))
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    connection.close()
    assert look(path) == before == look(tmp_path / "backup-v1.db")


@pytest.mark.parametrize("at", [1, 2])
def test_without_a_backup_nothing_is_changed(tmp_path: Path, at: int) -> None:
    path = lay(tmp_path, 1)
    before = look(path)
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(OSError, match="No space"):
        migrate(connection, tmp_path, FullDisk(at))
    connection.close()
    assert look(path) == before
    assert list(tmp_path.glob("*.tmp-*")) == []


def test_a_backup_is_replaced_whole(tmp_path: Path) -> None:
    path = lay(tmp_path, 1)
    (tmp_path / "backup-v1.db").write_text("half of an older one")
    connection = sqlite3.connect(path)
    back_up(connection, tmp_path / "backup-v1.db", Disk())
    connection.close()
    assert look(tmp_path / "backup-v1.db") == look(path)


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pen.db").write_bytes(content)
    with pytest.raises(DataError, match="The store is damaged"):
        Store(tmp_path)
    assert (tmp_path / "pen.db").read_bytes() == content


@pytest.mark.slow
def test_a_process_killed_while_migrating_leaves_the_old_store_or_the_new_one(tmp_path: Path) -> None:
    program = ("import os, signal, sys; from pathlib import Path; from pen_backend.engine.store import Store\n"
               "from pen_backend.files import Disk\n"
               "class Killing(Disk):\n"
               "    left = int(sys.argv[2])\n"
               "    def sync(self, descriptor):\n"
               "        Killing.left -= 1\n"
               "        if not Killing.left: os.kill(os.getpid(), signal.SIGKILL)\n"
               "        super().sync(descriptor)\n"
               "Store(Path(sys.argv[1]), disk=Killing())\n"
               "os._exit(0)\n")
    for at in (1, 2, 3):
        directory = tmp_path / str(at)
        directory.mkdir()
        before = look(lay(directory, 1))
        ended = subprocess.run([sys.executable, "-c", program, str(directory), str(at)], timeout=60, check=False)
        killed = ended.returncode == -signal.SIGKILL
        assert killed == (at < 3)
        assert look(directory / "pen.db") == before or not killed
        Store(directory).close()
        assert look(directory / "pen.db")[0] == NEWEST
        assert not [name for name in os.listdir(directory) if ".tmp-" in name]  # noqa: PTH208 - names are enough
