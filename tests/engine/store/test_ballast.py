"""On a full disk the ballast goes overboard, and what has happened can be written down."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_backend.engine.jobs import state
from pen_backend.engine.store import Store
from pen_backend.engine.store.ballast import LEAST_BYTES, PLENTY, Ballast
from pen_backend.engine.store.store import LOG_BYTES
from pen_backend.files import Disk
from tests.disks import FullDisk
from tests.engine.jobs.make import make_job


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path)
    yield found
    found.close()


def room(store: Store, pages: int) -> None:
    """Leave the database room for so many more pages: SQLite then fails as it does on a full disk."""
    count = store.read(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    store.read(lambda connection: connection.execute(f"PRAGMA max_page_count={count + pages}").fetchone())


class Overboard(Ballast):
    """A ballast whose end gives the database room again."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.directory / "ballast", store.disk, size=4096)
        self.store = store
        self.given_up = 0

    def give_up(self) -> bool:
        self.given_up += 1
        self.store._connection.execute("PRAGMA max_page_count=1000000").fetchone()
        return super().give_up()


def test_ballast_takes_real_room_and_is_laid_up_once(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "ballast", Disk(), size=1 << 20)
    assert ballast.fill()
    found = (tmp_path / "ballast").stat()
    assert (found.st_size, found.st_blocks * 512 >= 1 << 20) == (1 << 20, True)
    assert ballast.fill()
    assert (tmp_path / "ballast").stat().st_ino == found.st_ino
    assert ballast.give_up()
    assert not ballast.give_up()


def test_ballast_that_was_given_up_is_laid_up_again_and_none_that_never_was(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "ballast", Disk(), size=1 << 16)
    ballast.restore()
    assert not (tmp_path / "ballast").exists()
    ballast.fill()
    ballast.give_up()
    ballast.restore()
    assert (tmp_path / "ballast").exists()


class Small(Disk):
    """A disk with so many free bytes, as it says."""

    def __init__(self, free: int) -> None:
        self.free = free

    def free_bytes(self, path: Path) -> int:
        return self.free


def test_a_nearly_full_disk_is_not_filled_with_ballast(tmp_path: Path) -> None:
    assert not Ballast(tmp_path / "ballast", Small(PLENTY * LEAST_BYTES - 1), size=1 << 20).fill()
    assert not Ballast(tmp_path / "ballast", FullDisk(1), size=1 << 20).fill()
    assert list(tmp_path.iterdir()) == []


def test_a_small_disk_has_a_small_ballast_that_grows_with_it(tmp_path: Path) -> None:
    path, disk = tmp_path / "ballast", Small(3 << 20)
    ballast = Ballast(path, disk, size=16 << 20)
    sizes = []
    for free in (3 << 20, 5 << 20, 8 << 20, 1 << 20, 1 << 30):
        disk.free = free
        assert ballast.fill()
        sizes.append(path.stat().st_size)
    assert sizes == [3 << 18, 3 << 18, 2 << 20, 2 << 20, 16 << 20]
    disk.free = 0
    ballast.give_up()
    ballast.restore()
    assert not path.exists()
    disk.free = 1 << 30
    ballast.restore()
    assert path.stat().st_size == 16 << 20


def test_a_failed_state_can_be_written_on_a_full_disk(store: Store) -> None:
    job = make_job(store)
    store.ballast = ballast = Overboard(store)
    assert ballast.fill()
    room(store, 0)
    store.transact(lambda connection: state.fail(connection, job, {"code": "no_space", "message": "x" * 20_000}))
    assert state.get(store, job.id).state == "failed"
    assert ballast.given_up == 1
    assert not (store.directory / "ballast").exists()


def test_without_ballast_a_full_disk_is_told_and_nothing_is_written(store: Store) -> None:
    job = make_job(store)
    room(store, 0)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.transact(lambda connection: state.fail(connection, job, {"message": "x" * 20_000}))
    assert state.get(store, job.id).state == "validating_files"


def test_a_deletion_frees_what_it_is_about_when_nothing_else_helps(store: Store) -> None:
    job = make_job(store)
    made = []

    def free(connection: sqlite3.Connection) -> None:
        made.append(connection.in_transaction)
        connection.execute("PRAGMA max_page_count=1000000").fetchone()

    room(store, 0)
    store.transact(lambda connection: state.fail(connection, job, {"message": "x" * 20_000}), freeing=free)
    assert state.get(store, job.id).state == "failed"
    assert made == [False]


def test_the_log_has_room_from_the_start(store: Store) -> None:
    log = (store.directory / "pen.db-wal").stat()
    assert (log.st_size, log.st_blocks * 512 >= LOG_BYTES) == (LOG_BYTES, True)
    make_job(store)
    assert (store.directory / "pen.db-wal").stat().st_size == LOG_BYTES
