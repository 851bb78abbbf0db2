"""Plain text: a record a line, a paragraph, or the whole file in pieces that a training line can hold."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.dataset.record import Record, Rejected
from pen_backend.errors import DataError
from pen_backend.records import LINE_LIMIT
from tests.dataset import read

TEXT = b"one\n\n two \ntwo and a half\n \nthree\n"


def texts(content: bytes, where: Path, unit: str) -> list[tuple[object, int]]:
    found = [each for each in read(content, "text", where, unit=unit) if isinstance(each, Record)]
    return [(each.fields["text"], int(each.origin.locator.split()[1])) for each in found]


@pytest.mark.parametrize(("unit", "expected"), [
    ("line", [("one", 1), ("two", 3), ("two and a half", 4), ("three", 6)]),
    ("paragraph", [("one", 1), (" two \ntwo and a half", 3), ("three", 6)]),
    ("file", [(TEXT.decode().rstrip(), 1)]),
])
def test_a_text_is_cut_as_asked(unit: str, expected: list[tuple[str, int]], tmp_path: Path) -> None:
    assert texts(TEXT, tmp_path, unit) == expected


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_whole_file_is_cut_only_at_blank_lines_into_pieces_below_256_kb(end: str, tmp_path: Path) -> None:
    paragraphs = [f"{number} " + "word " * 4000 + f"{end}  indented" for number in range(40)]
    content = f"{end}{end}" + f"{end}{end}".join(paragraphs)
    pieces = texts(content.encode(), tmp_path, "file")
    assert "\n\n".join(str(text) for text, _ in pieces) == content.replace("\r", "").strip()
    assert all(len(str(text).encode()) < 256_000 for text, _ in pieces)
    assert [line for _, line in pieces] == [3, 39, 75, 111]


def test_a_long_paragraph_is_a_piece_and_one_that_no_line_can_hold_hides_no_other(tmp_path: Path) -> None:
    tall, wide = (b"y" * 999 + b"\n") * 1001, b"z" * (2 * LINE_LIMIT)
    content = b"\n".join((b"a\n", b"x" * 300_000 + b"\n", tall, wide + b"\n", b"b\n" + (b" " * 999 + b"\n") * 1001))
    for unit in ("file", "paragraph"):
        found = read(content, "text", tmp_path, unit=unit)
        assert [len(str(each.fields["text"])) for each in found if isinstance(each, Record)] == [1, 300_000, 1]
        rejected = [each for each in found if isinstance(each, Rejected)]
        assert [each.code for each in rejected] == ["line-too-long", "line-too-long"]
        assert all(len(str(each.raw)) <= 1_000 for each in rejected)


def test_a_line_that_is_too_long_hides_no_other(tmp_path: Path) -> None:
    found = read(b"a\n" + "é".encode() * LINE_LIMIT + b"\nb", "text", tmp_path)
    assert [getattr(each, "code", None) for each in found] == [None, "line-too-long", None]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(st.sampled_from(["a", " b ", "", " ", "\t"])).map("\n".join))
def test_every_unit_reads_the_same_lines(content: str, tmp_path: Path) -> None:
    if not content.strip():
        with pytest.raises(DataError, match="is empty"):
            texts(content.encode(), tmp_path, "line")
        return
    expected = [line.strip() for line in content.split("\n") if line.strip()]
    for unit in ("line", "paragraph", "file"):
        lines = [line.strip() for text, _ in texts(content.encode(), tmp_path, unit) for line in str(text).split("\n")]
        assert [line for line in lines if line] == expected
