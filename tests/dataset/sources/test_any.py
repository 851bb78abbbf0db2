"""Every reader on every kind of bytes: records, rejections or a DataError, and nothing else."""

import contextlib
import gzip
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pen_backend.dataset.record import Record, Rejected, place
from pen_backend.dataset.sources import reader
from pen_backend.dataset.sources.document import documents
from pen_backend.errors import DataError, Finding
from pen_backend.prompts.sources import Source
from pen_backend.records import Example
from tests.dataset import read

READERS = ["jokes", "jsonl", "org", "text", "whatsapp", "transcript", "chatgpt", "auto"]
PIECES = st.sampled_from([
    "* ", "** TODO ", ":tag:", "\n", "- ", "- a :: b", "| a | b |\n|---+---|\n| c |", ":PROPERTIES:\n", ":END:\n",
    ":Effort: x\n", "<2020-02-30>", "CLOCK: [2020-13-01]", "#+begin_src\n", "#+end_src\n", "#+TODO: |\n", "#+begin_x\n",
    '{"body": "b"}', '{"title": 1, "body": "b"}', "[", "]", ",", "{", "}", '"', "\\", '{"data": "x"}', '{"text": "t"}',
    "[[a][b]]", "\ufeff", "\r\n", "\x0c", "\u2028", " ", "word. ", "1) x", "[ ] y", ":PEN_WEIGHTS: 1 x\n",
    "12/11/20, 1:55 - A: b", "[12/11/20, 1:55:00] A: \u200eb", "00:01.000 --> 00:02.000\n", "WEBVTT\n\n",
    '{"mapping": {"a": {"parent": "a"}}, "current_node": "a"}', '{"segments": [{"text": "a", "start": 0, "end": 1}]}',
])
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("name", READERS)
@SETTINGS
@given(content=st.binary(max_size=200) | st.lists(PIECES, max_size=14).map(lambda parts: "".join(parts).encode()))
@example(content=b"")
@example(content=b"\xff")
def test_no_bytes_raise_anything_but_a_data_error(name: str, content: bytes, tmp_path: Path) -> None:
    with contextlib.suppress(DataError):
        for each in read(content, name, tmp_path):
            assert isinstance(each, Rejected | Example | Finding) or isinstance(each.fields["text"], str)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("garbage", [
    b"\x00", b"[", b"{", b'"', b"* ", b"*", b"::", b"#+begin_abcdefghijklmno\n", b":abcdefghijklmn:\n",
    b"- \n  some text\n\n\n\n", b"|", b"\n", b'[{"a":', b'["\\\\', b"[[a", b"* [[a][b : c]] : \t : x" * 40 + b"\n",
    b" ", b"#+todo: a | b\n", b"1/2/20, 1:00 - A: b: c\n", b"1/2/20, 1:00 - ", b"[1/2/20, 1:00:00] \xe2\x80\x8e",
    b"00:01.000 --> 00:02.000\n", b"-->", b"<v ",
], ids=repr)
def test_a_megabyte_of_garbage_takes_a_second_at_most(name: str, garbage: bytes, tmp_path: Path) -> None:
    content = garbage * (1_000_000 // len(garbage))
    start = time.process_time()
    with contextlib.suppress(DataError):
        read(content, name, tmp_path)
    assert time.process_time() - start < 3  # of processor time; under 1 s on a machine of its own


@pytest.mark.parametrize("name", ["jsonl", "org", "text"])
def test_a_bom_and_crlf_are_no_part_of_a_text(name: str, tmp_path: Path) -> None:
    content = {"jsonl": b'{"text": "a"}\r\n', "org": b"- a\r\n", "text": b"a\r\n"}[name]
    (record,) = read(b"\xef\xbb\xbf" + content, name, tmp_path, wanted=["text"])
    assert isinstance(record, Record)
    assert record.fields["text"] == "a"


@pytest.mark.parametrize("name", ["jokes", "jsonl", "org", "text"])
def test_a_byte_that_is_not_utf8_is_named_with_offset_and_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0xe9 at offset 6, in line 2") as caught:
        read(b'"abc"\n\xe9"\n', name, tmp_path)
    assert caught.value.findings[0].code == "encoding"
    assert "encoding:" in str(caught.value.hint)


def test_another_encoding_is_read_when_it_is_named(tmp_path: Path) -> None:
    (record,) = read("caf\u00e9".encode("latin-1"), "text", tmp_path, encoding="latin-1")
    assert isinstance(record, Record)
    assert record.fields["text"] == "caf\u00e9"


def test_a_gzipped_file_is_read_and_a_torn_one_is_an_error(tmp_path: Path) -> None:
    packed = gzip.compress(b"one\ntwo\n")
    assert len(read(packed, "text", tmp_path, file="a.txt.gz")) == 2
    with pytest.raises(DataError, match="not a whole gzip file"):
        read(packed[:-9], "text", tmp_path, file="a.txt.gz")


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000, 9)
    with pytest.raises(DataError) as caught:
        read(bomb, "jsonl", tmp_path, file="a.jsonl.gz")
    assert caught.value.findings[0].code == "bomb"


def test_a_missing_file_and_a_wrong_hash_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(b"a", "text", tmp_path, sha256="0" * 64)
    assert caught.value.findings[0].code == "checksum"
    with pytest.raises(DataError, match=r"absent\.org does not exist"):
        list(documents(Source(path="absent.org"), "absent.org", tmp_path))


def test_a_glob_reads_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt"):
        (tmp_path / name).write_text(name)
    assert [one.name for one in documents(Source(path="*.txt"), "x", tmp_path)] == ["a.txt", "b.txt"]


def test_an_absolute_path_never_becomes_a_name(tmp_path: Path) -> None:
    (found,) = read(b"a", "text", tmp_path)
    assert isinstance(found, Record)
    assert place(found.origin) == "file:1"


def test_a_reader_that_does_not_exist_is_refused_by_naming_those_that_do(tmp_path: Path) -> None:
    (document,) = documents(Source(text="a"), "a", tmp_path)
    with pytest.raises(DataError, match=r"no reader 'xml'.*jokes, jsonl, org, table, text"):
        reader("xml", document)
