"""A backup of an engine at work: a moment of it, whole, and nothing that is not the store's."""

import contextlib
import functools
import io
import itertools
import json
import shutil
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_backend.engine.backup.layout import allowed
from pen_backend.engine.backup.making import hold
from pen_backend.engine.jobs import state
from pen_backend.engine.models import register
from pen_backend.engine.store import Store, add_file, hash_directory
from pen_backend.engine.store.store import NAMED
from tests.disks import FullDisk
from tests.engine.jobs.make import make_job
from tests.engine.programs.trainer import model

ID = "ftjob-" + "a" * 24


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "store")
    yield found
    found.close()


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: stream.read() for member in archive if (stream := archive.extractfile(member))}


def made(store: Store) -> dict[str, bytes]:
    held = hold(store, version="0.1")
    try:
        data = b"".join(held.tar())
        assert len(data) == held.length
    finally:
        store.disk.remove(held.directory)
    return members(data)


def fill(store: Store) -> str:
    """Put a file, a model, a snapshot, a base and an unfinished job into a store; return the job's id."""
    blob = store.add_blob(b"text")
    store.transact(lambda connection: add_file(connection, file_id="file-" + "f" * 24, filename="a.txt", size=4,
                                               purpose="user_data", blob=blob))
    home, base = store.directory / "models" / ID, store.directory / "bases" / "org" / "small"
    snapshot = store.directory / "jobs" / ID / "ckpt" / "step-00000002"
    for number, path in enumerate((home, base, snapshot)):
        model(path, number)

    def keep(connection: sqlite3.Connection) -> None:
        for name, path in (("ft:small:local::aaaaaaaa", home), ("ft:small:local::aaaaaaaa:ckpt-step-2", snapshot)):
            register(connection, name=name, kind="full", base="org/small", path=path, adapter=None,
                     sha256=hash_directory(path), job_id=ID, step=2, metadata={})

    store.transact(keep)
    job = make_job(store)
    directory = store.directory / "jobs" / job.id
    directory.mkdir()
    (directory / "events.jsonl").write_text('{"kind": "message"}\n')
    (directory / "spec.json").write_text("{}")
    model(directory / "ckpt" / "step-00000001", 1)
    return job.id


def test_it_holds_what_rows_name_and_what_unfinished_jobs_need(store: Store) -> None:
    job = fill(store)
    garbage = store.add_blob(b"nobody names this")
    for name in ("trainer.log", "lock", "ckpt/step-00000002.tmp-7/state.json", "ckpt/step-00000001/weights.bin"):
        path = store.directory / "jobs" / job / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    for name in ("engine.json", "worker.log", "datasets/mine/pseudonyms.json"):
        path = store.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")

    found = made(store)

    files = ("config.json", "model.safetensors", "tokenizer.json")
    folders = (f"models/{ID}", "bases/org/small", f"jobs/{ID}/ckpt/step-00000002", f"jobs/{job}/ckpt/step-00000001")
    blobs = {name for name in found if name.startswith("blobs/")}
    assert set(found) - blobs == {
        "store.json", "pen.db", "manifest.json", f"jobs/{job}/events.jsonl", f"jobs/{job}/spec.json",
        *(f"{folder}/{name}" for folder in folders for name in files)}
    assert len(blobs) == 2
    assert not any(garbage[2:] in name for name in found)
    assert not any(b"secret" in content for content in found.values())
    assert list(json.loads(found["manifest.json"])) == sorted(set(found) - {"manifest.json"})


def test_what_changes_while_it_is_sent_is_sent_as_it_was(store: Store) -> None:
    job = fill(store)
    held = hold(store, version="0.1")
    pieces = held.tar()
    data = next(pieces)
    with (store.directory / "jobs" / job / "events.jsonl").open("a") as stream:
        stream.write("more\n")
    state.cancel(store, job)
    shutil.rmtree(store.directory / "models")
    shutil.rmtree(store.directory / "jobs")
    shutil.rmtree(store.directory / "blobs")

    found = members(data + b"".join(pieces))
    store.disk.remove(held.directory)

    assert found[f"jobs/{job}/events.jsonl"] == b'{"kind": "message"}\n'
    assert f"models/{ID}/model.safetensors" in found
    assert b"text" in found.values()


def test_a_model_that_is_being_published_is_in_it(store: Store) -> None:
    """The trainer has ended, and its model stands in its place before the row that says so."""
    job = fill(store)
    (store.directory / "jobs" / job / "result.json").write_text("{}")
    (store.directory / "jobs" / job / "ckpt" / "step-00000001").rename(store.directory / "models" / job)
    assert {f"jobs/{job}/result.json", f"models/{job}/model.safetensors"} <= set(made(store))


def test_it_takes_no_room_but_the_databases(store: Store) -> None:
    fill(store)
    weights = store.directory / "models" / ID / "model.safetensors"
    held = hold(store, version="0.1")
    assert (held.directory / "models" / ID / "model.safetensors").stat().st_ino == weights.stat().st_ino
    store.disk.remove(held.directory)
    assert weights.is_file()
    assert list((store.directory / "tmp").iterdir()) == []


def test_jobs_are_written_meanwhile(store: Store) -> None:
    """Every backup taken while rows come and go opens, and has all that its rows name."""
    stop = threading.Event()

    def drop(blob: str, connection: sqlite3.Connection) -> None:
        store.drop_blob(connection, blob)

    def work() -> None:
        for number in itertools.count():
            name = f"file-{number:024}"

            def keep(connection: sqlite3.Connection, name: str = name) -> str:
                blob = store.add_blob(name.encode())
                add_file(connection, file_id=name, filename="a", size=1, purpose="batch", blob=blob)
                return blob

            def forget(connection: sqlite3.Connection, name: str = name) -> None:
                connection.execute("DELETE FROM files WHERE id = ?", (name,))

            blob = store.transact(keep)
            if number % 3:
                store.transact(forget)
                store.read(functools.partial(drop, blob))
            if stop.is_set():
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(10):
            found = made(store)
            with contextlib.closing(sqlite3.connect(":memory:")) as connection:
                connection.deserialize(found["pen.db"])
                named = {row[1] for row in connection.execute(NAMED)}
            assert {f"blobs/sha256/{blob[:2]}/{blob[2:]}" for blob in named} <= set(found)
    finally:
        stop.set()
        thread.join()


def test_a_full_disk_is_told_and_nothing_is_left(store: Store) -> None:
    fill(store)
    store.disk = FullDisk(1)
    with pytest.raises(OSError, match="No space"):
        hold(store, version="0.1")
    assert list((store.directory / "tmp").iterdir()) == []


@pytest.mark.parametrize("name", [
    "pen.db", "blobs/sha256/ab/" + "c" * 62, f"models/{ID}/config.json", f"jobs/{ID}/ckpt/latest",
    "bases/größe/LICENSE", f"jobs/{ID}/ckpt/step-00000001/model-00001-of-00002.safetensors"])
def test_names_of_a_store(name: str) -> None:
    assert allowed(name)


@pytest.mark.parametrize("name", [
    "", "/etc/passwd", "../pen.db", "bases/../../x/config.json", "models/x/config.json", f"jobs/{ID}/../{ID}/spec.json",
    f"jobs/{ID}", f"jobs/{ID}/trainer.log", f"models/{ID}/model.bin", f"models/{ID}/modeling.py", "bases/x/model.pt",
    "bases/x/a.pkl", "bases/.git/config", "bases/x", "engine.json", "pen.db-wal", "lock", "restoring", "backup.db",
    "blobs/sha256/AB/" + "c" * 62, "blobs/sha256/ab/" + "c" * 61, "bases//x/config.json", "bases/x/con\0fig.json",
    "bases/x/" + "a/" * 8 + "b", "bases/x/" + "a" * 256, "bases/x\\..\\y/config.json", "bases/x/\ud800.json",
    "bases/x/config.json.tmp-1", "BASES/x/config.json", "pen.db/x", "./pen.db"])
def test_names_of_nothing_in_a_store(name: str) -> None:
    assert not allowed(name)
