"""Every reader on every kind of bytes: records, rejections or a DataError, and nothing else, in bounded memory."""

import contextlib
import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pen_backend.dataset.record import Record, Rejected, shown
from pen_backend.dataset.sources import READERS, reader
from pen_backend.dataset.sources.document import Request, documents
from pen_backend.errors import DataError, Finding
from pen_backend.prompts.sources import Source
from pen_backend.records import Example
from tests.dataset import read
from tests.dataset.sources.workbooks import sheet, workbook

NAMES = [*READERS, "auto"]
PIECES = st.sampled_from([
    "* ", "** TODO ", ":tag:", "\n", "- ", "- a :: b", "| a | b |\n|---+---|\n| c |", ":PROPERTIES:\n", ":END:\n",
    ":Effort: x\n", "<2020-02-30>", "CLOCK: [2020-13-01]", "#+begin_src\n", "#+end_src\n", "#+TODO: |\n", "#+begin_x\n",
    '{"body": "b"}', '{"title": 1, "body": "b"}', "[", "]", ",", "{", "}", '"', "\\", '{"data": "x"}', '{"text": "t"}',
    "[[a][b]]", "\ufeff", "\r\n", "\r", "\x0c", "\u2028", "\x00", " ", "word. ", "1) x", "[ ] y",
    ":PEN_WEIGHTS: 1 x\n", "12/11/20, 1:55 - A: b", "[13/06/18, 21:25:15] A: b\n", "31/02/20, 25:61 - x\n", "\u200e",
    "a,b\n", "sep=;\n", '"a,', "a;b\n1;2\n", "WEBVTT\n\n", "1\n00:00:01,000 --> 00:00:02,000\n", "99:99:99.999 --> ",
    "<v A>b</v>", "NAME: x\n", '{"segments": [{"start": 0, "end": 1, "text": "t"}]}', '{"events": [{"segs": [{}]}]}',
    '[{"mapping": {"a": {"parent": "a"}}, "current_node": "a"}]', '"mapping": {}, "current_node": 1',
    '{"messages": [{"role": "user"}]}', '{"conversations": [{"from": "gpt"}]}', '{"prompt": "p", "completion": "c"}\n',
])
TEXTS = st.lists(PIECES, max_size=14).map("".join)
CODECS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "shift_jis", "gb18030", "utf-7",
          "unicode_escape", "punycode", "undefined"]
SETTINGS = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def drained(content: bytes, name: str, where: Path, **keys: Any) -> None:
    """Read everything and write it as JSON; what ends the file must be one finding with its code and place."""
    path = where / keys.pop("file", "file")
    path.write_bytes(content)
    source = Source.model_validate({"reader": name, "path": path.name, **keys})
    for conversation in (False, True):
        error = attempt(name, where, Request(source, frozenset(("text",)), conversation=conversation))
        assert error is None or [bool(one.code and one.where) for one in error.findings] == [True]


def attempt(name: str, where: Path, request: Request) -> DataError | None:
    """Read a source's documents; return what ended it."""
    try:
        for document in documents(request.source, "file", where):
            for each in reader(name, document)[1](document, request):
                assert isinstance(each, Example | Finding | Rejected) or isinstance(each.fields["text"], str)
                assert not isinstance(each, Rejected) or each.finding.where
                json.dumps(shown(each), default=str)
    except DataError as error:
        return error
    return None


@pytest.mark.parametrize("name", NAMES)
@SETTINGS
@given(content=st.binary(max_size=200) | TEXTS.map(str.encode))
@example(content=b"")
@example(content=b"\xff")
@example(content=b"\xef\xbb\xbf")
@example(content=b"PK\x03\x04")
def test_no_bytes_raise_anything_but_a_data_error(name: str, content: bytes, tmp_path: Path) -> None:
    drained(content, name, tmp_path)


@pytest.mark.parametrize("encoding", CODECS)
@SETTINGS
@given(text=TEXTS, noise=st.binary(max_size=6), name=st.sampled_from(["text", "table", "auto"]))
def test_no_encoding_raises_anything_but_a_data_error(encoding: str, text: str, noise: bytes, name: str,
                                                      tmp_path: Path) -> None:
    sane = "latin-1" if encoding in ("punycode", "undefined") else encoding
    drained(text.encode(sane, errors="ignore") + noise, name, tmp_path, encoding=encoding)


@pytest.mark.parametrize("name", ["table", "whatsapp", "chatgpt", "auto"])
@SETTINGS
@given(at=st.integers(0, 3000), noise=st.binary(min_size=1, max_size=4))
def test_no_damage_to_a_zip_raises_anything_but_a_data_error(name: str, at: int, noise: bytes, tmp_path: Path) -> None:
    whole = workbook({"A": sheet([["q", "a"], ["1", 2.5], ["3", None]])}, **{
        "_chat.txt": b"[13/06/18, 21:25:15] A: b\n", "conversations.json": b"[]"})
    at %= len(whole)
    drained(whole[:at] + noise + whole[at + len(noise):], name, tmp_path, file="a.xlsx")


GARBAGE = [
    b"\x00", b"[", b"{", b'"', b"* ", b"*", b"::", b"#+begin_abcdefghijklmno\n", b":abcdefghijklmn:\n",
    b"- \n  some text\n\n\n\n", b"|", b"\n", b'[{"a":', b'["\\\\', b"[[a", b"* [[a][b : c]] : \t : x" * 40 + b"\n",
    b" ", b"#+todo: a | b\n", b'","', b"12/11/20, 1:55 - ", b"\xe2\x80\x8e[", b"00:00:01,000 --> ", b"<v ", b"\r",
    b"a\n\n", b"* a\n:PROPERTIES:\n:a: b\n:END:\n", b"* a:b:c: x:\n", b"* [#A] :\n",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_four_times_the_garbage_takes_no_sixteen_times_as_long(name: str, tmp_path: Path) -> None:
    def seconds(garbage: bytes, size: int) -> float:
        gc.disable()  # a collection pays for what all the tests before have left
        start = time.process_time()
        with contextlib.suppress(DataError):
            read(garbage * (size // len(garbage)), name, tmp_path)
        spent = time.process_time() - start
        gc.enable()
        return spent

    spent = {garbage[:20]: (seconds(garbage, 75_000), seconds(garbage, 300_000)) for garbage in GARBAGE}
    assert [one for one, (small, large) in spent.items() if large > 10 * small + 0.3] == [], spent


MEMORY = """
import resource, sys
from pathlib import Path
from pen_backend.dataset.sources import READERS, reader
from pen_backend.dataset.sources.document import Request, documents
from pen_backend.errors import DataError
from pen_backend.prompts.sources import Source

def read(name, path):
    source = Source(reader=name, path=path)
    codes = set()
    try:
        for document in documents(source, path, Path.cwd()):
            for each in reader(name, document)[1](document, Request(source)):
                codes.add(getattr(each, "code", None))
    except DataError as error:
        codes.add(error.findings[0].code)
    return codes

for name in READERS:
    read(name, "small")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[2:]:
    codes = read(name, sys.argv[1])
    print(name, *sorted(map(str, codes)), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def peaks(path: str, names: list[str], where: Path) -> dict[str, tuple[list[str], int]]:
    """Read a file with readers in a process of its own; return the codes, and the growth of its memory in MB."""
    (where / "small").write_text("small")
    answer = subprocess.run([sys.executable, "-c", MEMORY, path, *names], cwd=where, capture_output=True, text=True,
                            timeout=100, check=True)
    rows = [line.split() for line in answer.stdout.splitlines()]
    return {name: (codes, int(peak)) for name, *codes, peak in rows}


@pytest.mark.slow
def test_a_line_of_a_gigabyte_is_read_in_bounded_memory(tmp_path: Path) -> None:
    with (tmp_path / "long").open("wb") as stream:
        stream.write(b'{"data": "a"}\n')
        stream.seek(1_000_000_000)
        stream.write(b'\n{"data": "b"}\n')
    codes, peak = peaks("long", ["jsonl"], tmp_path)["jsonl"]
    assert codes == ["None", "dialect", "line-too-long"]
    assert peak < 50


@pytest.mark.slow
@pytest.mark.parametrize(("content", "codes"), [
    (b"[" * 100_000_000, {"jokes": "json", "jsonl": "json", "table": "line-too-long", "text": "line-too-long"}),
    (b'{"a":' * 20_000_000, {"jokes": "line-too-long", "jsonl": "line-too-long", "chatgpt": "line-too-long"}),
], ids=["brackets", "objects"])
def test_a_hundred_megabytes_without_an_end_are_refused_in_bounded_memory(content: bytes, codes: dict[str, str],
                                                                          tmp_path: Path) -> None:
    (tmp_path / "deep").write_bytes(content)
    found = peaks("deep", list(codes), tmp_path)
    assert {name: each for name, (each, _) in found.items()} == {name: [code] for name, code in codes.items()}
    assert max(peak for _, peak in found.values()) < 100


@pytest.mark.parametrize(("name", "content"), [
    ("jsonl", b'{"text": "a"}\r\n'), ("org", b"- a\r\n"), ("text", b"a\r\n"), ("table", b"text\r\na\r\n"),
    ("jokes", b'{"body": "a"}\r\n'), ("transcript", b"1\r\n00:00:01,000 --> 00:00:02,000\r\na\r\n"),
    ("whatsapp", b"12/11/20, 13:55 - A: a\r\n"),
])
def test_a_bom_and_crlf_are_no_part_of_a_text(name: str, content: bytes, tmp_path: Path) -> None:
    found = read(b"\xef\xbb\xbf" + content, name, tmp_path, wanted=["text"])
    assert [each.fields["text"] for each in found if isinstance(each, Record)] == ["a"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "auto"])
def test_a_byte_that_is_not_utf8_is_named_with_offset_and_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0xe9 at offset 6, in line 2") as caught:
        read(b'"abc"\n\xe9"\n', name, tmp_path)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("encoding", "file:2")
    assert "encoding:" in str(finding.hint)


def test_a_reader_that_does_not_exist_is_refused_by_naming_those_that_do(tmp_path: Path) -> None:
    (document,) = documents(Source(text="a"), "a", tmp_path)
    with pytest.raises(DataError, match=r"no reader 'xml'.*jokes, jsonl, org, table, text"):
        reader("xml", document)
