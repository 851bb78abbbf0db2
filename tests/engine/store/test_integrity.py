"""A database whose bits have flipped: found, put back from its backup, or refused with what to do; nothing lost."""

import logging
import os
import random
import sqlite3
from pathlib import Path

import pytest

from pen_backend.engine.store import Store, add_file, find_file
from pen_backend.engine.store.integrity import BACKUP, DATABASE, SEAL
from pen_backend.errors import DataError

NAMES = [f"file-{number:02}" for number in range(20)]


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A store with files in it, closed in order."""
    def add(connection: sqlite3.Connection) -> None:
        for name in NAMES:
            add_file(connection, file_id=name, filename=f"{name}.jsonl", size=1, purpose="fine-tune", blob="b" * 64)

    store = Store(tmp_path)
    store.transact(add)
    store.close()
    return tmp_path


def files(directory: Path) -> list[str]:
    store = Store(directory)
    found = store.read(lambda connection: [name for name in NAMES if find_file(connection, name)])
    store.close()
    return found


def flip(path: Path, place: int) -> None:
    """Flip a bit as a failing disk does: nobody has written the file."""
    content, known = bytearray(path.read_bytes()), path.stat()
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))


@pytest.mark.reliability
def test_every_flipped_bit_is_found_and_healed(closed: Path, caplog: pytest.LogCaptureFixture) -> None:
    draw = random.Random(7)
    for number in range(40):
        bits = 8 * (closed / DATABASE).stat().st_size
        flip(closed / DATABASE, draw.randrange(bits))
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert files(closed) == NAMES, number
        assert "is put back from backup.db" in caplog.text


@pytest.mark.soak
def test_thousands_of_flipped_bits_are_found_and_healed(closed: Path) -> None:
    draw = random.Random()
    for _ in range(5000):
        place = draw.randrange(8 * (closed / DATABASE).stat().st_size)
        flip(closed / DATABASE, place)
        assert files(closed) == NAMES, place
        for kept in closed.glob("damaged-*.db"):
            kept.unlink()


def test_the_damaged_database_is_kept(closed: Path) -> None:
    flip(closed / DATABASE, 5000)
    damaged = (closed / DATABASE).read_bytes()
    files(closed)
    (kept,) = closed.glob("damaged-*.db")
    assert kept.read_bytes() == damaged


def test_a_file_that_was_cut_is_found_and_healed(closed: Path) -> None:
    for size in (0, 100, 4096, 20_000):
        os.truncate(closed / DATABASE, size)
        assert files(closed) == NAMES


def test_a_database_that_is_gone_is_put_back_or_said_to_be_gone(closed: Path) -> None:
    (closed / DATABASE).unlink()
    assert files(closed) == NAMES
    (closed / SEAL).unlink()
    (closed / DATABASE).write_bytes(b"")
    with pytest.raises(DataError, match="it is gone"):
        Store(closed)


def test_without_a_whole_backup_nothing_is_touched_and_it_is_named(closed: Path) -> None:
    flip(closed / DATABASE, 9000)
    flip(closed / BACKUP, 9000)
    before = (closed / DATABASE).read_bytes()
    with pytest.raises(DataError, match="damaged") as caught:
        Store(closed)
    assert (closed / DATABASE).read_bytes() == before
    assert "backup.db" in str(caught.value.hint)
    (closed / BACKUP).unlink()
    with pytest.raises(DataError, match="damaged") as caught:
        Store(closed)
    assert "another --state" in str(caught.value.hint)


def test_after_a_crash_sqlite_judges_and_what_fails_is_left_alone(closed: Path) -> None:
    (closed / SEAL).unlink()  # as an engine that was killed leaves it
    assert files(closed) == NAMES
    (closed / SEAL).unlink()
    content = bytearray((closed / DATABASE).read_bytes())
    content[4096:8192] = bytes(4096)
    (closed / DATABASE).write_bytes(content)
    with pytest.raises(DataError, match="damaged") as caught:
        Store(closed)
    assert (closed / DATABASE).read_bytes() == content
    assert "backup.db" in str(caught.value.hint)


def test_what_another_program_has_written_stays(closed: Path) -> None:
    connection = sqlite3.connect(closed / DATABASE)
    with connection:
        connection.execute("DELETE FROM files WHERE id = ?", (NAMES[0],))
    connection.close()
    assert files(closed) == NAMES[1:]


def test_a_damaged_seal_says_nothing(closed: Path) -> None:
    (closed / SEAL).write_bytes(b"\xff{")
    assert files(closed) == NAMES


def test_an_open_store_has_no_seal(closed: Path) -> None:
    store = Store(closed)
    assert not (closed / SEAL).exists()
    store.close()
    assert (closed / SEAL).exists()
