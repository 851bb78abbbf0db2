"""On a full disk the ballast goes overboard, and what has happened can be written down."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_backend.engine.jobs import state
from pen_backend.engine.store import Store
from pen_backend.engine.store.ballast import Ballast
from pen_backend.files import Disk
from tests.engine.jobs.make import make_job
from tests.engine.store.test_store import FullDisk


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


def test_a_nearly_full_disk_is_not_filled_with_ballast(tmp_path: Path) -> None:
    class Small(Disk):
        def free_bytes(self, path: Path) -> int:
            return 3 << 20

    assert not Ballast(tmp_path / "ballast", Small(), size=1 << 20).fill()
    assert not Ballast(tmp_path / "ballast", FullDisk(1), size=1 << 20).fill()
    assert list(tmp_path.iterdir()) == []


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
