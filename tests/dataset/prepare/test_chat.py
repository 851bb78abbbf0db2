import json
from pathlib import Path
from typing import Any

import pytest

from pen_backend.dataset.prepare.found import Length, Rules
from pen_backend.dataset.prepare.run import Request
from tests.dataset.prepare import finding, run, write

TOOL = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}


def chat(*turns: tuple[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def good(number: int) -> dict[str, Any]:
    return chat(("system", "Be brief."), ("user", f"Question {number}?"), ("assistant", f"Answer {number}."))


def preference(question: str, better: str, worse: str) -> dict[str, Any]:
    return {"input": {"messages": [{"role": "user", "content": question}]},
            "preferred_output": [{"role": "assistant", "content": better}],
            "non_preferred_output": [{"role": "assistant", "content": worse}]}


def test_chats_without_faults_are_used_as_they_are(tmp_path: Path) -> None:
    done = run(write(tmp_path / "x.jsonl", [good(number) for number in range(120)]))
    assert (done.ok, done.kind, done.findings, done.files, done.prompt_path) == (True, "chat", [], [], None)


@pytest.mark.parametrize(("row", "code"), [
    ({"turns": []}, "no-data"),
    ({"messages": []}, "no-content"),
    ({"messages": [{"content": "x"}]}, "role"),
    ({"messages": [{"role": "user"}]}, "no-content"),
    ({"messages": [{"role": "user", "content": "x", "mood": "y"}]}, "message-key"),
    ({"messages": [{"role": "human", "content": "x"}]}, "role"),
    (chat(("user", "x")), "no-assistant"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}, {"role": "assistant", "content": "x"}]},
     "content-part"),
    ({"prompt": "a", "completion": "b"}, "no-data"),
    ({"messages": [{"role": "assistant", "content": "x", "weight": 0}]}, "weights-zero"),
])
def test_a_chat_that_cannot_be_trained_on_is_named_by_its_line(tmp_path: Path, row: dict[str, Any], code: str) -> None:
    done = run(write(tmp_path / "x.jsonl", [good(0), row, *[good(number) for number in range(1, 150)]]))
    bad = finding(done, None, code)
    assert bad is not None
    assert (bad.rows, bad.applied) == ([2], True)
    assert len(done.files[0].read_text().splitlines()) == 150


def test_too_many_of_them_are_an_error(tmp_path: Path) -> None:
    done = run(write(tmp_path / "x.jsonl", [good(0), chat(("user", "x")), good(1)]))
    assert not done.ok
    assert done.kind == "chat"
    assert [one.code for one in done.findings if one.level == "error"] == ["no-assistant", "max-bad"]


@pytest.mark.parametrize(("row", "code"), [
    (chat(("user", "x"), ("assistant", "y")), "no-system"),
    (chat(("system", "x"), ("assistant", "y")), "no-user"),
    ({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "x"},
                   {"role": "tool", "content": "12", "tool_call_id": "call_9"},
                   {"role": "assistant", "content": "y"}]}, "tool-unasked"),
    ({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "x"},
                   {"role": "assistant", "tool_calls": [TOOL]}, {"role": "user", "content": "y"},
                   {"role": "assistant", "content": "z"}]}, "tool-unanswered"),
])
def test_what_is_odd_about_a_chat_is_a_warning(tmp_path: Path, row: dict[str, Any], code: str) -> None:
    done = run(write(tmp_path / "x.jsonl", [good(0), row]))
    odd = finding(done, None, code)
    assert odd is not None
    assert (odd.level, odd.rows, odd.fix) == ("warning", [2], None)
    assert done.ok


def test_equal_chats_are_dropped_unless_that_is_declined(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [good(0), good(1), good(0)])
    done = run(path)
    repeated = finding(done, 7)
    assert repeated is not None
    assert repeated.rows == [3]
    assert [json.loads(line) for line in done.files[0].read_text().splitlines()] == [good(0), good(1)]
    assert run(path, Request(Rules(frozenset((7,))))).files == []


def test_sizes_are_a_table_and_long_chats_are_said(tmp_path: Path) -> None:
    rows = [good(number) for number in range(99)] + [chat(("user", "long " * 50), ("assistant", "so"))]
    length = Length(40, lambda text: len(text.split()))
    done = run(write(tmp_path / "x.jsonl", rows), Request(Rules(length=length)))
    assert done.table.splitlines()[0].split() == ["min", "p5", "median", "mean", "p95", "max"]
    assert done.table.splitlines()[2].split() == ["tokens", "18", "18", "18", "18", "18", "60"]
    long = finding(done, 8)
    assert long is not None
    assert (long.rows, long.fix, done.rows) == ([100], None, 100)


def test_sharegpt_is_written_as_messages(tmp_path: Path) -> None:
    rows = [{"conversations": [{"from": "human", "value": f"Why {number}?"}, {"from": "gpt", "value": "So."}]}
            for number in range(3)]
    done = run(write(tmp_path / "x.jsonl", rows))
    assert json.loads(done.files[0].read_text().splitlines()[0]) == chat(("user", "Why 0?"), ("assistant", "So."))


def test_preferences_without_faults_are_used_as_they_are(tmp_path: Path) -> None:
    done = run(write(tmp_path / "x.jsonl", [preference(f"Which {number}?", "this", "that") for number in range(120)]))
    assert (done.ok, done.kind, done.findings, done.files) == (True, "preference", [], [])


@pytest.mark.parametrize("row", [
    preference("Which?", "the same", "the same"),
    preference("Which?", " ", "that"),
    {"input": {"messages": [{"role": "user", "content": "x"}]},
     "preferred_output": [{"role": "assistant", "content": "y"}]},
    {"input": "x", "preferred_output": [{"role": "assistant", "content": "y"}], "non_preferred_output": []},
    {"prompt": "x", "chosen": "y", "rejected": "y"},
    {"prompt": "x", "completion": "y"},
])
def test_a_preference_that_teaches_nothing_is_an_error(tmp_path: Path, row: dict[str, Any]) -> None:
    done = run(write(tmp_path / "x.jsonl", [preference("A?", "b", "c"), row, preference("D?", "e", "f")]))
    assert not done.ok
    assert next(one.rows for one in done.findings if one.level == "error") == [2]


def test_preferences_as_texts_are_read(tmp_path: Path) -> None:
    rows = [{"prompt": f"Which {number}?", "chosen": "this", "rejected": "that"} for number in range(3)]
    done = run(write(tmp_path / "x.json", [json.dumps(rows)]))
    assert (done.ok, done.kind) == (True, "preference")
    assert [json.loads(line) for line in done.files[0].read_text().splitlines()] == rows


def test_preparing_prepared_chats_finds_nothing(tmp_path: Path) -> None:
    done = run(write(tmp_path / "x.jsonl", [good(number % 110) for number in range(120)]))
    again = run(done.files[0])
    assert (again.findings, again.files, again.rows) == ([], [], 110)
