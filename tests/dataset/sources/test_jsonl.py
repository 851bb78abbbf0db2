"""JSON lines: training rows of every dialect, or records when the build knows their fields."""

import json
from pathlib import Path
from typing import Any

import pytest

from pen_backend.dataset.record import Read, Record, Rejected
from pen_backend.errors import DataError, Finding
from pen_backend.records import LINE_LIMIT, Example
from tests.dataset import read

ROW: dict[str, object] = {"prompt": "a", "completion": "b"}
BAD_WEIGHTS: dict[str, object] = {"data": {"text_list": ["a", "b"], "loss_weights": [1]}}


def rows(content: bytes, where: Path, **keys: Any) -> list[Read]:
    return [each for each in read(content, "jsonl", where, **keys) if not isinstance(each, Finding)]


def one_rejected(content: bytes, where: Path) -> Finding:
    (found,) = [each for each in rows(content, where) if isinstance(each, Rejected)]
    return found.finding


def test_dialects_may_be_mixed_in_one_file_and_are_counted(tmp_path: Path) -> None:
    content = (b'{"prompt": "a", "completion": "b"}\n{"data": "c"}\n{"data": {"text_list": ["d", "e"]}}\n'
               b'{"messages": [{"role": "assistant", "content": "f"}]}\n{"data": "g"}\n')
    found = read(content, "jsonl", tmp_path)
    assert [len(each.segments) for each in found if isinstance(each, Example)] == [2, 1, 2, 1, 1]
    (note,) = [each for each in found if isinstance(each, Finding)]
    assert note.message.endswith("1 chat, 2 data, 1 prompt-completion, 1 text-list")


def test_a_file_of_one_line_is_a_file(tmp_path: Path) -> None:
    assert len(rows(b'{"data": "a"}', tmp_path)) == 1


@pytest.mark.parametrize("form", ["array", "pretty array", "lines", "pretty objects", "objects in a row"])
def test_rows_are_the_same_in_every_form_of_file(form: str, tmp_path: Path) -> None:
    odd = {"prompt": "} ] \\\" { é \\", "completion": "c", "meta": [{"deep": ["]"]}]}
    all_rows = [ROW, odd, ROW]
    content = {"array": json.dumps(all_rows), "pretty array": json.dumps(all_rows, indent=1),
               "lines": "\r\n".join(map(json.dumps, all_rows)),
               "pretty objects": "\n".join(json.dumps(row, indent=2) for row in all_rows),
               "objects in a row": "".join(json.dumps(row, indent=2) for row in all_rows)}[form]
    found = rows(content.encode(), tmp_path)
    assert [each.segments[0].text for each in found if isinstance(each, Example)] == ["a", odd["prompt"], "a"]


def test_a_record_of_an_array_has_its_line_its_number_and_a_pointer_into_the_array(tmp_path: Path) -> None:
    content = json.dumps([ROW, BAD_WEIGHTS, ROW, 7], indent=1).encode()
    found = rows(content, tmp_path)
    good = [each.origin.locator for each in found if isinstance(each, Example)]
    assert good == ["line 2 record 1", "line 17 record 3"]
    bad = [each.finding for each in found if isinstance(each, Rejected)]
    assert [(each.code, each.where, each.pointer) for each in bad] == [
        ("weights-count", "file:6", "/1/data/loss_weights"), ("not-an-object", "file:21", "/3")]


def test_a_fault_inside_a_record_over_many_lines_is_placed_on_its_own_line(tmp_path: Path) -> None:
    finding = one_rejected(b'[\n{"prompt": "a",\n "completion": NaN},\n{"data": "x"}]', tmp_path)
    assert (finding.code, finding.where, finding.pointer) == ("nan", "file:3", "/0")


def test_a_line_that_is_an_array_is_one_bad_row_and_hides_nothing(tmp_path: Path) -> None:
    found = rows(b'[1, 2]\n{"data": "a"}\n', tmp_path)
    assert [getattr(each, "code", None) for each in found] == ["not-an-object", None]


@pytest.mark.parametrize("long", [
    b'{"data": "' + b"x" * LINE_LIMIT + b'"}', b'{"data": ["' + b'\\"' * LINE_LIMIT + b'"]}',
    b'"' + b"\\\\" * (2 * LINE_LIMIT) + b'"', b"9" * (3 * LINE_LIMIT), b"[" + b"{}," * LINE_LIMIT + b"{}]",
], ids=["text", "escapes", "text alone", "number", "list"])
@pytest.mark.parametrize("form", ["array", "lines"])
def test_a_record_that_is_too_long_hides_no_other(long: bytes, form: str, tmp_path: Path) -> None:
    good = b'{"data": "good"}'
    content = b"[" + b" , ".join((good, long, good)) + b"]" if form == "array" else b"\n".join((good, long, good))
    first, bad, last = rows(content, tmp_path)
    assert isinstance(first, Example)
    assert isinstance(last, Example)
    assert isinstance(bad, Rejected)
    assert bad.code == "line-too-long"
    assert isinstance(bad.raw, bytes)
    assert len(bad.raw) <= 1_000


@pytest.mark.parametrize("torn", [
    b'[{"data": "a"}', b'[{"data": "a"} {"data": "b"}]', b'[{"data": "a"}] x', b'[{"data": "a', b'[{"data": "a"},]',
    b"[" * 3000, b'[{"a":' * 3000, b'["\\', b'[{"data": "' + b"x" * 2 * LINE_LIMIT,
], ids=range(9))
def test_a_torn_array_ends_the_file_with_its_line(torn: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        rows(b"\n" + torn, tmp_path)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("json", "file:2")
    assert finding.hint


def test_a_hundred_megabytes_of_brackets_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nested deeper"):
        rows(b"[" * 100_000_000, tmp_path)


def test_fields_make_records_of_any_object(tmp_path: Path) -> None:
    (record,) = rows(b'{"q": "a", "r": "b"}', tmp_path, fields={"question": "q"})
    assert isinstance(record, Record)
    assert record.fields["text"] == "a b"


def test_an_object_that_has_all_the_build_uses_is_a_record(tmp_path: Path) -> None:
    (record,) = rows(b'{"text": "a", "n": 1}', tmp_path, wanted=["text"])
    assert isinstance(record, Record)


def test_a_missing_field_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    (found,) = read(b'{"qestion": "a", "answr": "b"}', "jsonl", tmp_path, wanted=["question", "answer"])
    assert isinstance(found, Rejected)
    assert found.code == "no-field"
    assert "did you mean 'answr'" in str(found.hint)


def test_every_bad_line_is_rejected_with_its_bytes(tmp_path: Path) -> None:
    found = rows(b'{"data": "a"}\n{broken\n\n{"data": "b"}\n', tmp_path)
    assert [type(each).__name__ for each in found] == ["Example", "Rejected", "Example"]
    assert isinstance(found[1], Rejected)
    assert (found[1].raw, found[1].origin.locator) == (b"{broken", "line 2")


def test_a_forgotten_data_key_is_named_among_rows_that_have_it(tmp_path: Path) -> None:
    finding = one_rejected(b'{"data": "a"}\n{"text": "b"}\n', tmp_path)
    assert (finding.code, finding.where, finding.pointer) == ("no-data", "file:2", "/text")


def test_what_looks_like_a_special_token_is_text(tmp_path: Path) -> None:
    (example,) = rows(b'{"data": "one <|endoftext|> two"}', tmp_path)
    assert isinstance(example, Example)
    assert example.segments[0].text == "one <|endoftext|> two"
