"""Files that are there already, checked as they are."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from pen_backend.dataset.checking import Checked, check_build, check_files, is_edited
from pen_backend.errors import DataError
from tests.dataset import ROWS, Bytes, definition, files, puns, run

GOOD = {"prompt": "Q: Why\nA:", "completion": " So it is.\n"}


def check(where: Path, *rows: object, prompt: str | None = None, valid: tuple[object, ...] = (),
          max_tokens: int | None = None) -> Checked:
    paths = {}
    for side, given in (("train", rows), ("valid", valid)):
        paths[side] = where / f"{side}.jsonl"
        paths[side].write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in given))
    against = definition(where / "d", prompt) if prompt is not None else None
    return check_files({"train": [paths["train"]], "valid": [paths["valid"]] if valid else []}, against, Bytes(),
                       max_tokens=max_tokens)


def found(checked: Checked) -> Mapping[str, str]:
    return {one.code: one.level for one in checked.findings if one.code != "dialect"}


def test_a_good_file_has_no_errors_and_its_rows_are_shown_as_they_are(tmp_path: Path) -> None:
    done = check(tmp_path, GOOD, prompt=ROWS)
    assert found(done) == {}
    assert [part.text for part in done.report.rows[0].segments] == [GOOD["prompt"], GOOD["completion"]]
    assert done.report.rows[0].where == "train.jsonl:1"


@pytest.mark.parametrize(("row", "code"), [
    ("nonsense", "json"), ({"prompt": 3, "completion": "x"}, "text-list-type"),
    ({"data": {"text_list": ["a", "b"], "loss_weights": [1]}}, "weights-count"),
    ({"data": {"text_list": ["a", "b"], "loss_weights": [0, 0]}}, "weights-zero"),
    ({"messages": [{"role": "user", "content": "x"}]}, "no-assistant")])
def test_a_bad_line_is_an_error_and_hides_no_good_one(tmp_path: Path, row: object, code: str) -> None:
    done = check(tmp_path, GOOD, row)
    assert found(done)[code] == "error"
    assert done.report.examples["train"] == 1


def test_a_file_of_which_no_row_can_be_used_says_why_and_nothing_of_a_definition(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        check(tmp_path, "nonsense")
    assert caught.value.message == "train.jsonl has no usable row (of 1; dropped: 1 json)."
    assert caught.value.hint == "Mend its rows, or name another file."
    assert ("json", "train.jsonl:1") in [(one.code, one.where) for one in caught.value.findings]


def test_rows_are_held_against_the_definition_that_is_named(tmp_path: Path) -> None:
    done = check(tmp_path, GOOD, {"prompt": "Q: x\nA:", "completion": " a\nb\n"}, {"prompt": "z", "completion": "z"},
                 prompt=ROWS)
    assert found(done) == {"end-inside": "error", "boundary": "warning"}
    assert done.report.examples["train"] == 3


def test_length_and_equal_rows_are_found_by_limit_and_place(tmp_path: Path) -> None:
    done = check(tmp_path, GOOD, GOOD, {"prompt": "x" * 90, "completion": "y"}, max_tokens=50)
    assert found(done) == {"duplicate": "note", "length": "warning"}
    (length,) = [one for one in done.findings if one.code == "length"]
    assert length.where == "train.jsonl:3"


def test_a_row_on_both_sides_is_a_leak(tmp_path: Path) -> None:
    twin = {"prompt": "Q: why oh why did it rain\nA:", "completion": " So it does today.\n"}
    other = {"data": "something else altogether"}
    done = check(tmp_path, GOOD, twin, {**twin, "completion": " So it does, today.\n"}, valid=(other, {**twin, "x": 1}))
    assert found(done) == {"leak": "error"}
    (leak,) = [one for one in done.findings if one.code == "leak"]
    assert leak.message == "2 training records nearly equal to held-out ones"
    assert not found(check(tmp_path, GOOD, twin, valid=(other,)))


def test_a_row_of_another_kind_than_the_others_is_named(tmp_path: Path) -> None:
    chat = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}
    with pytest.raises(DataError, match="another kind than those before it") as caught:
        check(tmp_path, GOOD, GOOD, chat)
    assert caught.value.where == "train.jsonl:3"
    assert "output.format" not in f"{caught.value} {caught.value.hint}"


def test_a_file_without_any_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        check(tmp_path, "nonsense")


def test_nothing_is_written_beside_the_file(tmp_path: Path) -> None:
    before = check(tmp_path, GOOD) and files(tmp_path)
    check(tmp_path, GOOD)
    assert files(tmp_path) == before


def test_a_build_is_checked_by_its_manifest_and_an_edited_one_is_known(tmp_path: Path) -> None:
    built = run(tmp_path, "\n".join(puns(60)))
    done = check_build(built.directory, None)
    assert done is not None
    assert done.findings == built.report.findings
    assert not is_edited(built.directory)
    with (built.directory / "train.jsonl").open("a") as stream:
        stream.write('{"data": "one more"}\n')
    assert check_build(built.directory, None) is None
    assert is_edited(built.directory)


def test_another_format_than_when_it_was_built_is_a_warning(tmp_path: Path) -> None:
    built = run(tmp_path, "\n".join(puns(60)))
    done = check_build(built.directory, definition(tmp_path / "other", ROWS))
    assert done is not None
    assert [one.level for one in done.findings if one.code == "format"] == ["warning"]
