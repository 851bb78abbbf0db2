"""Plain text: a record a line, a paragraph or a file."""

from pathlib import Path

import pytest

from pen_backend.dataset.record import Record
from tests.dataset import read

TEXT = b"one\n\n two \ntwo and a half\n \nthree\n"


@pytest.mark.parametrize(("unit", "expected"), [
    ("line", [("one", 1), ("two", 3), ("two and a half", 4), ("three", 6)]),
    ("paragraph", [("one", 1), ("two \ntwo and a half", 3), ("three", 6)]),
    ("file", [(TEXT.decode(), 1)]),
])
def test_a_text_is_cut_as_asked(unit: str, expected: list[tuple[str, int]], tmp_path: Path) -> None:
    found = [each for each in read(TEXT, "text", tmp_path, unit=unit) if isinstance(each, Record)]
    assert [(each.fields["text"], int(each.origin.locator.split()[1])) for each in found] == expected
