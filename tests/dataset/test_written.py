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


def test_the_items_of_lists_come_one_by_one(tmp_path: Path) -> None:
    values = values_of(definition(tmp_path, CONTINUATION), lists=True)
    assert values(["one\ntwo\n", "three\n\n"]) == [("one", "one"), ("two", "two"), ("three", "three")]
