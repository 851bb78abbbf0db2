import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_backend.errors import ConfigError, UpstreamError
from pen_backend.files import Disk
from pen_backend.service.exports import folder_name, unpack


def archive(**files: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as written:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            written.addfile(info, io.BytesIO(content))
    return target.getvalue()


def pieces(data: bytes, size: int = 700) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start:start + size]


@pytest.mark.parametrize(("model", "expected"), [
    ("pen-tiny", "pen-tiny"), ("ft:pen-tiny:local::abc", "ft-pen-tiny-local-abc"), ("org/name", "org-name"),
    ("../..", "model"), ("ft:m:local:x:y:ckpt-step-5", "ft-m-local-x-y-ckpt-step-5"),
])
def test_a_folder_is_named_like_its_model(model: str, expected: str) -> None:
    assert folder_name(model) == expected


def test_a_tar_becomes_a_folder_whole(tmp_path: Path) -> None:
    files = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 20}
    out = tmp_path / "a" / "out"
    assert unpack(pieces(archive(**files)), out, Disk()) == {"config.json": 2, "model.safetensors": 5120}
    assert {path.name: path.read_bytes() for path in out.iterdir()} == files


def test_a_cut_tar_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UpstreamError, match="did not arrive whole"):
        unpack(pieces(archive(a=bytes(9_000))[:4_000]), tmp_path / "out", Disk())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/b"])
def test_only_plain_names_are_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(UpstreamError):
        unpack(pieces(archive(**{name: b"x"})), tmp_path / "out", Disk())
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as written:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        written.addfile(info)
    with pytest.raises(UpstreamError):
        unpack(pieces(target.getvalue()), tmp_path / "out", Disk())


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        unpack(pieces(archive(a=b"x")), tmp_path / "file" / "out", Disk())
