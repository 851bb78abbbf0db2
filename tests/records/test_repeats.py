"""Keys that stand twice: found wherever they are, and nowhere else."""

import io
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.errors import DataError, Finding
from pen_backend.records import parse_json, read_lines
from pen_backend.records.repeats import Repeat, repeat_in

KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3) | st.sampled_from(['":', "a\\", ": ", '"'])
VALUES = st.recursive(KEYS | st.integers(0, 9) | st.none(), lambda inner: st.lists(inner, max_size=3) | st.lists(
    st.tuples(KEYS, inner), max_size=4).map(tuple), max_leaves=12)


def written(value: object, colon: str) -> str:
    """Write a value as JSON; a tuple is an object, whose keys may be repeated."""
    if isinstance(value, tuple):
        return "{" + ",".join(f"{json.dumps(key)}{colon}{written(each, colon)}" for key, each in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(each, colon) for each in value) + "]"
    return json.dumps(value)


def is_repeated(raw: bytes) -> bool:
    """Say what the standard library's parser sees of keys that stand twice."""
    found = []

    def pairs(items: list[tuple[str, object]]) -> None:
        found.append(len({key for key, _ in items}) < len(items))

    json.loads(raw, object_pairs_hook=pairs)
    return any(found)


@given(VALUES, st.sampled_from([":", ": ", " : ", "\n\t:"]))
def test_a_repeated_key_is_found_if_and_only_if_there_is_one(value: object, colon: str) -> None:
    raw = written(value, colon).encode()
    assert (repeat_in(raw, orjson.loads(raw)) is not None) == is_repeated(raw)


@pytest.mark.parametrize(("text", "found"), [
    ('{"a": 1, "a": 2}', Repeat("a", "/a", 9)),
    ('{"a": 1, "\\u0061": 2}', Repeat("a", "/a", 9)),
    ('[1, {"b": [0, {"c": "a:b", "c" :1}]}]', Repeat("c", "/1/b/1/c", 27)),
    ('{"a": {"b": 1}, "c": {"b": "\\": b"}}', None),
])
def test_it_is_told_with_its_place(text: str, found: Repeat | None) -> None:
    assert repeat_in(text.encode(), orjson.loads(text)) == found


def test_deep_json_is_looked_through_without_recursion() -> None:
    raw = b'{"a":' * 900 + b'{"b":":", "b":1}' + b"}" * 900
    assert repeat_in(raw, orjson.loads(raw)) is not None


def test_a_row_with_a_repeated_key_is_refused_and_hides_no_other() -> None:
    lines = b'{"prompt": "secret", "completion": "x", "prompt": "y"}\n{"data": "good"}\n'
    bad, good = read_lines(io.BytesIO(lines), source="a.jsonl")
    assert isinstance(bad, Finding)
    assert (bad.code, bad.where, bad.pointer) == ("json", "a.jsonl:1", "/prompt")
    assert bad.message == "the key 'prompt' stands twice in one object, at column 41 the second time"
    assert bad.hint
    assert not isinstance(good, Finding)


def test_it_is_placed_on_its_own_line() -> None:
    with pytest.raises(DataError) as caught:
        parse_json(b'{"a": 1,\n"b": 2,\n "a": 3}', where="f.json:7")
    assert caught.value.findings[0].where == "f.json:9"
    assert "column 2" in caught.value.message
