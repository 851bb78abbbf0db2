"""The store: one transaction or nothing, blobs durable before their rows, faults that leave no harm."""

import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_backend.engine.jobs import state
from pen_backend.engine.store import BlobWriter, Store, add_file, find_file, hash_directory
from pen_backend.engine.store.migrations import versions
from pen_backend.errors import TooLargeError, VersionError
from pen_backend.files import Disk
from tests.disks import FullDisk
from tests.engine.jobs.make import make_job


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path)
    yield found
    found.close()


def add(store: Store, file_id: str, *, blob: str = "b", expires_at: int | None = None) -> None:
    store.transact(lambda connection: add_file(connection, file_id=file_id, filename="a", size=1, purpose="fine-tune",
                                               blob=blob, expires_at=expires_at))


def test_the_database_is_opened_as_designed(store: Store) -> None:
    def read(connection: sqlite3.Connection) -> dict[str, object]:
        return {name: connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "user_version")}

    assert store.read(read) == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10000,
                       "user_version": len(versions())}


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    def half(connection: sqlite3.Connection) -> None:
        add_file(connection, file_id="file-1", filename="a", size=1, purpose="batch", blob="b")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.transact(half)
    assert store.read(lambda connection: find_file(connection, "file-1")) is None


def test_a_full_disk_is_told_as_such_and_the_store_goes_on(store: Store) -> None:
    def big(connection: sqlite3.Connection) -> None:
        for number in range(100):
            add_file(connection, file_id=f"file-{number}", filename="a" * 30_000, size=1, purpose="batch", blob="b")

    pages = store.read(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    store.read(lambda connection: connection.execute(f"PRAGMA max_page_count={pages + 10}").fetchone())
    with pytest.raises(sqlite3.OperationalError, match="disk is full"):
        store.transact(big)
    add(store, "file-small")
    assert store.read(lambda connection: find_file(connection, "file-0")) is None


def test_a_transaction_that_cannot_be_finished_leaves_nothing(store: Store) -> None:
    def orphan(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA defer_foreign_keys=ON")
        connection.execute("INSERT INTO checkpoints (id, job_id, created_at, model, step, metrics) "
                           "VALUES ('c', 'nobody', 1, 'm', 1, '{}')")

    with pytest.raises(sqlite3.IntegrityError):
        store.transact(orphan)
    add(store, "file-1")
    assert store.read(lambda connection: connection.execute("SELECT COUNT(*) FROM checkpoints").fetchone()[0]) == 0


def test_many_threads_write_without_loss(store: Store) -> None:
    threads = [threading.Thread(target=add, args=(store, f"file-{number}")) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read(lambda connection: connection.execute("SELECT COUNT(*) FROM files").fetchone()[0]) == 40


def test_what_was_written_is_there_after_a_reopening(tmp_path: Path) -> None:
    first = Store(tmp_path)
    add(first, "file-1")
    first.close()
    second = Store(tmp_path)
    assert second.read(lambda connection: find_file(connection, "file-1")) is not None
    second.close()


def test_a_store_of_a_newer_pen_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "pen.db") as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(VersionError, match="99"):
        Store(tmp_path)


def test_a_blob_lies_under_its_hash_and_cannot_be_written(store: Store) -> None:
    sha256 = store.add_blob(b"text")
    assert sha256 == hashlib.sha256(b"text").hexdigest()
    assert store.blob(sha256).read_bytes() == b"text"
    assert store.blob(sha256).stat().st_mode & 0o777 == 0o400


def test_equal_content_is_kept_once(store: Store) -> None:
    store.add_blob(b"text")
    store.add_blob(b"text")
    assert len(list((store.directory / "blobs" / "sha256").glob("*/*"))) == 1
    assert list((store.directory / "tmp").iterdir()) == []


def test_a_file_ends_when_it_expires(store: Store) -> None:
    add(store, "file-1", expires_at=1000)
    assert store.read(lambda connection: find_file(connection, "file-1", now=999)) is not None
    assert store.read(lambda connection: find_file(connection, "file-1", now=1001)) is None


def test_only_old_blobs_that_nothing_names_are_garbage(store: Store) -> None:
    named, unnamed, young = (store.add_blob(text) for text in (b"named", b"unnamed", b"young"))
    add(store, "file-1", blob=named)
    for sha256 in (named, unnamed):
        os.utime(store.blob(sha256), (1, 1))
    assert store.collect_garbage() == 1
    assert [store.blob(each).exists() for each in (named, unnamed, young)] == [True, False, True]


def test_files_that_have_expired_are_forgotten_with_their_content(store: Store) -> None:
    blob = store.add_blob(b"text")
    add(store, "file-1", blob=blob, expires_at=1000)
    os.utime(store.blob(blob), (1, 1))
    assert store.collect_garbage() == 1
    assert store.read(lambda connection: connection.execute("SELECT COUNT(*) FROM files").fetchone()[0]) == 0


def test_content_goes_with_the_last_that_names_it(store: Store) -> None:
    blob = store.add_blob(b"text")
    job = make_job(store)
    add(store, "file-1", blob=blob)
    add(store, "file-2", blob=blob)

    def drop(sha256: str, besides: str = "") -> bool:
        store.read(lambda connection: store.drop_blob(connection, sha256, besides=besides))
        return not store.blob(sha256).exists()

    assert not drop(blob, besides="file-1")
    store.transact(lambda connection: connection.execute("DELETE FROM files WHERE id = 'file-2'"))
    assert not drop(blob)
    assert drop(blob, besides="file-1")
    store.transact(lambda connection: connection.execute("DELETE FROM files"))
    assert not drop(job.training_blob)
    state.cancel(store, job.id)
    assert drop(job.training_blob)


def test_what_a_dead_process_left_in_tmp_is_swept(tmp_path: Path) -> None:
    Store(tmp_path).close()
    left = tmp_path / "tmp" / "upload-1.tmp-999999999"
    left.write_text("half")
    Store(tmp_path).close()
    assert not left.exists()


@pytest.mark.parametrize("at", range(1, 5))
def test_a_full_disk_leaves_no_half_blob(tmp_path: Path, at: int) -> None:
    store = Store(tmp_path, disk=FullDisk(at))
    with pytest.raises(OSError, match="No space"):
        store.add_blob(b"text")
    assert list((tmp_path / "tmp").iterdir()) == []
    assert all(path.read_bytes() == b"text" for path in (tmp_path / "blobs" / "sha256").glob("*/*"))
    store.close()


def test_a_file_over_its_limit_is_refused(tmp_path: Path) -> None:
    writer = BlobWriter(tmp_path / "a", limit=10, disk=Disk())
    writer.write(b"0123456789")
    with pytest.raises(TooLargeError):
        writer.write(b"x")
    writer.abandon()


def test_a_models_hash_is_that_of_its_own_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"1")
    before = hash_directory(tmp_path)
    (tmp_path / "optim.safetensors").write_bytes(b"2")
    (tmp_path / "manifest.json").write_text("{}")
    assert hash_directory(tmp_path) == before
    (tmp_path / "model.safetensors").write_bytes(b"3")
    assert hash_directory(tmp_path) != before
