"""Archives that somebody hostile has made, or that were damaged: refused in a sentence, nothing outside touched."""

import gzip
import hashlib
import io
import json
import os
import resource
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pen_backend.engine.backup.unpacking import unpack
from pen_backend.errors import DataError, PenError, VersionError
from tests.disks import QuickDisk

ABOUT = {"format": 1, "directory": "/old", "packaged": "/packaged"}
NAME = "models/ftjob-" + "a" * 24 + "/config.json"
Change = Callable[[tarfile.TarInfo], None]


def entry(name: str, content: bytes = b"{}", change: Change = lambda info: None) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    change(info)
    return info.tobuf(tarfile.PAX_FORMAT) + content + bytes(-len(content) % 512)


def archive(path: Path, *entries: bytes, about: Any = ABOUT, files: dict[str, bytes] | None = None) -> Path:
    """Write an archive of these entries, with a manifest that says FILES are in it."""
    first = json.dumps(about).encode()
    said = {name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in {"store.json": first, **(files or {})}.items()}
    path.write_bytes(b"".join([entry("store.json", first), *entries, entry("manifest.json", json.dumps(said).encode()),
                               bytes(1024)]))
    return path


def refused(path: Path, tmp_path: Path) -> PenError:
    """Unpack, and see that nothing but the given directory has changed, fast and in little memory."""
    out = tmp_path / "out"
    out.mkdir()
    begun, memory = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PenError) as caught:
        unpack(path, out, QuickDisk())
    assert time.monotonic() - begun < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 100 << 10
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, "out"]
    assert not any(each.is_symlink() for each in out.rglob("*"))
    return caught.value


def test_a_whole_one_is_written(tmp_path: Path) -> None:
    path = archive(tmp_path / "b.tar", entry(NAME), files={NAME: b"{}"})
    (tmp_path / "out").mkdir()
    assert unpack(path, tmp_path / "out", QuickDisk()) == ABOUT
    assert [(each.relative_to(tmp_path / "out").as_posix(), each.read_bytes())
            for each in (tmp_path / "out").rglob("*") if each.is_file()] == [(NAME, b"{}")]


@pytest.mark.parametrize("name", [
    "../../escaped", "/tmp/pen-escaped", "models/../../escaped", f"{NAME}/../../../../escaped", "pen.db/../../escaped",
    "engine.json", "lock", "restoring", "models/x/config.json", NAME.replace("config.json", "weights.bin"),
    NAME.replace("config.json", "setup.py"), "bases/x/.profile", "a\0b", "bases/" + "a" * 5000 + "/config.json"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    error = refused(archive(tmp_path / "b.tar", entry(name), files={name: b"{}"}), tmp_path)
    assert isinstance(error, DataError)
    assert not Path("/tmp/pen-escaped").exists()
    assert len(error.message) < 300


def kind(number: bytes, target: str = "/etc/passwd") -> Change:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = number, target
    return change


@pytest.mark.parametrize("number", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE,
                                    tarfile.FIFOTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, b"9"])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, number: bytes) -> None:
    refused(archive(tmp_path / "b.tar", entry(NAME, b"", kind(number)), files={NAME: b""}), tmp_path)


def test_a_link_does_not_lead_what_follows_it_elsewhere(tmp_path: Path) -> None:
    link = entry("bases/x", b"", kind(tarfile.SYMTYPE, str(tmp_path)))
    refused(archive(tmp_path / "b.tar", link, entry("bases/x/config.json")), tmp_path)


def sized(text: str) -> Change:
    def change(info: tarfile.TarInfo) -> None:
        info.pax_headers = {"size": text}
    return change


@pytest.mark.parametrize("size", ["99999999999999999999", str(1 << 62), "4096", "-1", "-512", "1e9", "nan"])
def test_sizes_that_cannot_be_are_refused_before_anything_is_read(tmp_path: Path, size: str) -> None:
    refused(archive(tmp_path / "b.tar", entry(NAME, b"{}", sized(size)), files={NAME: b"{}"}), tmp_path)


@pytest.mark.parametrize("kind_of_header", [b"x", b"g", b"L", b"K"])
@pytest.mark.parametrize("size", [1 << 40, -600, -(1 << 40), 64 << 20])
def test_headers_of_any_size_take_no_memory(tmp_path: Path, kind_of_header: bytes, size: int) -> None:
    header = bytearray(tarfile.TarInfo("x").tobuf(tarfile.PAX_FORMAT))
    header[156:157] = kind_of_header
    header[124:136] = (b"\xff" if size < 0 else b"\x80") + (size % (1 << 88)).to_bytes(11, "big")
    header[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(header))[0]  # type: ignore[attr-defined]
    path = archive(tmp_path / "b.tar", bytes(header), entry(NAME), files={NAME: b"{}"})
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size + (65 << 20))
    refused(path, tmp_path)


def test_headers_before_headers_without_end_are_refused(tmp_path: Path) -> None:
    nested = b"".join(tarfile.TarInfo.create_pax_global_header({"a": "b"}) for _ in range(20_000))
    refused(archive(tmp_path / "b.tar", nested + b"\1" * 512), tmp_path)


@pytest.mark.parametrize("entries", [
    (entry(NAME), entry(NAME)), (entry("store.json"),), (entry("manifest.json"), entry(NAME)),
    (entry("bases/x/config.json"), entry("bases/x/config.json/y.json")),
    (entry("blobs/sha256/ab/" + "c" * 62),)])
def test_what_stands_where_it_cannot_is_refused(tmp_path: Path, entries: tuple[bytes, ...]) -> None:
    refused(archive(tmp_path / "b.tar", *entries, files={NAME: b"{}"}), tmp_path)


@pytest.mark.parametrize("about", [None, [], 7, "x", {}, {"format": "1"}, {"format": 0}, {"format": True, "a": 1}])
def test_what_is_no_backup_is_refused(tmp_path: Path, about: Any) -> None:
    if about == {"format": True, "a": 1}:
        about = {"format": 1.5}
    refused(archive(tmp_path / "b.tar", about=about), tmp_path)


def test_one_of_a_newer_pen_says_so(tmp_path: Path) -> None:
    assert isinstance(refused(archive(tmp_path / "b.tar", about={**ABOUT, "format": 2}), tmp_path), VersionError)


@pytest.mark.parametrize("content", [b"", b"\0" * 10_240, b"x" * 10_240, b"PK\3\4" + b"x" * 2000, os.urandom(5000)])
def test_what_is_no_tar_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.tar").write_bytes(content)
    refused(tmp_path / "b.tar", tmp_path)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    whole = archive(tmp_path / "b.tar", entry(NAME), files={NAME: b"{}"})
    whole.write_bytes(gzip.compress(whole.read_bytes() + bytes(50 << 20)))
    refused(whole, tmp_path)


@pytest.mark.slow
@pytest.mark.reliability
def test_every_cut_and_every_flipped_bit_is_found(tmp_path: Path) -> None:
    whole = archive(tmp_path / "b.tar", entry(NAME, b"abc" * 300), files={NAME: b"abc" * 300}).read_bytes()
    end = len(whole) - 1024
    out = tmp_path / "out"

    def accepted(data: bytes) -> bool:
        (tmp_path / "b.tar").write_bytes(data)
        QuickDisk().remove(out)
        out.mkdir()
        try:
            unpack(tmp_path / "b.tar", out, QuickDisk())
        except PenError:
            return False
        return (out / NAME).read_bytes() == b"abc" * 300  # whatever else is said of the file, its bytes are right

    assert accepted(whole)
    assert not any(accepted(whole[:length]) for length in range(0, end - 512, 97))
    content = whole.index(b"abc")
    assert not any(accepted(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:])
                   for place in range(content, content + 900, 7))
    for place in range(0, end, 5):  # in a header, or in the padding
        try:
            accepted(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1:])
        except FileNotFoundError:
            pytest.fail(f"byte {place} is accepted with another name")


def test_random_garbage_between_good_parts_is_refused(tmp_path: Path) -> None:
    whole = archive(tmp_path / "b.tar", entry(NAME), files={NAME: b"{}"}).read_bytes()
    for seed in range(50):
        mixed = io.BytesIO(whole)
        mixed.seek(512 * (seed % (len(whole) // 512 - 3)))
        mixed.write(hashlib.shake_256(b"%d" % seed).digest(512))
        (tmp_path / "b.tar").write_bytes(mixed.getvalue())
        out = tmp_path / "out"
        QuickDisk().remove(out)
        out.mkdir()
        with pytest.raises(PenError):
            unpack(tmp_path / "b.tar", out, QuickDisk())
