"""Rows that wait for their completion: cleaned, written once, filled in by a person, and read back."""

import json
from pathlib import Path

from pen_backend.dataset.build import build
from pen_backend.prompts.sources import Source
from tests.dataset import REPLY, ROWS, Bytes, accounted, definition, files, jsonl, puns, questions, rows, run

GOOD = questions(20)


def test_a_row_goes_through_the_steps_before_it_waits(tmp_path: Path) -> None:
    waiting = [{"question": " two\r\n lines ", "answer": ""}, {"question": "two lines", "answer": " "},
               {"question": "x", "answer": ""}, {"question": "", "answer": ""}]
    training = "{steps: [{normalise: {newlines: space}}, {filter: {chars: [5, 500]}}, dedupe]}"
    done = run(tmp_path, jsonl([*waiting, *GOOD]), prompt=ROWS, reader_name="jsonl", training=training)
    (line,) = (done.directory / "unlabelled.jsonl").read_text().splitlines()
    assert json.loads(line) == {"prompt": "Q: two lines", "completion": ""}
    assert done.report.sources[0].rejected == {"unlabelled": 1, "duplicate": 1, "filtered": 1, "empty": 1}
    assert done.report.steps == {"read": {"empty": 1}, "2 filter": {"filtered": 1}, "3 dedupe": {"duplicate": 1},
                                 "unlabelled": {"unlabelled": 1}}
    accounted(done)


def test_a_row_that_waits_pushes_out_none_that_is_labelled(tmp_path: Path) -> None:
    question = "What is the name of the old river that runs through the whole of the town, my friend"
    first = {"question": question, "answer": ""}
    done = run(tmp_path, jsonl([first, {"question": question, "answer": "Lethe"}, *GOOD]), prompt=ROWS,
               reader_name="jsonl", training="{steps: [{dedupe: {near: 0.7}}, {sample: {n: 21}}]}")
    assert done.report.sources[0].rejected == {"unlabelled": 1}


def test_a_row_that_cannot_be_written_is_bad_instead(tmp_path: Path) -> None:
    one_line = ROWS.replace("question: {type: text,", "question: {type: string,")
    done = run(tmp_path, jsonl([{"question": "two\nlines", "answer": ""}, *GOOD]), prompt=one_line, reader_name="jsonl",
               training="{on-bad: skip}")
    assert done.report.sources[0].rejected == {"value": 1}
    assert not (done.directory / "unlabelled.jsonl").exists()
    accounted(done)


def test_a_set_that_nobody_has_labelled_is_published_to_be_labelled(tmp_path: Path) -> None:
    one = definition(tmp_path / "definition", ROWS, "{example: {boundary: repair}}")
    blank = jsonl({"question": text, "answer": ""} for text in puns(20))
    done = build(one, sources=[Source(text=blank, id="chat", reader="jsonl")], out=tmp_path / "out", encoder=Bytes())
    assert done.report.examples == {"built": 0, "train": 0, "valid": 0}
    (hint,) = [one.hint for one in done.report.findings if one.code == "unlabelled" and one.level == "warning"]
    assert str(hint).startswith("fill in unlabelled.jsonl")
    accounted(done)
    path = done.directory / "unlabelled.jsonl"
    filled = path.read_text().replace('"completion":""', '"completion":"so END"')
    again = build(one, sources=[Source(text=filled, id="filled", reader="jsonl")], out=tmp_path / "out",
                  encoder=Bytes())
    assert again.report.examples["built"] == 20
    row = rows(again.directory, "train")[0]
    assert row.segments[0].text.endswith("\nA:")
    assert row.segments[1].text == " so END\n"


def test_a_chat_waits_with_an_empty_answer(tmp_path: Path) -> None:
    blank = jsonl({"question": text, "answer": ""} for text in puns(3))
    done = run(tmp_path, blank, prompt=REPLY, reader_name="jsonl", training="{}")
    first = json.loads((done.directory / "unlabelled.jsonl").read_text().splitlines()[0])
    assert [message["role"] for message in first["messages"]] == ["system", "user", "assistant"]
    assert first["messages"][2]["content"] == ""


def test_no_file_waits_where_all_is_labelled(tmp_path: Path) -> None:
    done = run(tmp_path, jsonl(GOOD), prompt=ROWS, reader_name="jsonl", training="{}")
    assert "unlabelled.jsonl" not in files(done.directory)


def test_a_finished_row_without_a_completion_waits_as_it_was_asked(tmp_path: Path) -> None:
    finished = [{"prompt": f"Q: {row['question']}\nA:", "completion": f" {row['answer']}\n"} for row in GOOD]
    waiting = {"prompt": "Q: why\nA:", "completion": " "}
    done = run(tmp_path, jsonl([*finished, waiting]), prompt=ROWS, reader_name="jsonl")
    (line,) = (done.directory / "unlabelled.jsonl").read_text().splitlines()
    assert json.loads(line) == {"prompt": "Q: why", "completion": ""}
    assert done.report.sources[0].rejected == {"unlabelled": 1}
    accounted(done)
