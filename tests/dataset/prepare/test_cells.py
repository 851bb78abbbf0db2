import gzip
import json
from pathlib import Path

import pytest

from pen_backend.errors import DataError
from tests.dataset.prepare import Pair, lines, run
from tests.dataset.sources.workbooks import sheet, workbook

ROWS = [{"prompt": "one", "completion": "first thing"}, {"prompt": "two", "completion": "second place"}]
PREPARED: list[Pair] = [("one ->", " first thing\n"), ("two ->", " second place\n")]


@pytest.mark.parametrize(("name", "content"), [
    ("x.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS)),
    ("x.json", json.dumps(ROWS)),
    ("x.json", json.dumps(ROWS, indent=2)),
    ("x.json", "".join(json.dumps(row) + "\n" for row in ROWS)),
    ("x.json", json.dumps({name: {str(number): row[name] for number, row in enumerate(ROWS)}
                           for name in ("prompt", "completion")})),
    ("x.jsonl", json.dumps(ROWS)),
    ("x.JSONL", "\ufeff" + "".join(json.dumps(row) + "\r\n" for row in ROWS)),
    ("x.csv", "prompt,completion\none,first thing\ntwo,second place\n"),
    ("x.csv", "\ufeffPrompt;Completion\r\none;first thing\r\n\r\ntwo;second place\r\n"),
    ("x.tsv", "completion\tprompt\nfirst thing\tone\nsecond place\ttwo\n"),
    ("x", "".join(json.dumps(row) + "\n" for row in ROWS)),
])
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content, newline="")
    done = run(path)
    assert done.ok, done.findings
    assert lines(done.files[0]) == PREPARED


def test_packed_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode()))
    done = run(path)
    assert lines(done.files[0]) == PREPARED
    assert done.files[0].name == "x_prepared.jsonl"


def test_a_line_of_plain_text_is_a_completion(tmp_path: Path) -> None:
    path = tmp_path / "songs.txt"
    path.write_text("* la la\n\n[1, 2]\nlo lo\n")
    done = run(path)
    assert done.kind == "open-ended"
    assert lines(done.files[0]) == [("", " * la la"), ("", " [1, 2]"), ("", " lo lo")]
    assert [one.rows for one in done.findings if one.id == 15] == [[1, 3, 4]]


def test_rows_of_a_table_are_named_by_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('prompt,completion\n"a\nb",one\nc,\nd,two\nd,two\n')
    assert {one.id: one.rows for one in run(path).findings if one.id in (5, 7)} == {5: [4], 7: [6]}


def test_a_table_is_written_even_if_nothing_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('prompt,completion\none ->," first thing END"\ntwo ->," second place END"\n')
    done = run(path)
    assert [one for one in done.findings if one.id != 1] == []
    assert lines(done.files[0]) == [("one ->", " first thing END"), ("two ->", " second place END")]


def test_a_column_called_text_is_a_further_column(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("prompt,completion,text\none,first thing,x\ntwo,second place,y\n")
    assert [one.id for one in run(path).findings if one.code == "columns"] == [4]


@pytest.mark.parametrize(("name", "content"), [
    ("x.org", "* heading\n"), ("x.vtt", "WEBVTT\n"), ("x.csv", "1,2\n3,4\n"),
])
def test_what_is_no_table_is_an_error_of_the_file(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError):
        run(path)


def test_the_first_sheet_of_a_workbook_is_read_and_others_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    rows: list[list[object]] = [["prompt", "completion"], ["one", "first thing"], *[[7, "second place"]] * 2]
    path.write_bytes(workbook({"Rows": sheet(rows), "Notes": sheet([["a"]])}))
    done = run(path)
    assert lines(done.files[0]) == [("one ->", " first thing\n"), ("7 ->", " second place\n")]
    assert [one.rows for one in done.findings if one.id == 7] == [[4]]
    assert any("Notes" in one.message for one in done.findings if one.id is None)
