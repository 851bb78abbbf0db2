"""JSON lines: training rows of every dialect, or records when the build knows their fields."""

from pathlib import Path

from pen_backend.dataset.record import Record, Rejected
from pen_backend.records import Example
from tests.dataset import read


def test_dialects_may_be_mixed_in_one_file(tmp_path: Path) -> None:
    content = (b'{"prompt": "a", "completion": "b"}\n{"data": "c"}\n{"data": {"text_list": ["d", "e"]}}\n'
               b'{"messages": [{"role": "assistant", "content": "f"}]}\n')
    found = read(content, "jsonl", tmp_path)
    assert [len(each.segments) for each in found if isinstance(each, Example)] == [2, 1, 2, 1]


def test_a_file_of_one_line_is_a_file(tmp_path: Path) -> None:
    assert len(read(b'{"data": "a"}', "jsonl", tmp_path)) == 1


def test_fields_make_records_of_any_object(tmp_path: Path) -> None:
    (record,) = read(b'{"q": "a", "r": "b"}', "jsonl", tmp_path, fields={"question": "q"})
    assert isinstance(record, Record)
    assert record.fields["text"] == "a b"


def test_an_object_that_has_all_the_build_uses_is_a_record(tmp_path: Path) -> None:
    (record,) = read(b'{"text": "a", "n": 1}', "jsonl", tmp_path, wanted=["text"])
    assert isinstance(record, Record)


def test_a_missing_field_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    (rejected,) = read(b'{"qestion": "a", "answr": "b"}', "jsonl", tmp_path, wanted=["question", "answer"])
    assert isinstance(rejected, Rejected)
    assert rejected.code == "no-field"
    assert "did you mean 'answr'" in str(rejected.hint)


def test_every_bad_line_is_rejected_with_its_bytes(tmp_path: Path) -> None:
    found = read(b'{"data": "a"}\n{broken\n\n{"data": "b"}\n', "jsonl", tmp_path)
    assert [type(each).__name__ for each in found] == ["Example", "Rejected", "Example"]
    assert isinstance(found[1], Rejected)
    assert (found[1].raw, found[1].origin.locator) == (b"{broken", "line 2")
