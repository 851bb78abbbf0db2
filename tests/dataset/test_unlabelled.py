"""Rows that a person has yet to complete: which they are, and how they come back."""

import json
from pathlib import Path

import pytest

from pen_backend.dataset.build import build
from pen_backend.errors import DataError
from tests.dataset import Bytes, definition, run

NOTES = """\
pen: 1
title: Notes
prompt: <time> - <message>
completion: "note=<note> time=<time>"
vars: [time: {example: now}, message: {type: text, example: x}, note: {example: y}]
format: {prompt-end: "\\n###\\n", completion-start: " ", completion-end: END}
"""
CHAT = """\
27/07/2021, 21:02 - Ada: Where is the van?
27/07/2021, 21:03 - Bob: In the lake again
"""
FILLED = "".join(json.dumps({"time": f"{hour}:00", "message": f"Call number {hour}", "note": "none"}) + "\n"
                 for hour in range(12))
CHAT_SOURCE = "{reader: whatsapp, path: chat.txt, fields: {time: timestamp, message: text}}"


def lines(path: Path) -> list[object]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_messages_that_nobody_has_annotated_wait_beside_those_that_are(tmp_path: Path) -> None:
    prompt = definition(tmp_path, NOTES, f"{{sources: [{{reader: jsonl, path: filled.jsonl}}, {CHAT_SOURCE}]}}")
    (tmp_path / "chat.txt").write_text(CHAT)
    (tmp_path / "filled.jsonl").write_text(FILLED)
    done = build(prompt, out=tmp_path / "out", encoder=Bytes())
    assert lines(done.directory / "unlabelled.jsonl") == [
        {"prompt": "2021-07-27T21:02:00 - Where is the van?", "completion": ""},
        {"prompt": "2021-07-27T21:03:00 - In the lake again", "completion": ""}]
    assert done.report.examples["train"] + done.report.examples["valid"] == 12


def test_a_variable_that_is_asked_too_does_not_make_a_row_labelled(tmp_path: Path) -> None:
    empty = json.dumps({"time": "13:00", "message": "Nothing", "note": ""})
    done = run(tmp_path, FILLED + empty, prompt=NOTES, reader_name="jsonl")
    assert lines(done.directory / "unlabelled.jsonl") == [{"prompt": "13:00 - Nothing", "completion": ""}]


def test_a_table_without_the_column_is_mistaken_not_unlabelled(tmp_path: Path) -> None:
    rows = "".join(json.dumps({"time": "1", "message": f"m{number}"}) + "\n" for number in range(9))
    with pytest.raises(DataError, match="no field 'note'"):
        run(tmp_path, rows, prompt=NOTES, reader_name="jsonl")
