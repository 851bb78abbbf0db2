"""Files and regions: found, hashed, unpacked and decoded, and every fault of one with its code, place and fix."""

import codecs
import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.dataset.sources import reader
from pen_backend.dataset.sources.document import Document, documents
from pen_backend.dataset.sources.streams import CHUNK
from pen_backend.errors import DataError, Finding
from pen_backend.prompts.sources import Source
from tests.dataset import read

CODECS = ["utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "shift_jis", "gb18030", "euc_kr", "koi8-r", "ascii"]


def opened(where: Path, content: bytes, file: str = "a.txt", **keys: Any) -> Document:
    (where / file).write_bytes(content)
    (document,) = documents(Source.model_validate({"path": file, **keys}), "source", where)
    return document


def recognised(document: Document) -> str:
    reader("auto", document)
    return document.text()


def fault(where: Path, source: Source) -> Finding:
    """Open, recognise and read a source; return the one finding of what ends it."""
    with pytest.raises(DataError) as caught:
        list(map(recognised, documents(source, "source", where, lambda path: None)))
    (finding,) = caught.value.findings
    assert caught.value.hint
    assert finding.hint
    return finding


@pytest.mark.parametrize(("path", "says"), [
    ("absent.org", "absent.org does not exist"), ("*.none", "no file fits"), ("folder", "is a directory"),
    ("pipe", "is not a regular file"), ("no\0name", "NUL"), ("x" * 5000, "does not exist"),
])
def test_what_is_no_file_is_not_found_and_never_waited_for(path: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    finding = fault(tmp_path, Source(path=path))
    assert finding.code == "not-found"
    assert says in finding.message
    assert finding.where == "source"


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    finding = fault(tmp_path, Source(path="/proc/self/mem"))
    assert (finding.code, finding.where) == ("not-found", "mem")
    assert "cannot be read" in finding.message


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \r\n\t\n", pytest.param(gzip.compress(b""), id="gzip"),
                                     pytest.param(gzip.compress(b"\n"), id="gzip-line")])
def test_a_file_without_content_is_empty(content: bytes, tmp_path: Path) -> None:
    name = "a.txt.gz" if content[:2] == b"\x1f\x8b" else "a.txt"
    (tmp_path / name).write_bytes(content)
    finding = fault(tmp_path, Source(path=name))
    assert (finding.code, finding.where) == ("empty-file", name)


def test_a_region_without_content_is_empty_and_one_with_half_a_character_has_its_line(tmp_path: Path) -> None:
    assert fault(tmp_path, Source(text="")).code == "empty-file"
    assert fault(tmp_path, Source(text=" \n")).code == "empty-file"
    finding = fault(tmp_path, Source(text="a\nb\ud800"))
    assert (finding.code, finding.where) == ("surrogate", "source:2")


def test_a_wrong_hash_is_a_fault_and_the_right_one_is_none(tmp_path: Path) -> None:
    good = opened(tmp_path, b"a")
    finding = fault(tmp_path, Source(path="a.txt", sha256="0" * 64))
    assert (finding.code, finding.where) == ("checksum", "a.txt")
    assert opened(tmp_path, b"a", sha256=good.sha256).sha256 == good.sha256


@pytest.mark.parametrize("name", ["no-such-thing", "zlib", "base64", "rot13", "idna", "unicode_escape"])
def test_what_is_no_encoding_of_texts_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a")
    assert fault(tmp_path, Source(path="a.txt", encoding=name)).code == "encoding"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(), encoding=st.sampled_from(CODECS))
def test_every_encoding_reads_what_it_wrote(text: str, encoding: str, tmp_path: Path) -> None:
    content = text.encode(encoding, errors="ignore")
    if not content:
        return
    expected = content.decode(encoding).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    assert opened(tmp_path, content, encoding=encoding).text() == expected


@pytest.mark.parametrize("before", [0, 3, CHUNK - 1, CHUNK, CHUNK + 1])
@pytest.mark.parametrize(("encoding", "good", "bad"), [
    ("utf-8", "é\n", b"\xff"), ("shift_jis", "あ\n", b"\x81\xff"), ("utf-16-le", "é\n", b"\x00\xdc"),
    ("utf-8", "é\n", b"\xc3"), ("ascii", "ab\n", b"\xe9"),
])
def test_the_first_wrong_byte_is_named_wherever_it_stands(encoding: str, good: str, bad: bytes, before: int,
                                                          tmp_path: Path) -> None:
    sound = ("x" * before + good).encode(encoding)
    (tmp_path / "a.txt").write_bytes(sound + bad)
    with pytest.raises(DataError) as caught:
        opened(tmp_path, sound + bad, encoding=encoding).text()
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("encoding", "a.txt:2")
    assert f"byte 0x{bad[0]:02x} at offset {len(sound)}, in line 2," in finding.message
    assert encoding.upper() in finding.message


@pytest.mark.parametrize(("content", "says"), [
    ("é\n".encode("utf-16"), "utf-16"), ("é\n".encode("latin-1"), "latin-1"),
    pytest.param(gzip.compress(b"a"), "gzipped", id="gzip"),
    (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
])
def test_a_file_that_is_no_utf_8_is_told_what_it_may_be(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert says in str(fault(tmp_path, Source(path="a.txt")).hint)


def test_nothing_is_ever_replaced_in_another_encoding(tmp_path: Path) -> None:
    assert opened(tmp_path, "caf\u00e9".encode("latin-1"), encoding="latin-1").text() == "caf\u00e9"
    (tmp_path / "a.txt").write_bytes(codecs.BOM_UTF16_LE + b"\x00\xd8")
    assert fault(tmp_path, Source(path="a.txt", encoding="utf-16")).code == "encoding"
    (tmp_path / "a.txt").write_bytes(b"a\n+2AA-")  # UTF-7 can write half a character
    assert fault(tmp_path, Source(path="a.txt", encoding="utf-7")).code in ("surrogate", "encoding")


def test_a_gzipped_file_is_read_and_a_torn_one_is_a_fault(tmp_path: Path) -> None:
    packed = gzip.compress(b"one\ntwo\n")
    assert len(read(packed, "text", tmp_path, file="a.txt.gz")) == 2
    for torn in (packed[:-9], b"no gzip at all", packed[:12] + b"\xff\xff" + packed[14:]):
        (tmp_path / "a.txt.gz").write_bytes(torn)
        finding = fault(tmp_path, Source(path="a.txt.gz"))
        assert (finding.code, finding.where) == ("unknown-format", "a.txt.gz")


def test_a_bomb_is_refused_and_what_packs_well_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"\0" * 50_000_000, 9))
    assert fault(tmp_path, Source(path="a.jsonl.gz")).code == "bomb"
    assert len(read(gzip.compress(b"the same\n" * 100_000, 9), "text", tmp_path, file="b.txt.gz")) == 100_000


def test_a_glob_reads_its_files_in_order_and_a_name_that_looks_like_one_is_a_name(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "[x].txt"):
        (tmp_path / name).write_text(name)
    assert [one.name for one in documents(Source(path="?.txt"), "x", tmp_path)] == ["a.txt", "b.txt"]
    assert [one.name for one in documents(Source(path="[x].txt"), "x", tmp_path)] == ["[x].txt"]


def test_an_absolute_path_never_becomes_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (found,) = documents(Source(path=str(tmp_path / "a.txt")), "x", tmp_path)
    assert found.origin("line 1").where == "a.txt:1"


def test_a_whole_json_text_says_where_it_breaks(tmp_path: Path) -> None:
    assert opened(tmp_path, b'\xef\xbb\xbf{\n "a": 1\n}', "a.json").json() == {"a": 1}
    with pytest.raises(DataError) as caught:
        opened(tmp_path, b'{\n "a": NaN\n}', "a.json").json()
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("nan", "a.json:2")
    with pytest.raises(DataError, match="0xe9 at offset 3, in line 2"):
        opened(tmp_path, b'{\n"\xe9"}', "a.json").json()


@pytest.mark.slow
def test_a_text_that_is_too_big_to_be_held_is_a_fault(tmp_path: Path) -> None:
    with (tmp_path / "a.org").open("wb") as stream:
        stream.write(b"* H\n")
        stream.truncate(256_000_001)
    finding = fault(tmp_path, Source(path="a.org"))
    assert (finding.code, finding.where) == ("too-big", "a.org")


def test_reading_texts_loads_no_workbook_library() -> None:
    program = "import sys, pen_backend.dataset.sources; print('python_calamine' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "False"
