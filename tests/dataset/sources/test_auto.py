"""Recognise a format: by the name, else by what the file begins with; in doubt it is lines of text."""

import gzip
from pathlib import Path

import pytest

from pen_backend.dataset.sources.auto import recognise
from pen_backend.dataset.sources.document import documents
from pen_backend.errors import DataError
from pen_backend.prompts.sources import Source
from tests.dataset.sources.workbooks import sheet, workbook
from tests.shared import shared

CUE = b"1\n00:00:01,000 --> 00:00:03,500\nHello.\n"


def recognised(file: str, content: bytes, where: Path) -> str:
    (where / file).write_bytes(content)
    (document,) = documents(Source(path=file), file, where)
    return recognise(document)


@pytest.mark.parametrize(("file", "content", "expected"), [
    ("a.json", b'[{"body": "b"}]', "jokes"), ("a.json", b'[{"prompt": "b", "completion": "c"}]', "jsonl"),
    ("a.json", b'{\n "prompt": "b",\n "completion": "c"\n}', "jsonl"), ("a.jsonl", b"nonsense", "jsonl"),
    ("a.json", b"[" * 9, "jsonl"), ("a.org", b"x", "org"), ("a.CSV", b"x", "table"), ("a.tsv.gz", b"x", "table"),
    ("a.srt", b"x", "transcript"), ("a.vtt", b"x", "transcript"),
])
def test_a_name_decides(file: str, content: bytes, expected: str, tmp_path: Path) -> None:
    assert recognised(file, gzip.compress(content) if file.endswith(".gz") else content, tmp_path) == expected


@pytest.mark.parametrize(("content", "expected"), [
    (b'{"data": "x"}', "jsonl"), (b'\xef\xbb\xbf \n[{"body": "b"}]', "jokes"), (b"[no JSON]", "text"),
    (b"12/11/20, 1:55 PM - Ann: Hi\n", "whatsapp"), (b"[13/06/18, 21:25:15] Ann: Hi\n", "whatsapp"),
    (b"WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n", "transcript"), (CUE, "transcript"),
    (b"* Heading\ntext", "org"), (b"text\n** Sub\n", "org"), (b"#+title: x\n", "org"), (b"- one\n- two", "org"),
    (b"1. one\n   goes on\n2. two", "org"), (b"| a | b |", "org"),
    (b"prompt,completion\nWhat?,This\n", "table"), (b"a b\tc\n1\t2\n", "table"), (b'q;a\n"1;\n2";3\n', "table"),
    (b"\xef\xbb\xbfq,a\r\n1,2\r\n", "table"),
    (b"one\ntwo", "text"), (b"First, this\nThen, that\n", "text"), (b"a,b\n", "text"), (b"a,b\n1,2\n3\n", "text"),
    (b"One line.\n- Said once.\nAnother.\nAnd one more.\n", "text"), (b"One.\n* * *\nTwo.\n", "text"),
    (b"#hashtag of a pun\n", "text"), (b"caf\xe9\n", "text"),
])
def test_the_content_decides_without_a_name(content: bytes, expected: str, tmp_path: Path) -> None:
    assert recognised("a", content, tmp_path) == expected
    (region,) = documents(Source(text=content.decode(errors="ignore")), "region", tmp_path)
    assert recognise(region) == expected


@pytest.mark.parametrize(("file", "content"), [
    ("a.zip", b"not packed"), ("a.bin", b"\x00\x01\x02"), ("a", b"MZ\0\0\1")])
def test_what_is_no_text_is_refused_and_not_taken_for_lines(file: str, content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no text") as caught:
        recognised(file, content, tmp_path)
    assert [one.code for one in caught.value.findings] == ["unknown-format"]


def test_another_encoding_is_left_to_whoever_names_its_first_bad_byte(tmp_path: Path) -> None:
    assert recognised("a", "hello there\n".encode("utf-16"), tmp_path) == "text"


def test_a_zip_is_a_workbook_or_a_chat(tmp_path: Path) -> None:
    assert recognised("a", workbook({"A": sheet([["q"]])}), tmp_path) == "table"


@pytest.mark.parametrize(("name", "expected"), [
    ("formats/files/axolotl_input_output.jsonl", "jsonl"), ("formats/files/chatgpt_conversations.json", "chatgpt"),
    ("formats/files/sharegpt.json", "jsonl"), ("formats/files/whisper.json", "transcript"),
    ("formats/files/pod.srt", "transcript"), ("formats/files/puns.csv", "table"), ("formats/files/puns.tsv", "table"),
    ("formats/files/puns.org", "org"), ("whatsapp/files/parse_convo.txt", "whatsapp"),
    ("jokes/taivop_stupidstuff.json.gz", "jokes"), ("jokes/pun_of_the_day.jsonl.gz", "jsonl"),
])
def test_the_shared_files_are_recognised(name: str, expected: str) -> None:
    path = shared(f"data/{name}")
    (document,) = documents(Source(path=str(path)), path.name, path.parent)
    assert recognise(document) == expected
