"""Chat requests become what the worker is asked; what pen's models cannot do is refused by name."""

from typing import Any

import pytest

from pen_backend.engine.wire.body import check
from pen_backend.engine.wire.chat import ChatRequest, worker_request
from pen_backend.engine.wire.errors import ApiError

USER = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "f"}}


def ask(**changes: Any) -> dict[str, Any]:
    request = check(ChatRequest, {"model": "m", "messages": [USER], **changes})
    return worker_request(request, vocab_size=100)


def test_defaults_are_filled_in_and_the_length_is_left_to_the_worker() -> None:
    assert ask() == {
        "messages": [USER], "tools": None, "max_tokens": None, "n": 1, "temperature": 1.0, "top_p": 1.0, "stop": [],
        "seed": None, "logprobs": None, "logit_bias": {}, "presence_penalty": 0.0, "frequency_penalty": 0.0}


def test_text_parts_are_one_text_and_nulls_are_left_out() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [{"role": "user", "content": parts, "name": "Bo"}, {"role": "assistant", "content": None,
                                                                  "tool_calls": [{"id": "1"}]}]
    assert ask(messages=messages)["messages"] == [
        {"role": "user", "content": "ab", "name": "Bo"}, {"role": "assistant", "content": "",
                                                          "tool_calls": [{"id": "1"}]}]


@pytest.mark.parametrize(("changes", "length"), [
    ({"max_tokens": 3}, 3), ({"max_completion_tokens": 4}, 4), ({"max_tokens": 4, "max_completion_tokens": 4}, 4)])
def test_both_names_of_the_length_are_read(changes: dict[str, Any], length: int) -> None:
    assert ask(**changes)["max_tokens"] == length


@pytest.mark.parametrize(("changes", "logprobs"), [
    ({}, None), ({"logprobs": False}, None), ({"logprobs": True}, 0), ({"logprobs": True, "top_logprobs": 20}, 20)])
def test_logprobs_are_a_number_of_others(changes: dict[str, Any], logprobs: int | None) -> None:
    assert ask(**changes)["logprobs"] == logprobs


def test_tools_are_handed_on_unless_none_may_be_called() -> None:
    assert ask(tools=[TOOL], tool_choice="auto", parallel_tool_calls=True)["tools"] == [TOOL]
    assert ask(tools=[TOOL], tool_choice="none")["tools"] is None


def test_what_means_nothing_here_is_accepted() -> None:
    ask(user="u", store=True, metadata={"a": "b"}, service_tier="auto", safety_identifier="s", prompt_cache_key="k",
        prompt_cache_retention="24h", reasoning_effort="low", verbosity="low", moderation={"model": "x"},
        response_format={"type": "text"}, modalities=["text"], stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False})


@pytest.mark.parametrize(("changes", "code", "param"), [
    ({"messages": []}, "invalid_value", "messages"),
    ({"messages": [{"role": "user"}]}, "invalid_value", "messages"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "invalid_value", "messages"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "invalid_value", "messages.role"),
    ({"messages": [{**USER, "contnt": "x"}]}, "unknown_parameter", "messages.contnt"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "unsupported_parameter",
     "messages.0.content.0"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "invalid_value", "messages.0.content.0"),
    ({"top_logprobs": 3}, "invalid_value", "top_logprobs"),
    ({"top_logprobs": 21, "logprobs": True}, "invalid_value", "top_logprobs"),
    ({"logprobs": 1}, "invalid_value", "logprobs"),
    ({"max_tokens": 3, "max_completion_tokens": 4}, "invalid_value", "max_tokens"),
    ({"best_of": 2}, "unknown_parameter", "best_of"),
    ({"response_format": {"type": "json_schema"}}, "unsupported_parameter", "response_format"),
    ({"modalities": ["audio"]}, "unsupported_parameter", "modalities"),
    ({"audio": {}}, "unsupported_parameter", "audio"),
    ({"prediction": {}}, "unsupported_parameter", "prediction"),
    ({"web_search_options": {}}, "unsupported_parameter", "web_search_options"),
    ({"functions": []}, "unsupported_parameter", "functions"),
    ({"tools": [TOOL], "tool_choice": "required"}, "unsupported_parameter", "tool_choice"),
    ({"tools": [{"type": "custom"}]}, "unsupported_parameter", "tools.0"),
    ({"tools": [{"type": "function"}]}, "missing_required_parameter", "tools.0.function.name"),
    ({"logit_bias": {"100": 1}}, "invalid_value", "logit_bias"),
])
def test_refusals_name_what_is_wrong(changes: dict[str, Any], code: str, param: str | None) -> None:
    with pytest.raises(ApiError) as caught:
        ask(**changes)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, code, param)
