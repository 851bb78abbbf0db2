"""Rows that were written, read back: in every format, and without the definition's own words."""

from pathlib import Path

import orjson
import pytest

from pen_backend.dataset.written import rows, texts_of, values_of, whole
from tests.dataset import CONTINUATION, ROWS, definition

USER, ANSWER = {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}
SYSTEM = {"role": "system", "content": "s"}


@pytest.mark.parametrize(("row", "texts"), [
    ({"data": {"text_list": ["a", "b"], "loss_weights": [0, 1]}}, ["a", "b"]), ({"data": "a"}, ["a"]),
    ({"text": "a"}, ["a"]), ({"prompt": "a", "completion": "b"}, ["a", "b"]),
    ({"prompt": "a", "chosen": "b", "rejected": "c"}, ["a", "b"]), ({"messages": [SYSTEM, USER, ANSWER]}, ["u", "a"]),
    ({"input": {"messages": [SYSTEM, USER]}, "preferred_output": [ANSWER], "non_preferred_output": [USER]}, ["u", "a"]),
    ({"messages": [{"role": "assistant", "content": None}]}, [""]), ({}, [])])
def test_the_texts_of_every_format_are_found(row: dict[str, object], texts: list[str], tmp_path: Path) -> None:
    assert texts_of(row) == texts
    path = tmp_path / "rows.jsonl"
    path.write_bytes(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    assert list(rows([path, path])) == [texts, texts]


def test_system_messages_are_texts_only_where_all_of_a_row_counts() -> None:
    assert texts_of({"messages": [SYSTEM, USER]}, system=True) == ["s", "u"]


def test_the_definitions_own_words_are_taken_out(tmp_path: Path) -> None:
    values = values_of(definition(tmp_path, ROWS), lists=False)
    ((asked, learned),) = values(["Q: why not\nA:", " because Q: it is\n"])
    assert " ".join(asked.split()) == "why not"
    assert " ".join(learned.split()) == "why not because Q: it is"
    assert values(["one text"]) == [("one text", "one text")]
    assert whole(["a", "b"]) == (("", "a b"),)


FORM = "pen: 1\ntitle: A form\nformat: {prompt-end: \"\\n\", completion-start: \" \", completion-end: \" END\"}\n"


@pytest.mark.parametrize(("prompt", "completion", "variables", "texts", "learned"), [
    ("<a> and <b>, or <a>?", "<c>", "a: {}, b: {}, c: {}", ["x and y z, or x?\n", " c END"], "x y z c"),
    ("<who>: <a>", "<c>", "who: {default: The old man}, a: {}, c: {}", ["The old man: x\n", " c END"], "x c"),
    ("<who>: <a>", "<c>", "who: {default: The old man}, a: {}, c: {}", ["Ada: x\n", " c END"], "Ada x c"),
    ("<a><b>", "it is <c>, END of it", "a: {}, b: {}, c: {}", ["xy\n", " it is c END or so, END of it END"],
     "xy c END or so"),
    ("Say:", "<c>", "c: {}", ["Say:\n", " c END"], "c"), ("<a>", "so it is", "a: {}", ["x\n", " so it is END"], "x"),
])
def test_each_value_is_told_once_and_a_default_never(prompt: str, completion: str, variables: str, texts: list[str],
                                                     learned: str, tmp_path: Path) -> None:
    one = definition(tmp_path, f'{FORM}prompt: "{prompt}"\ncompletion: "{completion}"\nvars: [{variables}]\n')
    ((_, found),) = values_of(one, lists=False)(texts)
    assert " ".join(found.split()) == learned


def test_numbers_are_compared_as_the_labels_they_stand_for(tmp_path: Path) -> None:
    classes = "classes: {encode: number, labels: [log in, pay]}\n"
    one = definition(tmp_path, f'{FORM}{classes}prompt: "<a>"\ncompletion: "<c>"\nvars: [a: {{}}, c: {{}}]\n')
    assert values_of(one, lists=False)(["x\n", " 2 END"])[0][1].split() == ["x", "pay"]


def test_the_items_of_lists_come_one_by_one(tmp_path: Path) -> None:
    values = values_of(definition(tmp_path, CONTINUATION), lists=True)
    assert values(["one\ntwo\n", "three\n\n"]) == [("one", "one"), ("two", "two"), ("three", "three")]
