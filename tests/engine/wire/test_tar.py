"""A tar that is made while it is sent."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from pen_backend.engine.wire.tar import BLOCK, CHUNK, Item, length, member, tar


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, CHUNK + 1])
@pytest.mark.parametrize("name", ["a", "a/" * 60 + "b", "größe/" + "ä" * 200])
def test_what_is_read_back_is_what_was_written_and_as_long_as_was_said(tmp_path: Path, size: int, name: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * (size // 256 + 1))
    found = [Item(name, size, path), Item("inline", 3, content=b"abc")]
    data = b"".join(tar(found, 7))
    assert len(data) == length(found, 7)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert [(one.name, one.size, one.mtime) for one in archive] == [(name, size, 7), ("inline", 3, 7)]
        stream = archive.extractfile(name)
        assert stream is not None
        assert stream.read() == path.read_bytes()[:size]


def test_its_bytes_are_shown_and_nothing_around_them(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * (CHUNK + 5))
    seen = hashlib.sha256()
    list(member(Item("a", CHUNK + 5, path), 0, seen.update))
    assert seen.digest() == hashlib.sha256(path.read_bytes()).digest()


def test_a_file_that_shrinks_meanwhile_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(10))
    with pytest.raises(OSError, match="shorter"):
        list(tar([Item("a", 1000, path)], 0))
