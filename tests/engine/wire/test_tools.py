"""Calls of tools are read where they are exactly that, and never lose a word of what was said."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.engine.wire.chat import ChatShape
from pen_backend.engine.wire.tools import BEGIN, END, Held, read_calls
from tests.engine.contract import check, check_chunk

CALL = f'{BEGIN}\n{{"name": "weather", "arguments": {{"city": "Bergen"}}}}\n{END}'


def functions(calls: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


@pytest.mark.parametrize(("text", "said", "count"), [
    (CALL, "", 1), (f"I look.\n{CALL}\n{CALL}", "I look.", 2), (CALL.removesuffix(END), "", 1), ("No.", "No.", 0)])
def test_what_is_said_and_what_is_called(text: str, said: str, count: int) -> None:
    found, calls = read_calls(text)

    assert (found, functions(calls)) == (said, [("weather", {"city": "Bergen"})] * count)
    assert len({call["id"] for call in calls}) == count


@pytest.mark.parametrize("text", [
    f"{BEGIN}weather{END}", f"{BEGIN}[]{END}", f'{BEGIN}{{"name": 1}}{END}', f"{CALL} and so on",
    f'{BEGIN}{{"name": "f", "arguments": "x"}}{END}', f"{CALL}{BEGIN}", BEGIN])
def test_what_is_no_call_is_said(text: str) -> None:
    assert read_calls(text) == (text, [])


@given(st.lists(st.sampled_from([BEGIN, END, "<tool", "_call>", "<", "a", CALL])), st.integers(1, 7))
def test_a_stream_says_what_the_whole_says(parts: list[str], size: int) -> None:
    text = "".join(parts)
    held = Held()
    shown = "".join(held.feed(text[at : at + size]) for at in range(0, len(text), size))
    rest, calls = held.finish()
    said, wanted = read_calls(text)

    assert functions(calls) == functions(wanted)
    assert (shown + rest).rstrip() == said.rstrip()


def test_a_choice_with_calls_ends_for_them_whole_and_streamed() -> None:
    shape = ChatShape(with_logprobs=False, with_tools=True)
    whole = shape.choice(0, CALL, (), "stop")
    parts = [*shape.piece(0, "Well. <tool", None), *shape.piece(0, CALL.removeprefix("<tool"), None),
             *shape.end(0, "stop")]

    assert (whole["message"]["content"], whole["finish_reason"]) == (None, "tool_calls")
    assert functions(whole["message"]["tool_calls"]) == [("weather", {"city": "Bergen"})]
    assert [part["delta"].get("content") for part in parts] == ["Well. ", None, None]
    assert parts[1]["delta"]["tool_calls"][0]["index"] == 0
    assert parts[2]["finish_reason"] == "tool_calls"
    body = shape.body("chatcmpl-1", 1, "m", [whole], streamed=False)
    check("POST", "/v1/chat/completions", 200, "application/json", json.dumps(body).encode())
    check_chunk(shape.body("chatcmpl-1", 1, "m", parts, streamed=True))


def test_without_tools_nothing_is_looked_for() -> None:
    shape = ChatShape(with_logprobs=False, with_tools=False)

    assert shape.choice(0, CALL, (), "stop")["message"]["content"] == CALL
    assert shape.piece(0, BEGIN, None)[0]["delta"]["content"] == BEGIN
