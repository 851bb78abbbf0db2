"""A restore: everything is judged before anything changes, what was there is kept, and a cut-off one is told."""

import contextlib
import itertools
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pen_backend.engine.backup.making import hold
from pen_backend.engine.jobs import state
from pen_backend.engine.models import Models, verify
from pen_backend.engine.restore import main, restore
from pen_backend.engine.store import Store, find_file
from pen_backend.engine.store.lock import held
from pen_backend.errors import ConfigError, DataError, NotFoundError, RefusedError, VersionError
from pen_backend.files import Disk
from tests.disks import FullDisk, QuickDisk
from tests.engine.backup.test_making import ID, fill

OTHER = "ft:small:local::aaaaaaaa"
Change = Callable[[sqlite3.Connection], object]


def back_up(store: Store, path: Path) -> Path:
    made = hold(store, version="0.1")
    path.write_bytes(b"".join(made.tar()))
    store.disk.remove(made.directory)
    return path


@contextlib.contextmanager
def opened(directory: Path) -> Iterator[Store]:
    store = Store(directory)
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    with opened(tmp_path / "old") as store:
        fill(store)
        return back_up(store, tmp_path / "backup.tar")


def changed(tmp_path: Path, change: Change) -> Path:
    """Make a backup of a store whose database somebody has changed as they like."""
    with opened(tmp_path / "old") as store:
        fill(store)
        made = hold(store, version="0.1")
        with contextlib.closing(sqlite3.connect(made.directory / "pen.db")) as connection:
            change(connection)
            connection.commit()
        items = [one if one.name != "pen.db" else type(one)(one.name, one.path.stat().st_size, one.path)  # type: ignore[union-attr]
                 for one in made.items]
        path = tmp_path / "backup.tar"
        path.write_bytes(b"".join(type(made)(made.directory, items, made.moment).tar()))
        store.disk.remove(made.directory)
    return path


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} if directory.exists() else set()


def test_a_restored_store_is_the_one_that_was(backup: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "old")
    told = restore(backup, tmp_path / "old", Disk())

    assert (told["jobs"], told["models"], told["files"], told["missing"], told["kept"]) == (1, 2, 1, [], None)
    with opened(tmp_path / "old") as store:
        row = store.read(lambda connection: find_file(connection, "file-" + "f" * 24))
        assert row is not None
        assert store.blob(row["blob"]).read_bytes() == b"text"
        for model in Models(store, []).all():
            verify(model)
        assert names(tmp_path / "old") & {"restoring", "restored.tmp", "manifest.json", "store.json"} == set()
    assert not list((tmp_path / "old").glob("*.tmp-*"))


def test_a_store_in_another_place_finds_its_files(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "old").rename(tmp_path / "gone")
    told = restore(backup, tmp_path / "new" / "deep", Disk())

    assert told["missing"] == []
    with opened(tmp_path / "new" / "deep") as store:
        models = Models(store, [store.directory / "bases"])
        assert {model.id: model.path.relative_to(store.directory).as_posix() for model in models.all()} == {
            "org/small": "bases/org/small", OTHER: f"models/{ID}",
            f"{OTHER}:ckpt-step-2": f"jobs/{ID}/ckpt/step-00000002"}
        for model in models.all():
            verify(model)


def test_jobs_forget_the_processes_of_the_other_store(tmp_path: Path) -> None:
    with opened(tmp_path / "old") as store:
        job = state.get(store, fill(store))
        store.transact(lambda connection: state.update(connection, job.id, {
            "state": "running", "pid": 1, "pid_start_time": 2, "boot_id": "b", "lease_until": 3.0}))
        back_up(store, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", tmp_path / "new", Disk())
    with opened(tmp_path / "new") as store:
        found = state.get(store, job.id)
        assert (found.state, found.pid, found.pid_start_time, found.boot_id, found.lease_until) == (
            "running", None, None, None, None)


def test_the_orders_of_a_job_name_the_new_place(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    with opened(old) as store:
        job = fill(store)
        directory = store.directory / "jobs" / job
        spec = {"base": {"path": f"{old}/bases/org/small"}, "adapter": None, "valid": None,
                "train": {"path": f"{old}/blobs/sha256/ab/c"}, "completions": {"prompts": [f"{old}/is my text"]}}
        (directory / "spec.json").write_text(json.dumps(spec))
        told = b'{"kind": "checkpoint", "data": {"path": "%s/jobs/x"}}\n' % str(old).encode()
        (directory / "events.jsonl").write_bytes(told * 2 + b'{"torn": ')
        store.transact(lambda connection: state.update(connection, job, {"events_offset": len(told)}))
        back_up(store, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", new, Disk())

    assert json.loads((new / "jobs" / job / "spec.json").read_text()) == {
        **spec, "base": {"path": f"{new}/bases/org/small"}, "train": {"path": f"{new}/blobs/sha256/ab/c"}}
    assert (new / "jobs" / job / "events.jsonl").read_bytes() == told + told.replace(
        str(old).encode(), str(new).encode()) + b'{"torn": '


def test_what_the_backup_lacks_is_said_and_harms_nothing_else(tmp_path: Path) -> None:
    with opened(tmp_path / "old") as store:
        fill(store)
        shutil.rmtree(store.directory / "models")
        row = store.read(lambda connection: find_file(connection, "file-" + "f" * 24))
        assert row is not None
        store.blob(row["blob"]).unlink()
        (store.directory / "jobs" / ID / "ckpt" / "step-00000002" / "config.json").write_text("{}")
        (store.directory / "bases" / "mine").symlink_to(tmp_path)
        back_up(store, tmp_path / "backup.tar")
    told = restore(tmp_path / "backup.tar", tmp_path / "new", Disk())
    assert [sentence.split(".")[0] for sentence in told["missing"]] == [
        f"The content of the file file-{'f' * 24} is not in the backup",
        f"The model '{OTHER}' needs {tmp_path}/new/models/{ID}, which is not there",
        f"The files of the model '{OTHER}:ckpt-step-2' had changed when the backup was made; it is not used",
        f"The base 'mine' was a link to {tmp_path}; add it again: pen models add {tmp_path}"]
    assert not (tmp_path / "new" / "bases" / "mine").exists()


# What is refused, with nothing changed


def test_a_store_with_anything_in_it_is_refused(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "old" / "lock").touch()
    before = {path: path.read_bytes() for path in (tmp_path / "old").rglob("*") if path.is_file()}
    with pytest.raises(RefusedError, match="not empty"):
        restore(backup, tmp_path / "old", Disk())
    assert {path: path.read_bytes() for path in (tmp_path / "old").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["models/x/config.json", "jobs/x/spec.json", "blobs/sha256/ab/x", "backup.db",
                                  "bases/x/config.json", "pen.db"])
def test_one_file_makes_a_store_that_is_not_empty(backup: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "new" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database")
    with pytest.raises(RefusedError, match="not empty"):
        restore(backup, tmp_path / "new", Disk())


def test_a_store_nobody_has_used_is_empty_and_so_is_a_directory_of_other_things(backup: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "new") as store:
        store.ballast.fill()
    (tmp_path / "new" / "datasets").mkdir()
    (tmp_path / "new" / "datasets" / "mine").write_text("x")
    assert restore(backup, tmp_path / "new", Disk())["kept"] is None
    assert (tmp_path / "new" / "datasets" / "mine").read_text() == "x"


def test_a_store_in_use_is_refused_even_with_replace(backup: Path, tmp_path: Path) -> None:
    with held(tmp_path / "old"), pytest.raises(RefusedError, match="An engine uses"):
        restore(backup, tmp_path / "old", Disk(), replace=True)
    lock = tmp_path / "old" / "jobs" / ID
    lock.mkdir(exist_ok=True)
    with held(lock), pytest.raises(RefusedError, match=f"trainer still works on the job {ID}"):
        restore(backup, tmp_path / "old", Disk(), replace=True)


def test_with_replace_what_was_there_is_kept(backup: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "new") as store:
        job = fill(store)
    told = restore(backup, tmp_path / "new", Disk(), replace=True)
    kept = Path(told["kept"])
    assert kept.parent == tmp_path / "new"
    kept.rename(tmp_path / "kept")
    with opened(tmp_path / "kept") as store:
        assert state.get(store, job).id == job
    with opened(tmp_path / "new") as store:
        assert len(Models(store, []).all()) == 2
    assert Path(restore(backup, tmp_path / "new", Disk(), replace=True)["kept"]).exists()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        restore(tmp_path / "none", tmp_path / "new", Disk())
    assert not (tmp_path / "new").exists()


def test_a_disk_without_room_is_refused_before_anything_is_written(backup: Path, tmp_path: Path) -> None:
    class Small(Disk):
        def free_bytes(self, path: Path) -> int:
            return 1 << 20

    with pytest.raises(ConfigError, match="1 MB are free"):
        restore(backup, tmp_path / "new", Small())
    assert names(tmp_path / "new") == {"lock"}


def run_sql(sql: str, *values: object) -> Change:
    return lambda connection: connection.execute(sql, values)


@pytest.mark.parametrize("change", [
    run_sql("UPDATE jobs SET id = '../../../home'"), run_sql("UPDATE jobs SET id = x'00'"),
    run_sql("UPDATE jobs SET training_blob = '../../x'"), run_sql("UPDATE files SET blob = 7"),
    run_sql("UPDATE files SET id = 'file-1'"), run_sql("UPDATE models SET path = ?", "relative"),
    run_sql("UPDATE models SET path = path || '/../../../..'"), run_sql("UPDATE models SET path = '/x/../etc'"),
    run_sql("UPDATE models SET adapter = '/x/../etc'"), run_sql("DROP TABLE files"), run_sql("PRAGMA user_version=0"),
    run_sql("CREATE TRIGGER t AFTER INSERT ON jobs BEGIN DELETE FROM files; END"),
    run_sql("CREATE VIEW v AS SELECT * FROM jobs"), run_sql("CREATE TABLE mine (a)"),
    run_sql("ALTER TABLE jobs ADD COLUMN more TEXT")])
def test_a_database_no_engine_has_written_is_refused(tmp_path: Path, change: Change) -> None:
    path = changed(tmp_path, change)
    with pytest.raises(DataError):
        restore(path, tmp_path / "new", Disk())
    assert names(tmp_path / "new") == {"lock"}


def test_a_newer_store_is_refused_and_an_older_one_brought_up_to_date(tmp_path: Path) -> None:
    path = changed(tmp_path, run_sql("PRAGMA user_version=99"))
    with pytest.raises(VersionError):
        restore(path, tmp_path / "new", Disk())
    assert names(tmp_path / "new") == {"lock"}


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "old") as store:
        fill(store)
        made = hold(store, version="0.1")
        with (made.directory / "pen.db").open("r+b") as stream:
            stream.seek(4096)
            stream.write(b"\xff" * 4096)
        (tmp_path / "backup.tar").write_bytes(b"".join(made.tar()))
        store.disk.remove(made.directory)
    with pytest.raises(DataError):
        restore(tmp_path / "backup.tar", tmp_path / "new", Disk())


@pytest.mark.parametrize("end", [700, 9_000, -20_000, -1100, -2048])
def test_a_cut_archive_changes_nothing(backup: Path, tmp_path: Path, end: int) -> None:
    backup.write_bytes(backup.read_bytes()[:end])
    before = names(tmp_path / "old")
    with pytest.raises(DataError):
        restore(backup, tmp_path / "old", Disk(), replace=True)
    assert names(tmp_path / "old") == before | {"lock"}


# Whatever fails, and whenever


class Killed(BaseException):
    """The process is gone."""


class Dying(QuickDisk):
    """A disk whose n-th operation is the last thing that the process does."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.calls = 0

    def count(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise Killed

    def publish(self, temporary: Path, final: Path) -> None:
        self.count()
        super().publish(temporary, final)
        self.count()

    def remove(self, path: Path) -> None:
        if "restored.tmp-" in path.name and self.calls >= self.at > 0:
            return  # nobody clears up any more
        self.count()
        super().remove(path)


@pytest.mark.slow
@pytest.mark.reliability
@pytest.mark.parametrize("replace", [False, True])
def test_a_restore_cut_off_anywhere_is_told_and_ends_at_the_second_try(backup: Path, tmp_path: Path,
                                                                       replace: bool) -> None:
    def prepare(directory: Path) -> None:
        if replace:
            shutil.copytree(tmp_path / "mine", directory)

    with opened(tmp_path / "mine") as store:
        job = fill(store)
    prepare(tmp_path / "whole")
    counting = Dying(0)
    restore(backup, tmp_path / "whole", counting, replace=replace)
    told = 0
    for at in range(1, counting.calls + 1):
        directory = tmp_path / f"at-{at}"
        prepare(directory)
        with pytest.raises(Killed):
            restore(backup, directory, Dying(at), replace=replace)
        if (directory / "restoring").exists():
            told += 1
            with pytest.raises(DataError, match="cut off"):
                Store(directory)
            assert restore(backup, directory, QuickDisk())["models"] == 2
        found = [*directory.glob(f"jobs/{job}"), *directory.glob(f"replaced-*/jobs/{job}")]
        assert len(found) == replace, at  # what was there is in its place, or in what was kept
        assert (directory / "pen.db").exists() or not replace
        shutil.rmtree(directory)
    assert told >= 10


@pytest.mark.slow
@pytest.mark.reliability
def test_a_full_disk_anywhere_changes_nothing_or_can_be_tried_again(backup: Path, tmp_path: Path) -> None:
    for at in itertools.count(1, 2):
        directory = tmp_path / f"at-{at}"
        with contextlib.suppress(ConfigError):
            restore(backup, directory, FullDisk(at))
            break
        if not (directory / "restoring").exists():
            assert names(directory) == {"lock"}
        assert restore(backup, directory, QuickDisk())["models"] == 2
        shutil.rmtree(directory)
    assert at > 20


def test_the_program_prints_what_was_restored_or_the_error(backup: Path, tmp_path: Path,
                                                            capsys: pytest.CaptureFixture[str]) -> None:
    def told(*arguments: str) -> tuple[int, Any]:
        code = main(["--state", str(tmp_path / "new"), *arguments])
        return code, json.loads(capsys.readouterr().out)

    code, found = told(str(backup))
    assert (code, found["jobs"], found["state"]) == (0, 1, str(tmp_path / "new"))
    code, found = told(str(backup))
    assert (code, found["error"]["kind"]) == (RefusedError.exit_code, "refused")
    assert told("--replace", str(backup))[0] == 0
