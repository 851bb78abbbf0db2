"""What a provider answers, of any shape: what is none of OpenAI's is its fault, in a sentence of ours."""

from collections.abc import Callable

import pytest

from pen_backend.client import Client
from pen_backend.errors import UpstreamError
from tests.client.calls import SSE, against, created, listed, soon, streamed, uploaded, whole
from tests.client.hostile_server import Line, head
from tests.scripted_server import Answer, ScriptedServer, events


@pytest.mark.parametrize("body", [
    b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000, b"\xff\xfe\xff", b"NaN", b'"' + b"a" * 100],
    ids=["brackets", "braces", "digits", "bytes", "nan", "unended"])
@pytest.mark.parametrize("ask", [whole, streamed, listed], ids=lambda ask: ask.__name__)
def test_a_body_that_no_parser_likes_is_the_providers_fault(ask: Callable[[Client], None], body: bytes) -> None:
    def talk(line: Line) -> None:
        line.say(head(type=SSE) + b"data: " + body + b"\n\n" if ask is streamed else head() + body)

    with against(talk) as (client, server), soon(), pytest.raises(UpstreamError):
        ask(client)
    assert len(server.lines) <= 2


SHAPES: dict[str, object] = {
    "number": 1, "null": None, "list": [], "choices-null": {"choices": None}, "choices-number": {"choices": 1},
    "choice-number": {"choices": [1]}, "choice-empty": {"choices": [{}]},
    "text-number": {"choices": [{"index": 0, "text": 5, "finish_reason": "stop"}]},
    "index-text": {"choices": [{"index": "x", "text": "a", "finish_reason": "stop"}]},
    "usage-text": {"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}],
                   "usage": {"prompt_tokens": "many", "completion_tokens": None}},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("ask", [whole, streamed], ids=lambda ask: ask.__name__)
def test_an_answer_of_another_shape_is_the_providers_fault(ask: Callable[[Client], None], shape: object) -> None:
    with ScriptedServer(events(shape) if ask is streamed else Answer(shape)) as server:
        with pytest.raises(UpstreamError):
            ask(Client(server.base_url, None, local=False))
        assert len(server.requests) == 1


OBJECTS: dict[str, object] = {"number": 1, "null": None, "id-missing": {"object": "x"}, "id-number": {"id": 5},
                              "metadata-list": {"id": "x", "metadata": [1]}}


@pytest.mark.parametrize("shape", OBJECTS.values(), ids=OBJECTS.keys())
@pytest.mark.parametrize("ask", [listed, uploaded, created, lambda client: client.events("ftjob-1", until={"e"}),
                                 Client.models, lambda client: client.job("ftjob-1")])
def test_an_object_of_another_shape_is_the_providers_fault(ask: Callable[[Client], object], shape: object,
                                                           recwarn: pytest.WarningsRecorder) -> None:
    page = {"object": "list", "data": [shape], "has_more": False}
    with ScriptedServer(Answer(page if ask in (listed, Client.models) else shape), Answer(page), Answer(page),
                        Answer(page)) as server, pytest.raises(UpstreamError):
        ask(Client(server.base_url, None, local=False, sleep=lambda seconds: None))
    assert [str(each.message) for each in recwarn if "pydantic" in str(each.message).lower()] == []  # they quote it


@pytest.mark.parametrize("wrong", [{"status": None}, {"status": 3}, {"model": None}, {"created_at": "today"}])
@pytest.mark.parametrize("ask", [listed, lambda client: client.job("ftjob-1"), lambda client: client.cancel_job("x")])
def test_a_job_without_its_status_is_the_providers_fault(ask: Callable[[Client], object], wrong: dict[str, object]
                                                         ) -> None:
    job = {"id": "ftjob-1", "object": "fine_tuning.job", "status": "running", "model": "m", "created_at": 1, **wrong}
    with ScriptedServer(Answer({"data": [job], "has_more": False} if ask is listed else job)) as server, \
            pytest.raises(UpstreamError):
        ask(Client(server.base_url, None, local=False))
