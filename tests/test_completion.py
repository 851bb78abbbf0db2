import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pen_backend import completion
from pen_backend.client import Client
from pen_backend.completion import Candidate, Delta, complete, request, stream
from pen_backend.errors import DataError, UpstreamError
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.loader import load
from tests.conftest import LiveEngine
from tests.prompts.files import MORE, define
from tests.scripted_server import USAGE, Answer, ScriptedServer, chat, chat_chunk, chunk, events
from tests.scripted_server import completion as whole

TEXT = """\
pen: 1
title: Shout
prompt: "Q: <question>"
completion: <answer>
vars: [{question: {example: why}}, {answer: {example: so}}]
format: {prompt-end: "\\nA:", completion-start: " ", completion-end: "\\n"}
temperature: 0.5
"""


@pytest.fixture
def shout(tmp_path: Path) -> Definition:
    path = tmp_path / "shout.yaml"
    path.write_text(TEXT)
    return load(path)


def body(definition: Definition, values: Mapping[str, object] | None = None, **overrides: Any) -> dict[str, Any]:
    return request(definition, values or {"question": "why"}, model="m", max_tokens=60, overrides=overrides)


def test_a_request_is_the_definitions_with_the_callers_overrides(shout: Definition) -> None:
    assert body(shout) == {"prompt": "Q: why\nA:", "n": 1, "model": "m", "max_tokens": 60, "temperature": 0.5,
                           "stop": ["\n"]}
    changed = body(shout, n=3, temperature=0.0, max_tokens=None, seed=4)
    assert (changed["n"], changed["temperature"], changed["max_tokens"], changed["seed"]) == (3, 0.0, 60, 4)


def test_a_missing_value_is_said_before_anything_is_sent(shout: Definition) -> None:
    with pytest.raises(DataError, match="'question' has no value"):
        body(shout, {"1": None})


def test_whole_answers_are_parsed(shout: Definition) -> None:
    with ScriptedServer(whole(" because\nmore", " so", finish_reason="length")) as server:
        answered = complete(Client(server.base_url, None, local=True), shout, body(shout, n=2))
    assert answered.candidates == (Candidate("because", "stop"), Candidate("so", "length"))


def test_deltas_show_no_boundary_and_join_to_the_answer(shout: Definition) -> None:
    script = events(chunk(" be"), chunk(" x", index=1), chunk("cause "), chunk("of it\nQ: what"),
                    chunk("", finish_reason="length"), chunk("", index=1, finish_reason="stop"), USAGE)
    with ScriptedServer(script) as server:
        running = stream(Client(server.base_url, None, local=True), shout, body(shout, n=2))
        deltas = list(running)
    assert deltas == [Delta(0, "be"), Delta(1, "x"), Delta(0, "cause"), Delta(0, " of it")]
    assert running.answered.candidates == (Candidate("because of it", "stop"), Candidate("x", "stop"))
    assert running.answered.usage.completion_tokens == 2


def test_no_delta_shows_a_stop_that_comes_in_pieces() -> None:
    definition = made('stop-sequences: ["Q: "]\n')
    script = events(chunk(" be"), chunk("cause Q"), chunk(" does Q"), chunk(": what", finish_reason="length"), USAGE)
    with ScriptedServer(script) as server:
        running = stream(local(server), definition, body(definition))
        deltas = [delta.text for delta in running]
    assert deltas == ["be", "cause", " Q does"]
    assert running.answered.candidates == (Candidate("because Q does", "stop"),)


def test_a_cancelled_stream_ends_without_an_error_and_keeps_its_part(shout: Definition) -> None:
    script = events(chunk(" one"), chunk(" two"), chunk(" three", finish_reason="stop"), USAGE)
    with ScriptedServer(script) as server:
        running = stream(Client(server.base_url, None, local=True), shout, body(shout))
        seen = []
        for delta in running:
            seen.append(delta)
            running.cancel()
    assert seen == [Delta(0, "one")]
    assert running.answered.candidates == (Candidate("one", "cancelled"),)


def test_a_stream_that_is_cut_is_an_error_after_its_part(shout: Definition) -> None:
    with ScriptedServer(events(chunk(" one"), done=False)) as server:
        deltas = iter(stream(Client(server.base_url, None, local=True), shout, body(shout)))
        assert next(deltas) == Delta(0, "one")
        with pytest.raises(UpstreamError, match="before it was complete"):
            list(deltas)


def test_the_best_of_many_comes_whole(shout: Definition) -> None:
    with ScriptedServer(whole(" best")) as server:
        running = stream(Client(server.base_url, None, local=True), shout, {**body(shout), "best_of": 3})
        assert list(running) == [Delta(0, "best")]
    assert "stream" not in server.requests[0].json


def made(text: str) -> Definition:
    """The test's own definition with further keys."""
    return define(TEXT + text)


def local(server: ScriptedServer) -> Client:
    return Client(server.base_url, None, local=True)


def test_messages_are_sent_as_a_chat_and_answered_whole() -> None:
    definition = define(MORE["chat"])
    asked = request(definition, {"question": "Why?"}, model="m", max_tokens=60, overrides={"max_tokens": 5, "n": 2})
    assert (asked["max_completion_tokens"], asked["n"], asked["model"]) == (5, 2, "m")
    assert "max_tokens" not in asked
    with ScriptedServer(chat(" So. ", "Well")) as server:
        answered = complete(local(server), definition, asked)
    assert [one.text for one in answered.candidates] == ["So.", "Well"]
    assert server.requests[0].path.endswith("/chat/completions")
    assert server.requests[0].json["messages"][-1] == {"role": "user", "content": "Why?"}


def test_a_chat_is_streamed() -> None:
    definition = define(MORE["chat"])
    script = events(chat_chunk(None), chat_chunk("So"), chat_chunk(" it "), chat_chunk("is.\n\n\nMore"),
                    chat_chunk("", finish_reason="stop"), USAGE)
    with ScriptedServer(script) as server:
        asked = request(definition, {"question": "Why?"}, model="m", max_tokens=60)
        running = stream(local(server), definition, asked)
        deltas = [delta.text for delta in running]
    assert deltas == ["So", " it", " is."]
    assert running.answered.candidates == (Candidate("So it is.", "stop"),)
    assert (running.answered.usage.prompt_tokens, running.answered.usage.completion_tokens) == (3, 2)


@pytest.mark.parametrize("streamed", [True, False])
def test_answers_of_several_requests_are_joined(streamed: bool) -> None:
    definition = made("n-collate: 3\nseed: 2147483646\n")
    answers = [("one", "stop"), ("", "stop"), ("three", "length")]
    if streamed:
        script = [events(chunk(f" {text}"), chunk("", finish_reason=reason), USAGE) for text, reason in answers]
    else:
        script = [whole(f" {text}", finish_reason=reason) for text, reason in answers]
    with ScriptedServer(*script) as server:
        if streamed:
            running = stream(local(server), definition, body(definition))
            assert [delta.text for delta in running] == ["one", "\nthree"]
            answered = running.answered
        else:
            answered = complete(local(server), definition, body(definition))
    assert answered.candidates == (Candidate("one\nthree", "length"),)
    assert (answered.usage.prompt_tokens, answered.usage.completion_tokens) == (9, 6)
    assert [asked.json["seed"] for asked in server.requests] == [2147483646, 2147483647, 0]


def test_a_cancelled_collation_asks_no_more() -> None:
    definition = made("n-collate: 3\n")
    with ScriptedServer(events(chunk(" one"), chunk(" two"), chunk("", finish_reason="stop"), USAGE)) as server:
        running = stream(local(server), definition, body(definition))
        for _ in running:
            running.cancel()
    assert len(server.requests) == 1
    assert running.answered.candidates == (Candidate("one", "cancelled"),)


def test_what_goes_through_a_postprocessor_is_shown_when_it_is_whole() -> None:
    definition = made("postprocessor: [upcase, {first: 1}]\nn-collate: 2\n")
    script = [events(chunk(" a"), chunk("b", finish_reason="stop"), USAGE)] * 2
    with ScriptedServer(*script) as server:
        running = stream(local(server), definition, body(definition))
        assert list(running) == [Delta(0, "AB")]
    assert running.answered.candidates == (Candidate("AB", "stop"),)


def test_a_label_is_shown_when_it_is_whole() -> None:
    definition = define(MORE["numbers"])
    script = events(chunk(" class"), chunk(" 2"), chunk(".\n"), chunk("", finish_reason="stop"), USAGE)
    with ScriptedServer(script) as server:
        running = stream(local(server), definition, request(definition, {"ticket": "x"}, model="m", max_tokens=9))
        assert list(running) == [Delta(0, "billing")]
    assert running.answered.candidates == (Candidate("billing", "stop", "billing"),)


def test_scores_come_in_the_order_of_the_prompts() -> None:
    def choice(index: int, values: list[float | None]) -> dict[str, Any]:
        return {"index": index, "text": "", "finish_reason": "length", "logprobs": {
            "tokens": [], "token_logprobs": values, "top_logprobs": None, "text_offset": []}}

    answer = Answer({**USAGE, "choices": [choice(1, [None, -2.0]), choice(0, [None, -1.0])]})
    with ScriptedServer(answer) as server:
        scores = completion.score(Client(server.base_url, None, local=True), "m", [[1, 2], [3, 4]])
    assert scores == [[None, -1.0], [None, -2.0]]
    asked = server.requests[0].json
    assert (asked["prompt"], asked["echo"], asked["max_tokens"]) == ([[1, 2], [3, 4]], True, 0)


@pytest.mark.slow
def test_the_real_engine_streams_an_answer_and_stops_when_cancelled(engine: LiveEngine, shout: Definition) -> None:
    client = engine.client()
    running = stream(client, shout, {**body(shout, n=2, seed=1, max_tokens=8), "model": "two-layer"})
    joined = ["", ""]
    for delta in running:
        joined[delta.index] += delta.text
    assert [each.text for each in running.answered.candidates] == joined
    long = stream(client, shout, {**body(shout, max_tokens=200), "model": "two-layer", "stop": None})
    for _ in long:
        long.cancel()
    assert long.answered.candidates[0].finish_reason in ("cancelled", "stop")


@pytest.mark.slow
def test_the_real_engine_stops_choosing_the_best_when_cancelled(engine: LiveEngine, shout: Definition) -> None:
    asked = {**body(shout, max_tokens=2000), "model": "pen-tiny", "stop": None, "best_of": 20,
             "logit_bias": {"0": -100}}  # half a minute's work
    complete(engine.client(), shout, {**asked, "max_tokens": 1})  # the model is loaded now
    running = stream(engine.client(), shout, asked)

    def open_requests() -> int:
        return int(engine.process.status(engine.running)["completions"])

    def cancel_when_it_runs() -> None:
        while not open_requests():
            time.sleep(0.01)
        running.cancel()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(cancel_when_it_runs)
        assert list(running) == []
        done.result(60)
    assert running.answered.candidates[0].finish_reason == "cancelled"
    deadline = time.monotonic() + 10
    while open_requests():
        assert time.monotonic() < deadline


@pytest.mark.slow
def test_the_real_engine_answers_a_chat_whole_and_streamed_alike(engine: LiveEngine) -> None:
    definition = define(MORE["chat"])
    asked = request(definition, {"question": "Why?"}, model="two-layer", max_tokens=8, overrides={"seed": 1})
    answered = complete(engine.client(), definition, asked)
    streamed = stream(engine.client(), definition, asked)
    joined = "".join(delta.text for delta in streamed)
    assert joined == answered.candidates[0].text
    assert streamed.answered.usage == answered.usage
    assert answered.usage.completion_tokens <= 8


@pytest.mark.slow
def test_the_real_engine_scores_every_token_after_the_first(engine: LiveEngine) -> None:
    scores = completion.score(engine.client(), "two-layer", [[5, 6, 7], [8, 9]])
    assert [[value is None for value in row] for row in scores] == [[True, False, False], [True, False]]
    assert all(value < 0 for row in scores for value in row if value is not None)
