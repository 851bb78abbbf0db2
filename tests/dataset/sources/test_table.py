"""Tables: separators, quotes and encodings of CSV and TSV, and the first sheet of a workbook."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.dataset.record import Read, Record, Rejected
from pen_backend.dataset.sources import reader
from pen_backend.dataset.sources.document import Request, documents
from pen_backend.errors import DataError, Finding
from pen_backend.prompts.sources import Source
from pen_backend.records import LINE_LIMIT
from tests.dataset import read
from tests.dataset.sources.workbooks import sheet, sheet_of, workbook
from tests.shared import shared

SIGNS = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\x00")
CELLS = st.text(SIGNS, max_size=8) | st.just('a"b;\n,\tc')


def rows(content: bytes, where: Path, **keys: Any) -> list[dict[str, object]]:
    """Return the columns of every row that was read, without the whole row's text."""
    return [{name: value for name, value in each.fields.items() if name != "text"}
            for each in read(content, "table", where, **keys) if isinstance(each, Record)]


def bad(content: bytes, where: Path, **keys: Any) -> list[Finding]:
    return [each.finding for each in read(content, "table", where, **keys) if isinstance(each, Rejected)]


def fault(content: bytes, where: Path, **keys: Any) -> tuple[str, str | None]:
    with pytest.raises(DataError) as caught:
        read(content, "table", where, **keys)
    (finding,) = caught.value.findings
    assert caught.value.hint
    assert finding.hint
    return finding.code, finding.where


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_separator_is_found_by_the_header(separator: str, end: str, tmp_path: Path) -> None:
    content = end.join(separator.join(row) for row in (["q", "a"], ["what, or who", "x"], ['"a ""b"" c"', "007"]))
    if separator == ",":
        content = content.replace("what, or who", '"what, or who"')
    assert rows(content.encode(), tmp_path) == [{"q": "what, or who", "a": "x"}, {"q": 'a "b" c', "a": "007"}]


def test_a_separator_inside_the_quotes_of_the_header_decides_nothing(tmp_path: Path) -> None:
    assert rows(b'"a,b,c";d\n1;2\n', tmp_path) == [{"a,b,c": "1", "d": "2"}]


def test_a_separator_that_the_file_names_is_taken(tmp_path: Path) -> None:
    assert rows(b"sep=|\na|b,c,d\n1|2\n", tmp_path) == [{"a": "1", "b,c,d": "2"}]


def test_a_bom_is_no_part_of_the_first_name_and_cells_stay_texts(tmp_path: Path) -> None:
    found = rows(b"\xef\xbb\xbfn, m \nNA, 007 \nNone,1e3\n", tmp_path)
    assert found == [{"n": "NA", "m": " 007 "}, {"n": "None", "m": "1e3"}]


def test_line_breaks_and_blank_lines_inside_quotes_are_text_and_outside_no_rows(tmp_path: Path) -> None:
    content = b'q,a\n\n"one\n\ntwo",x\n  \ny,"z\n"\n'
    found = [each for each in read(content, "table", tmp_path) if isinstance(each, Record)]
    assert [each.fields["q"] for each in found] == ["one\n\ntwo", "y"]
    assert [each.origin.locator for each in found] == ["line 3", "line 7"]


def test_short_and_long_rows_are_bad_rows_that_hide_no_other(tmp_path: Path) -> None:
    content = b"q,a\n1,2\nalone\n3,4\n5,6,7\n8,9\n"
    assert [row["q"] for row in rows(content, tmp_path)] == ["1", "3", "8"]
    assert [(each.code, each.where, each.message) for each in bad(content, tmp_path)] == [
        ("row-short", "file:3", "the row has 1 cell for 2 columns"),
        ("row-long", "file:5", "the row has 3 cells for 2 columns")]
    assert all(each.hint for each in bad(content, tmp_path))


def test_a_quote_that_is_never_closed_costs_its_line_alone(tmp_path: Path) -> None:
    content = b'q,a\n1,2\n"open,x\n3,4\n5,6\n'
    assert [row["q"] for row in rows(content, tmp_path)] == ["1", "3", "5"]
    assert [(each.code, each.where) for each in bad(content, tmp_path)] == [("row-long", "file:3")]


def test_text_after_a_closing_quote_is_refused_and_not_glued_to_the_cell(tmp_path: Path) -> None:
    assert [each.where for each in bad(b'q,a\n"He" said,x\ny,z\n', tmp_path)] == ["file:2"]


def test_quotes_in_a_file_of_tabs_are_text(tmp_path: Path) -> None:
    assert rows(b'q\ta\n"He" said\t5" nails\n"a\tb\n', tmp_path) == [
        {"q": '"He" said', "a": '5" nails'}, {"q": '"a', "a": "b"}]


def test_a_row_of_empty_cells_is_counted_as_empty(tmp_path: Path) -> None:
    assert [each.code for each in bad(b"q,a\n,\n1,2\n", tmp_path)] == ["empty"]


def test_a_column_without_a_name_is_called_by_its_number(tmp_path: Path) -> None:
    assert rows(b",q\n0,a\n", tmp_path) == [{"1": "0", "q": "a"}]


@pytest.mark.parametrize(("content", "message"), [
    (b"a,b,a\n1,2,3\n", "columns 1 and 3"), (b"1,2.5\n3,4\n", "holds numbers"), (b",,\n1,2,3\n", "is empty")])
def test_a_first_row_that_names_no_columns_ends_the_file(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(content, "table", tmp_path)
    assert fault(content, tmp_path) == ("no-header", "file:1")


def test_latin_1_is_read_only_when_it_is_named(tmp_path: Path) -> None:
    content = "q,a\ncafé,x\n".encode("latin-1")
    assert fault(content, tmp_path) == ("encoding", "file:2")
    assert rows(content, tmp_path, encoding="latin-1") == [{"q": "café", "a": "x"}]


def test_a_line_without_end_is_one_bad_row(tmp_path: Path) -> None:
    content = b"q,a\n1,2\n" + b"x" * (3 * LINE_LIMIT) + b'\n3,4\n"' + b"y" * 99_999 + (b"\n" + b"y" * 99_999) * 20
    read_rows = rows(content, tmp_path)
    assert [row["q"] for row in read_rows] == ["1", "3"]
    found = bad(content, tmp_path)
    assert [each.code for each in found[:3]] == ["line-too-long", "row-long", "row-short"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.lists(st.tuples(CELLS, CELLS), max_size=6), separator=st.sampled_from(",;\t"))
def test_what_was_written_is_read(table: list[tuple[str, str]], separator: str, tmp_path: Path) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([("name", "other"), *table])
    read_rows = rows(written.getvalue().encode(), tmp_path)
    assert read_rows == [{"name": a, "other": b} for a, b in table if a.strip() or b.strip()]


@pytest.mark.parametrize("name", ["puns.csv", "puns.tsv"])
def test_the_shared_tables_are_read_as_expected(name: str) -> None:
    case = next(case for case in json.loads(shared("data/formats/EXPECTED.json").read_text())["cases"]
                if case["file"] == f"files/{name}")
    path = shared(f"data/formats/files/{name}")
    source = Source(path=str(path))
    (document,) = documents(source, path.name, path.parent)
    chosen, read_table = reader("auto", document)
    assert chosen == "table"
    found: list[Read] = list(read_table(document, Request(source)))
    good = [each for each in found if isinstance(each, Record)]
    columns = case["rows"][0]
    assert [{name: each.fields[name] for name in columns} for each in good] == case["rows"]
    assert [each.origin.locator for each in good] == [f"line {line}" for line in case["row_lines"]]
    rejected = [each.finding for each in found if isinstance(each, Rejected)]
    assert [each.where for each in rejected] == [f"{name}:{error['line']}" for error in case["errors"]]
    for finding, error in zip(rejected, case["errors"], strict=True):
        assert all(word in finding.message for word in error["says"])


def test_the_first_sheet_is_read_as_text_and_the_others_are_named(tmp_path: Path) -> None:
    first = sheet([[], ["q", "n", "day"], ["two\nlines", 7, ("date", 45292)], [" x ", 7.5, None], [None],
                   [True, 1e20, "NA"]])
    content = workbook({"Puns": first, "Other": sheet([["no"]])})
    found = read(content, "table", tmp_path, file="a.xlsx")
    good = [each for each in found if isinstance(each, Record)]
    assert [[each.fields[name] for name in ("q", "n", "day")] for each in good] == [
        ["two\nlines", "7", "2024-01-01"], [" x ", "7.5", ""], ["TRUE", "100000000000000000000", "NA"]]
    assert [each.origin.locator for each in good] == ["row 3", "row 4", "row 6"]
    (warning,) = [each for each in found if isinstance(each, Finding)]
    assert (warning.level, warning.where) == ("warning", "a.xlsx")
    assert "'Other'" in warning.message


def test_a_cell_beyond_the_header_makes_its_row_too_long(tmp_path: Path) -> None:
    content = workbook({"A": sheet([["q"], ["1", "stray"], ["2"]])})
    assert [each.code for each in bad(content, tmp_path, file="a.xlsx")] == ["row-long"]
    assert [row["q"] for row in rows(content, tmp_path, file="a.xlsx")] == ["2"]


FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(("content", "code"), [
    (workbook({"A": sheet_of(FAR)}), "too-big"),
    (workbook({"A": sheet_of('<row r="1048576">' + "<c><v>1</v></c>" * 9 + "</row>")}), "too-big"),
    (workbook({"A": sheet_of('<row><c r="AAAAAAAAAAAA1"><v>1</v></c></row>')}), "too-big"),
    (workbook({"A": sheet_of("<row><c t='inlineStr'><is><t>&b;</t></is></c></row>", ENTITIES)}), "unknown-format"),
    (workbook({"A": "<worksheet><sheetData>"}), "unknown-format"),
    (workbook({"A": "no XML"}), "unknown-format"),
    (workbook({}), "unknown-format"),
    (workbook({"A": sheet([["q"]])})[:-30], "unknown-format"),
    (workbook({"A": sheet([["q"]])}, **{"xl/media/image1.png": b"\0" * 150_000_000}), "bomb"),
], ids=["far", "far by counting", "no column", "entities", "torn XML", "no XML", "no sheet", "torn zip", "bomb"])
def test_a_workbook_that_cannot_be_held_or_read_is_a_file_fault(content: bytes, code: str, tmp_path: Path) -> None:
    assert fault(content, tmp_path, file="a.xlsx") == (code, "a.xlsx")


def test_without_its_library_a_workbook_is_refused_with_the_way_to_read_it(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(workbook({"A": sheet([["q"], ["1"]])}))
    program = ("import sys; sys.modules['python_calamine'] = None; from pathlib import Path\n"
               "from pen_backend.service.datasets import Datasets; from pen_backend.service.context import Context\n"
               "from pen_backend.errors import DataError\n"
               "try: Datasets(Context(environ={'HOME': '.'})).read('table', Path('a.xlsx').absolute())\n"
               "except DataError as error: print(error.findings[0].code, error)")
    answer = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                            check=True)
    assert answer.stdout.startswith("unknown-format a.xlsx")
    assert "pen-backend[xlsx]" in answer.stdout
