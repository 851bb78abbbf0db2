import math
from collections.abc import Sequence
from typing import Any

import pytest

from pen_backend.client import Client
from pen_backend.errors import CancelledError, DataError, UpstreamError
from pen_backend.evaluation.likelihood import likelihood
from pen_backend.records import Example, Origin, Segment, make_example
from pen_backend.tokens import from_tokenizer_json
from tests.conftest import LiveEngine
from tests.scripted_server import USAGE, Answer, ScriptedServer


class Letters:
    """An encoder whose tokens are code points."""

    name = "letters"

    def encode(self, text: str) -> list[int]:
        return [ord(sign) for sign in text]

    def count(self, text: str) -> int:
        return len(text)

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(map(chr, ids))


def example(*texts: str, weights: Sequence[float] = (0.3, 0.7), role: str | None = None) -> Example:
    segments = [Segment(text, weight, role) for text, weight in zip(texts, weights, strict=False)]
    return make_example(segments, origin=Origin("t", "", "line 1"))


def scores(*rows: Sequence[float | None]) -> Answer:
    return Answer({**USAGE, "choices": [
        {"index": index, "text": "", "finish_reason": "length",
         "logprobs": {"tokens": [], "token_logprobs": list(row), "top_logprobs": None, "text_offset": []}}
        for index, row in enumerate(rows)]})


def measure(server: ScriptedServer, examples: Sequence[Example], **options: Any) -> Any:
    return likelihood(Client(server.base_url, None, local=True), "m", examples, Letters(), **options)


def test_bits_per_byte_count_completions_alone_and_no_weights() -> None:
    with ScriptedServer(scores([None, -9.0, -1.0, -2.0, -3.0])) as server:
        result = measure(server, [example("ab", "c\u00e9\n")])
    assert (result.tokens, result.bytes) == (3, 4)
    assert result.nll == pytest.approx(2.0)
    assert result.bits_per_byte == pytest.approx(6.0 / (math.log(2) * 4))
    assert server.requests[0].json["prompt"] == [[97, 98, 99, 233, 10]]


def test_a_lone_text_is_all_completion_after_the_beginning() -> None:
    with ScriptedServer(scores([None, -1.0, -1.0])) as server:
        assert measure(server, [example("ab", weights=[1])], beginning=0).tokens == 2
    assert server.requests[0].json["prompt"] == [[0, 97, 98]]


def test_examples_of_similar_length_share_a_request() -> None:
    rows = [example("p", "x" * length) for length in range(1, 21)]
    answers = [scores(*[[None, *[-1.0] * length] for length in lengths]) for lengths in (range(1, 17), range(17, 21))]
    done: list[int] = []
    with ScriptedServer(*answers) as server:
        result = measure(server, list(reversed(rows)), progress=done.append)
    assert (len(server.requests), done, result.tokens) == (2, [16, 20], 210)


def test_what_is_longer_than_the_context_is_left_out_and_counted() -> None:
    with ScriptedServer(scores([None, -1.0])) as server:
        result = measure(server, [example("p", "x"), example("p", "x" * 50)], context=10)
    assert (len(result.scored), result.left_out) == (1, 1)


def test_a_provider_without_logprobs_gives_no_zero() -> None:
    with ScriptedServer(scores([])) as server, pytest.raises(UpstreamError, match="not available"):
        measure(server, [example("p", "x")])


def test_nothing_to_score_is_said() -> None:
    with ScriptedServer() as server:
        with pytest.raises(DataError, match="no held-out example"):
            measure(server, [])
        with pytest.raises(DataError, match="chats"):
            measure(server, [example("p", "x", role="user")])


def test_cancelling_ends_between_two_requests() -> None:
    with ScriptedServer() as server, pytest.raises(CancelledError):
        measure(server, [example("p", "x")], cancelled=lambda: True)
    assert server.requests == []


@pytest.mark.slow
def test_the_real_engine_gives_a_random_model_about_the_entropy_of_chance(engine: LiveEngine) -> None:
    client = engine.client()
    encoder = from_tokenizer_json(client.tokenizer("two-layer"), "two-layer")
    rows = [example(f"Question {number}: what", f" It is {number}.\n") for number in range(20)]
    result = likelihood(client, "two-layer", rows, encoder, beginning=0, context=256)
    assert len(result.scored) == 20
    assert result.nll == pytest.approx(math.log(300), rel=0.15)
