"""Chats over HTTP: whole and streamed, in OpenAI's shapes."""

from typing import Any

import pytest

from tests.engine.harness import EngineProcess
from tests.engine.routes.test_completions import events

PATH = "/v1/chat/completions"


def chat(served: EngineProcess, **changes: Any) -> dict[str, Any]:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "a"}], "max_completion_tokens": 2, **changes}
    found = served.request("POST", PATH, body)
    assert found.status == 200, found.body
    return found.json


@pytest.mark.slow
def test_an_answer_is_a_message_with_usage(served: EngineProcess) -> None:
    found = chat(served, n=2)
    assert found["object"] == "chat.completion"
    assert found["choices"][1] == {"index": 1, "message": {"role": "assistant", "content": "w0 w1 ", "refusal": None},
                                   "logprobs": None, "finish_reason": "length"}
    assert found["usage"] == {"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6}


@pytest.mark.slow
def test_logprobs_are_a_list_of_tokens(served: EngineProcess) -> None:
    logprobs = chat(served, logprobs=True, top_logprobs=1)["choices"][0]["logprobs"]
    assert [each["token"] for each in logprobs["content"]] == ["w0 ", "w1 "]
    assert logprobs["content"][0]["top_logprobs"] == [{"token": "w0 ", "logprob": -0.5, "bytes": [119, 48, 32]}]


@pytest.mark.slow
def test_a_stream_begins_with_the_role_of_each_choice_and_ends_with_usage(served: EngineProcess) -> None:
    found = served.request("POST", PATH, {"model": "tiny", "messages": [{"role": "user", "content": "a"}], "n": 2,
                                          "max_tokens": 2, "stream": True, "stream_options": {"include_usage": True}})
    *parts, last, done = events(found.body)
    deltas = [[choice["delta"] for chunk in parts for choice in chunk["choices"] if choice["index"] == index]
              for index in (0, 1)]
    assert deltas == [[{"role": "assistant", "content": ""}, {"content": "w0 "}, {"content": "w1 "}, {}]] * 2
    assert {(chunk["object"], chunk["usage"]) for chunk in parts} == {("chat.completion.chunk", None)}
    assert (last["choices"], last["usage"]["completion_tokens"], done) == ([], 4, "[DONE]")
    assert len({chunk["id"] for chunk in (*parts, last)}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, True])
def test_the_workers_refusal_has_its_status_also_for_a_stream(served: EngineProcess, stream: bool) -> None:
    found = served.request("POST", PATH, {"model": "tiny", "messages": [{"role": "user", "content": "refuse"}],
                                          "stream": stream})
    assert (found.status, found.code) == (400, "context_length_exceeded")


@pytest.mark.slow
def test_an_unknown_model_is_404(served: EngineProcess) -> None:
    found = served.request("POST", PATH, {"model": "other", "messages": [{"role": "user", "content": "a"}]})
    assert (found.status, found.code) == (404, "model_not_found")
