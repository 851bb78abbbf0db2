from typing import Any

import pytest
from transformers import PreTrainedModel

from pen_backend.engine.nn.answers import Answer, Usage
from pen_backend.engine.nn.batching import Batch
from pen_backend.engine.nn.chat import ChatFormat
from pen_backend.engine.nn.padded import PaddedDecoder
from pen_backend.engine.nn.rendering import Renderer
from pen_backend.engine.nn.requests import RequestError, read_request
from pen_backend.engine.nn.vocabulary import Vocabulary

Event = dict[str, Any]


def ask(model: PreTrainedModel, vocabulary: Vocabulary, context: int = 256,
        **frame: Any) -> tuple[list[list[Event]], Usage]:
    given = {"id": "r", "prompts": ["Question 1"], "seed": 3, "max_tokens": 6} | frame
    request = read_request(given, vocabulary, context, ChatFormat(vocabulary, Renderer()))
    answer = Answer(vocabulary, request)
    batch = Batch(PaddedDecoder(model, vocabulary.pad))
    for _ in answer.read(batch.decoder):
        pass
    batch.add(answer)
    steps = []
    while not answer.done:
        batch.step()
        steps.append(answer.events.copy())
        answer.events.clear()
    return steps, answer.usage


def texts(steps: list[list[Event]]) -> dict[int, str]:
    found: dict[int, str] = {}
    for event in (event for step in steps for event in step):
        found[event["index"]] = found.get(event["index"], "") + event.get("text", "")
    return found


def reasons(steps: list[list[Event]]) -> dict[int, str]:
    return {event["index"]: event["finish_reason"] for step in steps for event in step if event["event"] == "finish"}


def test_choices_are_numbered_prompt_by_prompt_and_each_finishes_once(model: PreTrainedModel,
                                                                     vocabulary: Vocabulary) -> None:
    steps, usage = ask(model, vocabulary, prompts=["a", "bcd"], n=2)

    assert sorted(reasons(steps)) == sorted(texts(steps)) == [0, 1, 2, 3]
    assert set(reasons(steps).values()) == {"length"}
    assert usage.prompt_tokens == len(vocabulary.encode("a")) + len(vocabulary.encode("bcd"))
    assert usage.completion_tokens == 24


def test_tokens_come_step_by_step(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    steps, _ = ask(model, vocabulary, max_tokens=40)
    first = next(i for i, step in enumerate(steps) if any(event["event"] == "token" for event in step))

    assert first < 10
    assert len(steps) >= 40


def test_equal_requests_give_equal_texts_and_other_seeds_others(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    first, again, other = (texts(ask(model, vocabulary, n=3, seed=seed)[0]) for seed in (1, 1, 2))

    assert first == again != other
    assert len(set(first.values())) == 3


def test_more_choices_do_not_change_the_first(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    assert texts(ask(model, vocabulary, n=20)[0])[0] == texts(ask(model, vocabulary, n=1)[0])[0]


def test_echo_with_no_tokens_scores_the_prompt(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    steps, usage = ask(model, vocabulary, prompts=["Question 1", "ab"], max_tokens=0, echo=True, logprobs=1)
    events = [event for step in steps for event in step]

    assert texts(steps) == {0: "Question 1", 1: "ab"}
    assert events[0]["logprobs"]["token_logprobs"][0] is None
    assert all(value < 0 for value in events[0]["logprobs"]["token_logprobs"][1:])
    assert len(events[0]["logprobs"]["tokens"]) == len(vocabulary.encode("Question 1"))
    assert reasons(steps) == {0: "length", 1: "length"}
    assert usage.completion_tokens == 0


def test_echo_and_completion_offsets_count_from_the_prompt_s_start(model: PreTrainedModel,
                                                                   vocabulary: Vocabulary) -> None:
    steps, _ = ask(model, vocabulary, echo=True, logprobs=0, max_tokens=3, logit_bias={vocabulary.encode("a")[0]: 100})
    logprobs = [event["logprobs"] for step in steps for event in step if event["event"] == "token"]

    assert texts(steps)[0] == "Question 1aaa"
    assert [offset for one in logprobs[1:] for offset in one["text_offset"]] == [10, 11, 12]


def test_token_ids_are_a_prompt_as_they_are(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    ids = [vocabulary.eos, *vocabulary.encode("ab")]
    steps, usage = ask(model, vocabulary, prompts=[ids], max_tokens=0, echo=True, logprobs=0)

    assert texts(steps) == {0: "<|endoftext|>ab"}
    assert usage.prompt_tokens == len(ids)


def test_no_prompt_and_an_empty_one_begin_a_text(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    begun = texts(ask(model, vocabulary, prompts=[[vocabulary.bos]])[0])

    assert texts(ask(model, vocabulary, prompts=None)[0]) == texts(ask(model, vocabulary, prompts=[""])[0]) == begun
    assert texts(ask(model, vocabulary, prompts=None, echo=True)[0]) == begun


def test_best_of_answers_the_likeliest_and_counts_the_hidden(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    every, _ = ask(model, vocabulary, n=6, logprobs=0)
    steps, usage = ask(model, vocabulary, n=2, best_of=6)
    sums: dict[int, float] = {}
    for event in (event for step in every for event in step if event["event"] == "token"):
        sums[event["index"]] = sums.get(event["index"], 0.0) + sum(event["logprobs"]["token_logprobs"])
    best = sorted(sums, key=lambda index: -sums[index])[:2]

    assert [texts(steps)[i] for i in (0, 1)] == [texts(every)[i] for i in best]
    assert usage.completion_tokens == 36


def test_a_stop_text_and_the_end_token_finish_with_stop(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    a = {vocabulary.encode("a")[0]: 100}

    stopped, _ = ask(model, vocabulary, logit_bias=a, stop=["aaa"], echo=True)
    ended, usage = ask(model, vocabulary, logit_bias={vocabulary.eos: 100})

    assert texts(stopped) == {0: "Question 1"}
    assert reasons(stopped) == reasons(ended) == {0: "stop"}
    assert texts(ended) == {0: ""}
    assert usage.completion_tokens == 1


def test_the_end_token_has_a_log_probability_and_no_text(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    steps, _ = ask(model, vocabulary, logit_bias={vocabulary.eos: 100}, logprobs=0, echo=True, best_of=2)
    events = [event for step in steps for event in step if event["event"] == "token"]

    assert (texts(steps), events[-1]["text"]) == ({0: "Question 1"}, "")
    assert (events[-1]["logprobs"]["tokens"], events[-1]["logprobs"]["text_offset"]) == (["<|endoftext|>"], [10])


CHAT = [{"role": "user", "content": "Question 1"}]


def test_a_chat_is_answered_up_to_the_end_of_its_turn(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    end = vocabulary.encode_control(["<|im_end|>"])[0][0]
    steps, usage = ask(model, vocabulary, prompts=None, messages=CHAT, logit_bias={end: 100})

    assert (texts(steps), reasons(steps)) == ({0: ""}, {0: "stop"})
    assert usage.prompt_tokens == len(ChatFormat(vocabulary, Renderer()).prompt(CHAT))


def test_a_chat_without_a_limit_may_fill_the_context(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    never = dict.fromkeys((*vocabulary.ends, *vocabulary.encode_control(["<|im_end|>"])[0]), -100)
    steps, usage = ask(model, vocabulary, prompts=None, messages=CHAT, max_tokens=None, logit_bias=never, context=50)

    assert reasons(steps) == {0: "length"}
    assert usage.prompt_tokens + usage.completion_tokens == 50


def test_a_chat_s_log_probabilities_carry_bytes(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    steps, _ = ask(model, vocabulary, prompts=None, messages=CHAT, logprobs=2, max_tokens=3,
                   logit_bias={vocabulary.encode("a")[0]: 100})
    tokens = [one for step in steps for event in step if event["event"] == "token"
              for one in event["logprobs"]["content"]]

    assert [(one["token"], one["bytes"]) for one in tokens] == [("a", [97])] * 3
    assert all(one["logprob"] < 0 and len(one["top_logprobs"]) == 2 for one in tokens)
    assert all(set(other) == {"token", "logprob", "bytes"} for one in tokens for other in one["top_logprobs"])


@pytest.mark.parametrize(("frame", "code", "param", "message"), [
    ({"messages": CHAT, "tools": [{}]}, "unsupported_parameter", "tools", "takes no tools"),
    ({"messages": CHAT * 30}, "context_length_exceeded", "messages", "no room for an answer"),
    ({"messages": CHAT, "max_tokens": 250}, "context_length_exceeded", "messages", "max_tokens is 250"),
    ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "invalid_value", "messages", "^The model has no chat"),
    ({"prompts": [[300]]}, "invalid_value", "prompt", "Token 300 is not in the model's vocabulary of 300"),
    ({"prompts": [[-1]]}, "invalid_value", "prompt", "Token -1"),
    ({"logit_bias": {"999": 1}}, "invalid_value", "logit_bias", "Token 999"),
    ({"max_tokens": 255}, "context_length_exceeded", "prompt", "max_tokens is 255.*context of 256"),
])
def test_what_the_model_cannot_do_is_refused(vocabulary: Vocabulary, frame: dict[str, Any], code: str, param: str,
                                             message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        read_request({"id": "r", "prompts": ["Question 1"], "max_tokens": 6} | frame, vocabulary, 256,
                     ChatFormat(vocabulary, Renderer()))

    assert (caught.value.code, caught.value.param) == (code, param)
