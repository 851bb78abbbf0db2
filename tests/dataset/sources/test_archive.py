"""Zip files: one member, streamed, and never more of it than a chat can have."""

import struct
import zipfile
from pathlib import Path

import pytest

from pen_backend.dataset.sources import archive
from pen_backend.dataset.sources.archive import unzipped
from pen_backend.dataset.sources.document import Document, documents
from pen_backend.errors import DataError
from pen_backend.prompts.sources import Source


def packed(where: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    path = where / "a.zip"
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def opened(path: Path, name: str = "a.txt", **keys: object) -> Document:
    (document,) = documents(Source.model_validate({"path": str(path), **keys}), "a", path.parent)
    return unzipped(document, lambda names: [one for one in names if one == name], name, name)


def drain(document: Document) -> None:
    with document.open() as stream:
        while stream.read(1 << 20):
            pass


def code(caught: pytest.ExceptionInfo[DataError]) -> str:
    return caught.value.findings[0].code


def test_a_member_is_read_as_a_document(tmp_path: Path) -> None:
    document = opened(packed(tmp_path, {"a.txt": b"one\n", "b.txt": b"two\n"}))
    assert document.text() == "one\n"
    assert document.name == "a.zip"
    assert document.text() == "one\n"  # as often as one likes


def test_another_encoding_is_that_of_the_member(tmp_path: Path) -> None:
    assert opened(packed(tmp_path, {"a.txt": "é".encode("latin-1")}), encoding="latin-1").text() == "é"


def test_what_is_no_zip_file_stays_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hi")
    assert opened(tmp_path / "a.txt").text() == "hi"


def test_a_member_whose_name_was_lost_is_one_among_the_others(tmp_path: Path) -> None:
    path = packed(tmp_path, {"a.txt": b"one", "b.txt": b"two"})
    content = path.read_bytes()
    at = content.rindex(b"b.txt")  # in the list of members
    path.write_bytes(content[:at] + b"\0" + content[at + 1:])
    assert opened(path).text() == "one"
    with pytest.raises(DataError, match="cannot be unpacked"):
        drain(opened(path, name=""))


@pytest.mark.slow
def test_a_bomb_is_refused_before_it_is_begun(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file, file.open("a.txt", "w") as member:
        for _ in range(210):
            member.write(b"\n" * 1_000_000)
    assert (tmp_path / "a.zip").stat().st_size < 300_000
    with pytest.raises(DataError, match="unpacks to more than 200 MB") as caught:
        opened(tmp_path / "a.zip").open()  # a chat of so many empty lines took a minute and a half to be refused
    assert code(caught) == "bomb"


def test_what_packs_as_no_text_does_is_refused_before_it_is_begun(tmp_path: Path) -> None:
    path = packed(tmp_path, {"a.txt": b"\n" * 20_000_000, "b.txt": b"\n" * 1_000_000})
    with pytest.raises(DataError, match="unpacks to more than 100 times its size") as caught:
        opened(path).open()
    assert code(caught) == "bomb"
    assert "yourself" in str(caught.value.hint)
    drain(opened(path, "b.txt"))  # too small to do harm


def test_a_member_that_is_longer_than_it_says_is_a_data_error(tmp_path: Path) -> None:
    path = packed(tmp_path, {"a.txt": b"x" * 5_000_000})
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    content[at + 24:at + 28] = struct.pack("<L", 10)
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be unpacked"):
        drain(opened(path))


@pytest.mark.parametrize("damage", [
    lambda content: content[:-10], lambda content: content[:30], lambda content: b"PK\x03\x04" + b"\0" * 100,
    lambda content: content[:40] + b"\xff\xff\xff" + content[43:], lambda content: b"PK\x05\x06" + b"\xff" * 18,
])
def test_a_damaged_file_is_a_data_error(damage: object, tmp_path: Path) -> None:
    assert callable(damage)
    path = packed(tmp_path, {"a.txt": bytes(range(256)) * 40})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError):
        drain(opened(path))


def test_an_unusual_method_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="packed in a way"):
        opened(packed(tmp_path, {"a.txt": b"x" * 100}, zipfile.ZIP_LZMA)).open()


def test_an_encrypted_member_says_so(tmp_path: Path) -> None:
    path = packed(tmp_path, {"a.txt": b"x" * 100})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="encrypted"):
        opened(path).open()


def test_a_list_of_members_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    entry = b"PK\x01\x02" + bytes(42)
    count = archive._DIRECTORY_LIMIT // len(entry) + 1
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, count * len(entry), 4, 0)
    with (tmp_path / "a.zip").open("wb") as stream:
        stream.write(b"PK\x03\x04")
        stream.write(entry * count)
        stream.write(end)
    with pytest.raises(DataError) as caught:
        opened(tmp_path / "a.zip")
    assert code(caught) == "too-big"


def test_any_bytes_behind_the_sign_of_a_zip_file_are_a_data_error() -> None:
    for content in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x05\x06" + b"\0" * 18):
        with pytest.raises(DataError):
            unzipped(Document("a", "", len(content), content=content), lambda names: names[:1], "x", "x")
