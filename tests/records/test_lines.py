"""Training lines: dialects, weights, findings, and no other exception whatever the bytes are."""

import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.errors import DataError, Finding
from pen_backend.records import (
    LINE_LIMIT,
    Dialect,
    Example,
    Origin,
    Segment,
    example_id,
    make_example,
    parse_line,
    read_lines,
    to_line,
)

ORIGIN = Origin("a.jsonl", "", "line 1")
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def parsed(line: object, **more: float) -> tuple[Dialect, Example]:
    return parse_line(json.dumps(line), source="a.jsonl", line=1, **more)


def weights(line: object, **more: float) -> list[float]:
    return [segment.weight for segment in parsed(line, **more)[1].segments]


def test_prompts_weigh_what_the_job_says() -> None:
    assert weights({"prompt": "a", "completion": "b"}) == [0, 1]
    assert weights({"prompt": "a", "completion": "b"}, prompt_loss_weight=0.25) == [0.25, 1]


def test_assistants_weigh_one_and_others_nothing_unless_they_say_so() -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u", "weight": 0.5},
                {"role": "assistant", "content": "a", "weight": 0}, {"role": "assistant", "content": "b"}]
    assert weights({"messages": messages}) == [0, 0.5, 0, 1]


def test_tool_calls_are_kept_verbatim() -> None:
    call = [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    messages = [{"role": "user", "content": "u"}, {"role": "assistant", "content": None, "tool_calls": call}]
    _, example = parsed({"messages": messages, "tools": [{"type": "function"}]})
    assert example.segments[1].extra == {"tool_calls": call}
    assert example.tools == ({"type": "function"},)


def test_unknown_keys_beside_a_row_are_kept_as_meta() -> None:
    assert parsed({"prompt": "a", "completion": "b", "id": 3})[1].meta == {"id": 3}


def test_messages_never_quote_the_text() -> None:
    with pytest.raises(DataError) as caught:
        parsed({"data": {"text_list": ["secret", 5], "loss_weights": [1]}})
    assert "secret" not in str(caught.value)


@given(st.binary(max_size=300) | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_raise_anything_but_a_data_error(raw: bytes) -> None:
    for result in read_lines(io.BytesIO(raw), source="a"):
        assert isinstance(result, Finding) or isinstance(result[2], Example)


@given(TEXT, TEXT)
def test_a_prompt_and_completion_survive_the_round_trip(prompt: str, completion: str) -> None:
    example = make_example([Segment(prompt, 0.5), Segment(completion)], origin=ORIGIN)
    line = to_line(example, "prompt-completion", prompt_loss_weight=0.5)
    assert parse_line(line, source="a", line=1, prompt_loss_weight=0.5)[1].segments == example.segments


def test_an_id_depends_on_texts_and_weights_alone() -> None:
    here = make_example([Segment("a")], origin=ORIGIN, label="x", meta={"n": 1})
    there = make_example([Segment("a")], origin=Origin("b", "1", "row 2"))
    assert here.id == there.id == example_id([Segment("a")])
    assert here.id != example_id([Segment("a", 0.5)])
    assert len(here.id) == 16


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_an_example_with_an_impossible_weight_is_refused(weight: float) -> None:
    with pytest.raises(DataError):
        make_example([Segment("a", weight)], origin=ORIGIN)


def test_lines_are_counted_with_blank_ones_and_read_with_any_end() -> None:
    stream = io.BytesIO(b'\xef\xbb\xbf{"data": "a"}\r\n\r\n \n{"data": "b"}')
    lines = [result[0] for result in read_lines(stream, source="a") if not isinstance(result, Finding)]
    assert lines == [1, 4]


def test_an_endless_line_is_one_finding_and_hides_nothing() -> None:
    stream = io.BytesIO(b'{"data": "a"}\n' + b"x" * (3 * LINE_LIMIT) + b'\n{"data": "b"}\n')
    results = list(read_lines(stream, source="a"))
    assert [getattr(result, "code", None) for result in results] == [None, "line-too-long", None]


def test_text_alone_is_no_row_in_a_file_of_data_rows() -> None:
    results = list(read_lines(io.BytesIO(b'{"text": "a"}\n{"data": "b"}\n{"text": "c"}\n'), source="a"))
    assert [getattr(result, "code", None) for result in results] == [None, None, "no-data"]
