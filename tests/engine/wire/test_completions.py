"""Completion requests become what the worker is asked; answers are built whole."""

from typing import Any

import pytest

from pen_backend.engine.wire.body import check
from pen_backend.engine.wire.completions import CompletionRequest, merge_logprobs, worker_request
from pen_backend.engine.wire.errors import ApiError
from pen_backend.engine.wire.sampling import whole_usage


def ask(**changes: Any) -> dict[str, Any]:
    request = check(CompletionRequest, {"model": "m", "prompt": "a", **changes})
    return worker_request(request, bos=0, vocab_size=100)


@pytest.mark.parametrize(("prompt", "prompts"), [
    ("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], [[1, 2]]), ([[1], [2, 3]], [[1], [2, 3]]), (None, [[0]]),
    ("", [""])])
def test_every_form_of_prompt_is_a_list_of_prompts(prompt: object, prompts: object) -> None:
    assert ask(prompt=prompt)["prompts"] == prompts


def test_defaults_are_filled_in() -> None:
    assert ask() == {
        "prompts": ["a"], "max_tokens": 16, "n": 1, "best_of": 1, "temperature": 1.0, "top_p": 1.0, "stop": [],
        "seed": None, "logprobs": None, "echo": False, "logit_bias": {}, "presence_penalty": 0.0,
        "frequency_penalty": 0.0}


def test_zero_is_not_the_default() -> None:
    asked = ask(max_tokens=0, temperature=0, top_p=0, logprobs=0, seed=0)
    assert [asked[name] for name in ("max_tokens", "temperature", "top_p", "logprobs", "seed")] == [0, 0, 0, 0, 0]


@pytest.mark.parametrize(("changes", "param"), [
    ({"prompt": [100]}, "prompt"), ({"prompt": [-1]}, "prompt"), ({"prompt": []}, "prompt"),
    ({"prompt": [[1], []]}, "prompt"), ({"prompt": ["a"] * 2049}, "prompt"), ({"suffix": "end"}, "suffix"),
    ({"logit_bias": {"x": 1}}, "logit_bias"), ({"logit_bias": {"100": 1}}, "logit_bias"),
    ({"logit_bias": {"1": 101}}, "logit_bias")])
def test_what_only_the_model_can_judge_is_refused(changes: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        ask(**changes)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_2048_prompts_are_allowed() -> None:
    assert len(ask(prompt=["a"] * 2048)["prompts"]) == 2048


@pytest.mark.parametrize(("prompts", "counts", "param"), [
    (16, {"n": 128}, "n"), (512, {"n": 4}, "n"), (128, {"best_of": 16}, "best_of")])
def test_a_request_has_at_most_2048_texts_of_all_its_prompts(prompts: int, counts: dict[str, int], param: str) -> None:
    assert len(ask(prompt=["a"] * prompts, **counts)["prompts"]) == prompts
    with pytest.raises(ApiError, match="at most 2,048") as caught:
        ask(prompt=["a"] * (prompts + 1), **counts)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, "invalid_value", param)


@pytest.mark.parametrize("changes", [
    {"stream": True, "best_of": 2}, {"stop": list("abcde")}, {"stream_options": {"include_usage": True}}])
def test_rules_between_two_fields(changes: dict[str, Any]) -> None:
    with pytest.raises(ApiError):
        ask(**changes)


def test_pieces_of_logprobs_are_joined() -> None:
    one: dict[str, Any] = {"tokens": ["a"], "token_logprobs": [None], "top_logprobs": [None], "text_offset": [0]}
    two: dict[str, Any] = {"tokens": ["b"], "token_logprobs": [-1.0], "top_logprobs": [{"b": -1.0}], "text_offset": [1]}
    assert merge_logprobs([one, two])["token_logprobs"] == [None, -1.0]


def test_usage_has_its_sum() -> None:
    assert whole_usage({"prompt_tokens": 2, "completion_tokens": 3})["total_tokens"] == 5
