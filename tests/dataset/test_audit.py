"""Whole sets, checked from their written files: texts on both sides, and what the set must not have learned."""

import json
import re
from pathlib import Path

import pytest

from pen_backend.dataset.build import Build
from pen_backend.errors import DataError, RefusedError
from tests.dataset import CONTINUATION, ROWS, definition, jsonl, puns, questions, run

# A preprocessor that makes texts alike after the split: what a split by the records cannot see.
CUT = ROWS.replace("question: {type: text,", "question: {type: text, preprocessor: [{first: 1}],")
TWINS = [{"question": f"the same question\n{one} {two} {three}", "answer": "the same answer"}
         for one, two, three in zip(puns(40), puns(40, "Who was"), puns(40, "When did"), strict=True)]


def made(where: Path, prompt: str = CUT, checks: str = "", rows: list[dict[str, str]] = TWINS,
         by: str = "near") -> Build:
    content = "\n".join(json.dumps(one) for one in rows)
    return run(where, content, prompt=prompt, reader_name="jsonl",
               training=f"{{split: {{by: [{by}]}}, checks: {{{checks}}}}}")


@pytest.mark.parametrize("by", ["near", "record"])
def test_a_text_that_is_on_both_sides_in_the_files_refuses_the_set(by: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="equal to one that is trained on; nothing was published") as caught:
        made(tmp_path, by=by)
    assert [one.code for one in caught.value.findings] == ["leak"]
    assert not (tmp_path / "out").exists()


def test_nearly_equal_texts_are_a_leak_too(tmp_path: Path) -> None:
    twins = [{**one, "answer": f"the same answer and a number {index}"} for index, one in enumerate(TWINS)]
    with pytest.raises(DataError, match=r"\d nearly equal to one"):
        made(tmp_path, rows=twins)


def test_a_leak_may_be_a_warning_or_of_no_interest(tmp_path: Path) -> None:
    warned = made(tmp_path / "a", checks="leak: warn")
    assert [one.level for one in warned.report.findings if one.code == "leak"] == ["warning"]
    assert warned.report.overlaps["equal"] == warned.report.examples["valid"] > 0
    silent = made(tmp_path / "b", checks="leak: off")
    assert "leak" not in {one.code for one in silent.report.findings}
    assert silent.report.overlaps == {}


def test_a_clean_set_reports_that_nothing_overlaps(tmp_path: Path) -> None:
    shared = "which all of these questions have in common somewhere in their very middle"
    rows = [{"question": f"{text} {shared} {text[::-1]} {text.swapcase()[::-1]} and so {index * 17}",
             "answer": f"{index * 31} it is, or {index * 7919} of {index}"} for index, text in enumerate(puns(60))]
    done = made(tmp_path, ROWS, rows=rows)
    held_out = done.report.examples["valid"]
    assert done.report.overlaps == {"held_out": held_out, "equal": 0, "near": 0, "eight_words": held_out}
    assert f"{held_out} of {held_out} held-out texts share eight words" in (done.directory / "report.txt").read_text()


def test_the_definitions_words_make_no_two_rows_alike(tmp_path: Path) -> None:
    long = ROWS.replace("Q: <question>", "Answer this as shortly as you can, in one line if you please: <question>")
    done = made(tmp_path, long, rows=[{"question": text, "answer": "yes"} for text in puns(40)])
    assert done.report.overlaps["near"] == 0
    assert done.report.overlaps["held_out"] > 0


@pytest.mark.parametrize("prompt", [ROWS, CONTINUATION])
def test_tests_of_the_prompt_that_are_in_the_training_set_are_named(prompt: str, tmp_path: Path) -> None:
    listed = prompt is CONTINUATION
    variable, value = ("jokes", [puns(40)[3], "An unknown one."]) if listed else ("question", puns(40)[3])
    unknown = ["Quite another.", "And one more."] if listed else "Quite another one"
    tests = [{"vars": {variable: unknown}}, {"vars": {variable: value}}]
    text = f"{prompt}tests: {json.dumps(tests)}\n"
    content = "\n".join(puns(40)) if listed else jsonl(questions(40))
    build = ", example: {build: continuation}" if listed else ""
    done = run(tmp_path / "a", content, prompt=text, training=f"{{split: {{valid: 0}}{build}}}")
    (finding,) = [one for one in done.report.findings if one.code == "contamination"]
    assert re.match("1 test of .* stands in the training set or nearly does: ", finding.message)
    assert (finding.level, done.report.overlaps["tests"]) == ("warning", 1)
    assert f"definition.yaml:{text.count(chr(10))}:" in str(finding.where)
    with pytest.raises(DataError, match="1 test of"):
        run(tmp_path / "b", content, prompt=text,
            training=f"{{split: {{valid: 0}}, checks: {{contamination: error}}{build}}}")
    off = run(tmp_path / "c", content, prompt=text,
              training=f"{{split: {{valid: 0}}, checks: {{contamination: off}}{build}}}")
    assert not [one for one in off.report.findings if one.code == "contamination"]


def test_evaluation_rows_that_are_in_the_training_set_are_counted(tmp_path: Path) -> None:
    rows = questions(40)
    (tmp_path / "definition").mkdir()
    rendered = {"prompt": f"Q: {rows[9]['question']}\nA:", "completion": " answer 9\n"}
    held = [rows[3], {**rows[5], "answer": "answer  5!"}, {"question": "Quite another one", "answer": "no"}, rendered]
    (tmp_path / "definition" / "held.jsonl").write_text("\n".join(json.dumps(one) for one in held))
    done = made(tmp_path, ROWS + "evaluation: {data: held.jsonl}\n", rows=rows)
    (finding,) = [one for one in done.report.findings if one.code == "contamination"]
    assert finding.message.startswith("3 rows of evaluation.data")
    changed = [rows[3]]
    (tmp_path / "definition" / "held.jsonl").write_text("\n".join(json.dumps(one) for one in changed))
    again = made(tmp_path, ROWS + "evaluation: {data: held.jsonl}\n", rows=rows)
    assert again.id != done.id, "what a set is compared with is an input of its report"
    assert again.report.overlaps["evaluation"] == 1


def test_evaluation_rows_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    rows = [{"question": text, "answer": "yes"} for text in puns(40)]
    text = ROWS + "evaluation: {data: absent.jsonl}\n"
    (finding,) = [one for one in made(tmp_path / "a", text, rows=rows).report.findings if one.code == "contamination"]
    assert "absent.jsonl does not exist" in finding.message
    with pytest.raises(DataError, match="does not exist; nothing was published"):
        made(tmp_path / "b", text, "contamination: error", rows)


def test_anonymised_sets_are_compared_with_anonymised_rows(tmp_path: Path) -> None:
    rows = [{"question": f"{text} says Ada", "answer": "yes"} for text in puns(40)]
    (tmp_path / "definition").mkdir()
    (tmp_path / "definition" / "held.jsonl").write_text(json.dumps(rows[3]))
    done = run(tmp_path, "\n".join(map(json.dumps, rows)), prompt=ROWS + "evaluation: {data: held.jsonl}\n",
               reader_name="jsonl", training="{split: {valid: 0}, steps: [{anonymise: {names: [Ada]}}]}")
    assert done.report.overlaps["evaluation"] == 1
    assert done.report.anonymised is not None
    assert done.report.anonymised["replaced"]["people"] == 40


def test_evaluation_rows_stay_in_the_project(tmp_path: Path) -> None:
    definition(tmp_path / "definition", ROWS)
    with pytest.raises(RefusedError, match="outside"):
        made(tmp_path, ROWS + "evaluation: {data: ../elsewhere.jsonl}\n")


def test_chats_with_one_system_message_are_not_alike(tmp_path: Path) -> None:
    system = {"role": "system", "content": "Answer as shortly as you can, and use no word of more than one syllable"}
    chats = [{"messages": [system, {"role": "user", "content": text}, {"role": "assistant", "content": f"no {number}"}]}
             for number, text in enumerate(puns(60))]
    content = "\n".join(json.dumps(one) for one in chats)
    done = run(tmp_path, content, prompt=ROWS, reader_name="jsonl", training="{steps: [{dedupe: {near: 0.7}}]}")
    assert done.report.examples["train"] + done.report.examples["valid"] == 60
    assert done.report.examples["valid"] > 0
    assert done.report.overlaps["near"] == 0
