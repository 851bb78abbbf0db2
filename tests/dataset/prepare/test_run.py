"""The preparation from end to end: the files it writes, and each known defect of prepare_data that it must not have."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from pen_backend.dataset.build import build
from pen_backend.dataset.prepare.found import Boundary, Length, Rules
from pen_backend.dataset.prepare.run import Request
from pen_backend.errors import DataError
from pen_backend.files import Disk
from pen_backend.prompts import loader
from tests.dataset import Bytes
from tests.dataset.prepare import Pair, finding, lines, run, table, write

ANSWERS = [("one", "first thing"), ("two", "second place"), ("three", "third man"), ("four", "fourth wall")]


def tickets(number: int = 30) -> list[Pair]:
    return [(f"{index} tickets", ("billing", "login", "shipping")[index % 3]) for index in range(number)]


def prepared(folder: Path, pairs: Iterable[Pair], **rules: object) -> list[Pair]:
    """Prepare pairs and return the rows that were written."""
    done = run(table(folder / "given.jsonl", pairs))
    assert done.ok
    return [row for file in done.files for row in lines(file)]


def test_a_conditional_file_is_written_with_its_definition(tmp_path: Path) -> None:
    done = run(table(tmp_path / "qa.jsonl", ANSWERS))
    assert (done.ok, done.kind, done.read, done.rows, done.written) == (True, "conditional", 4, 4, True)
    assert [file.name for file in done.files] == ["qa_prepared.jsonl"]
    assert lines(done.files[0])[0] == ("one ->", " first thing\n")
    assert done.prompt_path is not None
    definition = loader.load(done.prompt_path)
    assert (done.prompt_path.name, definition.findings) == ("qa_prompt.yaml", ())
    assert (definition.format.prompt_end, definition.format.completion_end) == (" ->", "\n")


def test_classes_are_written_as_two_files(tmp_path: Path) -> None:
    done = run(table(tmp_path / "tags.jsonl", tickets()))
    assert [file.name for file in done.files] == ["tags_prepared_train.jsonl", "tags_prepared_valid.jsonl"]
    assert (done.kind, done.classes, done.split) == ("classification", 3, True)
    assert done.options == "--compute_classification_metrics --classification_n_classes 3"
    train, valid = (lines(file) for file in done.files)
    assert (len(train), len(valid)) == (30 - done.valid, done.valid)
    assert {label for _, label in train} == {label for _, label in valid} == {" billing", " login", " shipping"}


def test_two_classes_name_the_positive_one(tmp_path: Path) -> None:
    done = run(table(tmp_path / "yes.jsonl", [(f"{index} apples", "no" if index % 3 else "yes") for index in range(9)]))
    assert done.options == "--compute_classification_metrics --classification_positive_class ' no'"


def test_names_that_are_taken_get_a_number(tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", ANSWERS)
    names = [[file.name for file in (*run(path).files, *run(path).files)], [file.name for file in run(path).files]]
    assert names == [["qa_prepared.jsonl", "qa_prepared (1).jsonl"], ["qa_prepared (2).jsonl"]]
    assert (tmp_path / "qa_prompt (2).yaml").exists()


def test_one_taken_name_of_two_moves_both(tmp_path: Path) -> None:
    (tmp_path / "tags_prepared_valid.jsonl").write_text("")
    done = run(table(tmp_path / "tags.jsonl", tickets()))
    assert [file.name for file in done.files] == ["tags_prepared_train (1).jsonl", "tags_prepared_valid (1).jsonl"]


@pytest.mark.parametrize("pairs", [ANSWERS, tickets(), [("", "a line"), ("", "another one")]])
def test_preparing_a_prepared_file_finds_nothing(tmp_path: Path, pairs: list[Pair]) -> None:
    first = run(table(tmp_path / "x.jsonl", pairs))
    for file in first.files:
        again = run(file)
        assert [one for one in again.findings if one.id != 1] == []
        assert (again.ok, again.files, again.split) == (True, [], False)


def test_a_file_with_nothing_to_mend_is_used_as_it_is(tmp_path: Path) -> None:
    path = table(tmp_path / "fine.jsonl", [("one ->", " first thing\n"), ("two ->", " second place\n")])
    done = run(path)
    assert done.files == []
    assert sorted(file.name for file in tmp_path.iterdir()) == ["fine.jsonl", "fine_prompt.yaml"]
    assert [file.name for file in run(path, Request(out=tmp_path / "out")).files] == ["fine_prepared.jsonl"]


def test_a_look_ahead_writes_nothing(tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", ANSWERS)
    looked = run(path, Request(write=False))
    assert (looked.ok, looked.written) == (True, False)
    assert list(tmp_path.iterdir()) == [path]
    done = run(path)
    assert (done.files, done.findings, done.format) == (looked.files, looked.findings, looked.format)


def test_a_definition_that_is_given_replaces_the_one_that_is_written(tmp_path: Path) -> None:
    boundary = Boundary("\n\n###\n\n", " ", "\nEND")
    done = run(table(tmp_path / "qa.jsonl", ANSWERS), Request(Rules(boundary=boundary)))
    assert done.prompt_path is None
    assert lines(done.files[0])[0] == ("one\n\n###\n\n", " first thing\nEND")


def test_what_is_written_is_built_by_the_definition_that_is_written(tmp_path: Path) -> None:
    done = run(table(tmp_path / "qa.jsonl", [(f"question {each}", f"answer {each * 7} to it") for each in range(40)]))
    assert done.prompt_path is not None
    built = build(loader.load(done.prompt_path), out=tmp_path / "out", encoder=Bytes())
    assert built.report.rejected == {}
    assert built.report.examples["built"] == 40
    assert not [one for one in built.report.findings if one.code == "boundary"]


@pytest.mark.parametrize(("rows", "number"), [
    (['{"completion": "a"}', '{"completion": "b"}'], 2), (['{"prompt": "a"}', '{"prompt": "b"}'], 3),
])
def test_a_column_that_is_not_there_is_an_error(tmp_path: Path, rows: list[str], number: int) -> None:
    done = run(write(tmp_path / "x.jsonl", rows))
    missing = finding(done, number)
    assert not done.ok
    assert missing is not None
    assert (missing.level, missing.code) == ("error", "no-field")
    assert len(list(tmp_path.iterdir())) == 1


def test_columns_in_other_letters_are_renamed(tmp_path: Path) -> None:
    rows = [{"Prompt": "a", "COMPLETION": "one"}, {"Prompt": "b", "COMPLETION": "two"}]
    done = run(write(tmp_path / "x.jsonl", rows))
    assert done.ok
    assert [(one.id, one.fix) for one in done.findings if one.code == "column-name"] == [
        (2, "necessary"), (3, "necessary")]
    assert lines(done.files[0])[0] == ("a ->", " one\n")


def test_further_columns_are_named_once_and_left_out(tmp_path: Path) -> None:
    rows = [{"id": index, "prompt": f"{index} a", "completion": f"{index} b", "notes": ""} for index in range(3)]
    done = run(write(tmp_path / "x.jsonl", rows))
    further = finding(done, 4)
    assert further is not None
    assert (further.message.count("'id'"), further.message.count("'notes'")) == (1, 1)


def test_prompts_that_are_missing_are_empty_and_numbers_are_texts(tmp_path: Path) -> None:
    done = run(write(tmp_path / "x.jsonl", [
        {"prompt": "a", "completion": 5}, {"completion": "two"}, {"prompt": None, "completion": True}]))
    assert [pair for file in done.files for pair in lines(file)] == [(" a ->"[1:], " 5\n"), (" ->", " two\n"),
                                                                     (" ->", " true\n")]
    assert [one.rows for one in done.findings if one.code in ("not-text", "no-prompt")] == [[1, 3], [2, 3]]


# The defects of prepare_data in openai 2.34.0, by their letters in the design.


def test_a_every_completion_keeps_its_own_text_when_a_common_beginning_goes(tmp_path: Path) -> None:
    pairs = [(f"{number} prompts", f" the answer is {number} ok") for number in range(1, 6)]
    assert prepared(tmp_path, pairs) == [(f"{number} prompts ->", f" {number} ok\n") for number in range(1, 6)]


def test_b_no_completion_is_emptied_by_a_common_beginning(tmp_path: Path) -> None:
    assert prepared(tmp_path, [("will it rain", "maybe"), ("or snow", "maybe not")]) == [
        ("will it rain ->", " maybe\n"), ("or snow ->", " maybe not\n")]


def test_c_the_long_row_is_dropped_and_not_its_neighbour_when_a_duplicate_goes_first(tmp_path: Path) -> None:
    pairs = [("a", "one"), ("a", "one"), ("b", "two"), ("c", "long " * 2_200), ("d", "good"), ("e", "fine")]
    done = run(table(tmp_path / "x.jsonl", pairs), Request(Rules(length=Length(count=lambda text: len(text.split())))))
    assert [prompt for prompt, _ in lines(done.files[0])] == ["a ->", "b ->", "d ->", "e ->"]
    assert [(one.id, one.rows) for one in done.findings if one.id in (7, 8)] == [(7, [2]), (8, [4])]


def test_c_a_long_last_row_after_a_duplicate_is_no_crash(tmp_path: Path) -> None:
    pairs = [("a", "one"), ("a", "one"), ("b", "two"), ("c", "x" * 10_001)]
    assert [prompt for prompt, _ in prepared(tmp_path, pairs)] == ["a ->", "b ->"]


def test_d_the_end_of_every_sentence_becomes_neither_separator_nor_stop(tmp_path: Path) -> None:
    done = run(table(tmp_path / "x.jsonl", [("Who are you?", "I am Ann."), ("What is it?", "It was a cat.")]))
    assert done.format is not None
    assert (done.format.prompt_end, done.format.completion_end) == (" ->", "\n")
    assert lines(done.files[0]) == [("Who are you? ->", " I am Ann.\n"), ("What is it? ->", " It was a cat.\n")]


def test_e_one_line_is_enough(tmp_path: Path) -> None:
    assert prepared(tmp_path, [("Who?", "Nobody")]) == [("Who? ->", " Nobody\n")]


@pytest.mark.parametrize("content", ['{"prompt": "a", "completion": ""}\n', "[1, 2]\n", '""\n'])
def test_f_a_file_without_a_usable_row_is_an_error_and_writes_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    done = run(path)
    assert not done.ok
    assert [one.level for one in done.findings].count("error") >= 1
    assert list(tmp_path.iterdir()) == [path]


def test_g_completions_of_white_space_are_dropped(tmp_path: Path) -> None:
    assert [prompt for prompt, _ in prepared(tmp_path, [*ANSWERS, ("five", " \n"), ("six", "\t")])] == [
        "one ->", "two ->", "three ->", "four ->"]


def test_h_white_space_around_a_label_makes_no_class(tmp_path: Path) -> None:
    pairs = [(f"{number} animals", (" cat", " cat ", "cat", " dog")[number % 4]) for number in range(16)]
    done = run(table(tmp_path / "x.jsonl", pairs))
    assert done.classes == 2
    assert {label for file in done.files for _, label in lines(file)} == {" cat", " dog"}


def test_i_the_kind_that_is_told_is_the_kind_of_the_rows_that_are_kept(tmp_path: Path) -> None:
    done = run(table(tmp_path / "x.jsonl", [("a", "1 x"), ("b", "2 y"), *[("c", "3 z")] * 9]))
    assert (done.kind, done.options, [file.name for file in done.files]) == (
        "conditional", None, ["x_prepared.jsonl"])
    assert "conditional" in done.summary


def test_j_rows_are_named_by_the_lines_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    given = [("a", ""), ("b", "one"), ("b", "one"), ("c", ""), ("d", " two"), ("d", " two")]
    rows = [json.dumps({"prompt": prompt, "completion": text}) for prompt, text in given]
    path.write_text("".join(f"\n{row}\n" for row in rows))
    done = run(path)
    assert {one.id: one.rows for one in done.findings if one.rows} == {5: [2, 8], 7: [6, 12], 15: [4]}
    assert [one.where for one in done.findings if one.id == 7] == ["x.jsonl:6"]


def test_k_no_column_is_warned_of_because_of_its_own_name(tmp_path: Path) -> None:
    rows = [{"prompt": f"{index} a", "completion": f"{index} b", "author": "x"} for index in range(3)]
    further = finding(run(write(tmp_path / "x.jsonl", rows)), 4)
    assert further is not None
    assert "hold what you mean" not in further.message
    rows = [{"prompt": f"{index} a", "completion": f"{index} b", "completion_2": "x"} for index in range(3)]
    further = finding(run(write(tmp_path / "y.jsonl", rows)), 4)
    assert further is not None
    assert further.message.count("completion_2") == 2


def test_l_long_means_tokens(tmp_path: Path) -> None:
    pairs = [("a", "x" * 11_000), ("b", "a b " * 1_500), ("c", "short")]
    rules = Rules(length=Length(count=lambda text: len(text.split())))
    done = run(table(tmp_path / "x.jsonl", pairs), Request(rules))
    assert [one.rows for one in done.findings if one.id == 8] == [[2]]


# Bad input.


def test_a_few_bad_lines_are_left_out_and_more_are_an_error(tmp_path: Path) -> None:
    many = [{"prompt": f"{index} a", "completion": f"{index} b"} for index in range(199)]
    done = run(write(tmp_path / "x.jsonl", [*many[:100], "{torn", *many[100:]]))
    bad = finding(done, None, "json")
    assert (done.ok, done.read, done.rows) == (True, 200, 199)
    assert bad is not None
    assert (bad.where, bad.fix, bad.rows) == ("x.jsonl:101", "necessary", [101])
    done = run(write(tmp_path / "y.jsonl", [*many, "{torn", '{"prompt": ["a"], "completion": "b"}', "[1]"]))
    assert not done.ok
    assert [one.code for one in done.findings if one.level == "error"] == [
        "json", "text-list-type", "not-an-object", "max-bad"]
    assert [one.pointer for one in done.findings if one.code == "text-list-type"] == ["/prompt"]
    assert run(tmp_path / "y.jsonl", Request(max_bad=0.05)).ok


def test_another_encoding_is_an_error_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"prompt": "a", "completion": "b"}\n{"prompt": "caf\xe9", "completion": "b"}\n')
    with pytest.raises(DataError, match="0xe9"):
        run(path)


def test_rows_of_another_dialect_are_named(tmp_path: Path) -> None:
    done = run(write(tmp_path / "x.jsonl", [{"data": {"text_list": ["a", "b"]}}] * 3))
    assert not done.ok
    missing = finding(done, 2)
    assert missing is not None
    assert "pen dataset check" in (missing.remedy or "")


def test_a_full_disk_leaves_no_file(tmp_path: Path) -> None:
    class Full(Disk):
        def append(self, descriptor: int, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    from pen_backend.dataset.prepare.run import prepare
    from pen_backend.dataset.sources.document import documents
    from pen_backend.prompts.sources import Source

    path = table(tmp_path / "qa.jsonl", ANSWERS)
    (document,) = documents(Source(path=str(path)), path.name, path.parent)
    with pytest.raises(DataError, match="full"):
        prepare(document, Request(), disk=Full())
    assert list(tmp_path.iterdir()) == [path]
