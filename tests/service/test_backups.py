"""Backups: written whole or not at all, never over another file unasked; a restore's errors are its program's."""

import json
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from pen_backend.errors import ConfigError, DataError, InternalError, RefusedError, UpstreamError
from pen_backend.files import Disk
from pen_backend.service.backups import restore, write
from pen_backend.service.context import Context
from pen_backend.service.engine import Engine
from tests.conftest import environment
from tests.disks import FullDisk


def test_a_backup_is_written_whole_and_private(tmp_path: Path) -> None:
    out = tmp_path / "backup.tar"
    out.write_text("an older one")
    assert write(iter([b"abc", b"", b"de"]), out, Disk()) == 5
    assert (out.read_bytes(), stat.S_IMODE(out.stat().st_mode)) == (b"abcde", 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["backup.tar"]


def test_one_that_is_cut_off_leaves_the_older_one(tmp_path: Path) -> None:
    def cut() -> Iterator[bytes]:
        yield b"abc"
        raise UpstreamError("The answer was cut off.")

    out = tmp_path / "backup.tar"
    out.write_text("an older one")
    with pytest.raises(UpstreamError):
        write(cut(), out, Disk())
    assert out.read_text() == "an older one"
    assert [path.name for path in tmp_path.iterdir()] == ["backup.tar"]


@pytest.mark.parametrize("n", [1, 2, 3], ids=["append", "sync", "publish"])
def test_a_full_disk_is_told_and_leaves_the_older_one(tmp_path: Path, n: int) -> None:
    out = tmp_path / "backup.tar"
    out.write_text("an older one")
    with pytest.raises(ConfigError, match="No space left on device"):
        write(iter([b"abc"]), out, FullDisk(n))
    assert out.read_text() == "an older one"
    assert [path.name for path in tmp_path.iterdir()] == ["backup.tar"]


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory"):
        write(iter([b"abc"]), tmp_path / "none" / "backup.tar", Disk())


@pytest.mark.parametrize("replace", [False, True])
def test_what_is_there_is_not_overwritten_unasked(tmp_path: Path, replace: bool) -> None:
    out = tmp_path / "backup.tar"
    if replace:
        out.mkdir()
    else:
        out.write_text("an older one")
    with pytest.raises(ConfigError, match="is there already"):
        Engine(Context(environ=environment(tmp_path))).backup(out, replace)


def said(stdout: str, code: int, stderr: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.CompletedProcess([], code, stdout, stderr)


def test_the_program_is_told_where_and_what(tmp_path: Path) -> None:
    asked: list[tuple[list[str], Mapping[str, str]]] = []

    def run(argv: Sequence[str], environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        asked.append((list(argv), environ))
        return said('{"jobs": 1}', 0)

    assert restore(Path("-b.tar"), tmp_path, {"HOME": "/h"}, replace=True, run=run) == {"jobs": 1}
    assert asked[0][0][-5:] == ["--state", str(tmp_path), "--replace", "--", "-b.tar"]
    assert asked[0][1] == {"HOME": "/h"}


@pytest.mark.parametrize(("kind", "expected"), [("refused", RefusedError), ("data", DataError), ("new", InternalError)])
def test_its_error_is_raised(tmp_path: Path, kind: str, expected: type[Exception]) -> None:
    told = json.dumps({"error": {"kind": kind, "message": "No.", "hint": "Do that.", "where": None}})
    with pytest.raises(expected, match="No"):
        restore(tmp_path / "b", tmp_path, {}, replace=False, run=lambda argv, environ: said(told, 5))


def test_a_program_that_dies_is_told(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match=r"The restore failed \(Killed\)"):
        restore(tmp_path / "b", tmp_path, {}, replace=False, run=lambda argv, environ: said("", -9, "x\nKilled\n"))
