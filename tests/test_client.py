import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import openai
import pytest

from pen_backend.client import Chunk, Client, translate
from pen_backend.errors import (
    AuthError,
    BadParamsError,
    BusyError,
    ConfigError,
    DataError,
    DeadlineError,
    InternalError,
    NotFoundError,
    PenError,
    RefusedError,
    TooLargeError,
    UpstreamError,
)
from pen_backend.secrets import Secret
from tests.scripted_server import USAGE, Answer, ScriptedServer, chunk, completion, error, events, job, listing

ASK = {"model": "m", "prompt": "p", "max_tokens": 5}


@contextmanager
def provider(*answers: Answer, local: bool = False, by_path: dict[str, Answer] | None = None,
             ) -> Iterator[tuple[Client, ScriptedServer, list[float]]]:
    """A client of a scripted server, with the pauses it asked for."""
    pauses: list[float] = []
    with ScriptedServer(*answers, by_path=by_path) as server:
        client = Client(server.base_url, Secret("sk-canary-0123456789"), local=local, sleep=pauses.append,
                        jitter=random.Random(1))
        yield client, server, pauses


def test_a_completion_has_its_choices_and_usage() -> None:
    with provider(completion("one", "two")) as (client, server, _):
        answer = client.complete(ASK)
    assert [choice.text for choice in answer.choices] == ["one", "two"]
    assert answer.usage.completion_tokens == 2
    assert server.requests[0].headers["authorization"] == "Bearer sk-canary-0123456789"


def test_a_stream_yields_chunks_then_usage() -> None:
    script = events(chunk("a"), chunk("b"), chunk("", finish_reason="stop"), USAGE)
    with provider(script) as (client, server, _):
        stream = client.stream(ASK)
        texts = [one.text for one in stream]
    assert texts == ["a", "b", ""]
    assert stream.usage is not None
    assert server.requests[0].json["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(("answers", "calls"), [
    ([error(429, headers={"retry-after": "1"}), completion("x")], 2),
    ([error(500), error(500), completion("x")], 3),
    ([Answer(cut=-1), completion("x")], 2),
    ([Answer({"choices": []}, cut=5), completion("x")], 2),
    ([Answer(b"{broken"), completion("x")], 2),
], ids=["busy", "two-failures", "reset", "truncated", "broken-json"])
def test_faults_that_pass_are_repeated(answers: list[Answer], calls: int) -> None:
    with provider(*answers) as (client, server, _):
        assert client.complete(ASK).choices[0].text == "x"
        assert len(server.requests) == calls


STAY = [
    pytest.param([error(500)] * 4, UpstreamError, 3, id="down"),
    pytest.param([error(400, "invalid_value")], BadParamsError, 1, id="wrong"),
    pytest.param([error(429, "insufficient_quota")] * 3, UpstreamError, 1, id="quota"),
    pytest.param([error(500, headers={"x-should-retry": "false"})] * 3, UpstreamError, 1, id="should-not-retry"),
    pytest.param([Answer(b"<html>log in</html>", type="text/html")], UpstreamError, 1, id="login-page"),
    pytest.param([Answer(status=302, headers={"Location": "http://127.0.0.1:9/"})], UpstreamError, 1, id="redirect"),
]


@pytest.mark.parametrize(("answers", "kind", "calls"), [
    *STAY, pytest.param([Answer(b"{broken")] * 3, UpstreamError, 2, id="broken-json"),
    pytest.param([completion("short", finish_reason=None)], UpstreamError, 1, id="no-finish-reason")])
def test_faults_that_stay_are_errors_after_few_calls(answers: list[Answer], kind: type[PenError], calls: int) -> None:
    with provider(*answers) as (client, server, _):
        with pytest.raises(kind) as failure:
            client.complete(ASK)
        assert len(server.requests) == calls
    assert "canary" not in str(failure.value)


@pytest.mark.parametrize(("answers", "kind", "calls"), STAY)
def test_a_stream_that_does_not_begin_is_the_same(answers: list[Answer], kind: type[PenError], calls: int) -> None:
    with provider(*answers) as (client, server, _):
        with pytest.raises(kind):
            list(client.stream(ASK))
        assert len(server.requests) == calls


def test_a_long_wait_ends_at_the_deadline() -> None:
    with provider(*[error(429, headers={"retry-after": "3000"})] * 3) as (client, server, pauses):
        with pytest.raises(BusyError, match="Try again in 3,000 seconds"):
            client.complete(ASK)
        assert (len(server.requests), pauses) == (1, [])


@pytest.mark.parametrize("script", [
    events(chunk("part"), done=False), events(chunk("part"), done=True),
    events(chunk("part"), "{broken"), events(chunk("part"), {"error": {"message": "no", "code": "internal_error"}}),
], ids=["cut", "no-finish-reason", "broken-json", "error-inside"])
def test_a_stream_that_ends_early_is_an_error_after_its_part(script: Answer) -> None:
    with provider(script) as (client, server, _):
        seen: list[str] = []
        with pytest.raises(UpstreamError):
            seen.extend(one.text for one in client.stream(ASK))
        assert (seen, len(server.requests)) == (["part"], 1)


def test_cancel_wakes_a_reader_that_waits() -> None:
    hold = threading.Event()
    script = Answer(events(chunk("a"), done=False).body, type="text/event-stream", hold=hold)
    with provider(script) as (client, _, _):
        stream = client.stream(ASK)
        began = threading.Event()

        def read() -> None:
            for _ in stream:
                began.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert began.wait(20)
        stream.cancel()
        reader.join(20)  # the server holds the stream for longer
        woken = not reader.is_alive()
        hold.set()
    assert woken


def test_cancel_ends_a_request_that_has_no_answer_yet() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        stream = Client(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", None, local=True).stream(ASK)
        got: list[Chunk] = []
        reader = threading.Thread(target=lambda: got.extend(stream))
        reader.start()
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(60)
            assert connection.recv(1 << 16).startswith(b"POST /v1/completions")
            stream.cancel()
            reader.join(60)
            assert not reader.is_alive()
            while connection.recv(1 << 16):  # ends when the other side has hung up
                pass
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):  # and the request is not repeated
            listener.accept()
    assert got == []


def test_a_stream_that_is_cancelled_before_it_is_read_asks_nothing() -> None:
    with provider(events(chunk("a"))) as (client, server, _):
        stream = client.stream(ASK)
        stream.cancel()
        assert list(stream) == []
        assert server.requests == []


def test_an_uncertain_job_creation_is_matched_and_never_posted_twice() -> None:
    found = listing(job("ftjob-9", metadata={"pen.launch": "k1"}))
    with provider(error(500), found) as (client, server, _):
        assert client.create_job({"model": "m", "training_file": "f"}, "k1")["id"] == "ftjob-9"
        posts = [request for request in server.requests if request.method == "POST"]
    assert len(posts) == 1
    assert posts[0].headers["idempotency-key"] == "k1"
    assert posts[0].json["metadata"]["pen.launch"] == "k1"


@pytest.mark.parametrize("fault", [error(500), Answer(cut=-1), Answer(b"<html>", type="text/html"), Answer(b"{broken")])
def test_a_job_that_was_not_created_is_looked_for_for_thirty_seconds(fault: Answer) -> None:
    with provider(fault, listing(), listing(), listing()) as (client, server, pauses):
        with pytest.raises(UpstreamError):
            client.create_job({"model": "m", "training_file": "f"}, "k1")
        assert [request.method for request in server.requests] == ["POST", "GET", "GET", "GET"]
    assert sum(pauses) == pytest.approx(30)


def test_events_are_paged_back_to_a_known_one() -> None:
    def event(name: str) -> dict[str, Any]:
        return {"id": name, "object": "fine_tuning.job.event", "created_at": 1, "level": "info", "message": "",
                "type": "message", "data": None}

    first = Answer({"object": "list", "data": [event("e4"), event("e3")], "has_more": True})
    with provider(first, listing(event("e2"), event("e1"))) as (client, server, _):
        assert [one["id"] for one in client.events("ftjob-1", until={"e1"})] == ["e4", "e3", "e2"]
    assert "after=e3" in server.requests[1].path


def test_a_key_never_goes_over_plain_http_to_another_host() -> None:
    with pytest.raises(ConfigError):
        Client("http://example.com/v1", Secret("sk-x"), local=False)


@pytest.mark.parametrize(("status", "code", "kind"), [
    (400, "invalid_value", BadParamsError), (400, "invalid_file", DataError),
    (400, "context_length_exceeded", TooLargeError), (401, "invalid_api_key", AuthError),
    (403, "forbidden_origin", AuthError), (403, "cannot_delete_base_model", RefusedError),
    (404, "job_not_found", NotFoundError), (405, None, UpstreamError),
    (409, "invalid_job_state", BadParamsError), (413, "too_large", TooLargeError), (422, None, BadParamsError),
    (429, "queue_full", BusyError), (429, "insufficient_quota", UpstreamError), (503, "unavailable", UpstreamError),
    (507, "no_space", UpstreamError),
])
def test_every_status_has_its_kind(status: int, code: str | None, kind: type[PenError]) -> None:
    with provider(*[error(status, code)] * 3) as (client, _, _), pytest.raises(kind):
        client.job("ftjob-1")


def test_the_engines_words_are_passed_on_and_a_hosted_providers_are_not() -> None:
    for local, passed in ((True, True), (False, False)):
        with provider(error(400, "invalid_file", message="train.jsonl:17: no"), local=local) as (client, _, _):
            with pytest.raises(DataError) as failure:
                client.job("ftjob-1")
            assert ("train.jsonl:17" in str(failure.value)) is passed


REQUEST = httpx2.Request("GET", "http://127.0.0.1/v1/models")
MAKERS: dict[type, Callable[[type], Exception]] = {
    openai.APIResponseValidationError: lambda cls: cls(httpx2.Response(200, request=REQUEST), None),
    openai.APIStatusError: lambda cls: cls("m", response=httpx2.Response(500, request=REQUEST), body=None),
    openai.APITimeoutError: lambda cls: cls(REQUEST),
    openai.APIConnectionError: lambda cls: cls(request=REQUEST),
    openai.APIError: lambda cls: cls("m", REQUEST, body=None),
}


def _make(cls: type[openai.OpenAIError]) -> Exception:
    """Make one of openai's errors, without its message where its constructor wants a whole answer."""
    if getattr(cls, "__name__", "") == "OAuthError":
        return cls(response=httpx2.Response(401, request=REQUEST), body=None)  # type: ignore[call-arg] # its own shape
    for base in cls.__mro__:
        if base in MAKERS:
            return MAKERS[base](cls)
    return cls.__new__(cls)


def _subclasses(cls: type[openai.OpenAIError]) -> Iterator[type[openai.OpenAIError]]:
    for each in cls.__subclasses__():
        yield each
        yield from _subclasses(each)


def test_every_error_of_openai_becomes_one_of_ours() -> None:
    public: set[type[openai.OpenAIError]] = {openai.OpenAIError, *_subclasses(openai.OpenAIError)}
    kinds = {each.__name__: translate(_make(each), host="h", local=False) for each in public
             if not each.__name__.startswith("_")}
    assert len(kinds) > 15
    assert [name for name, error in kinds.items() if isinstance(error, InternalError)] == []
    assert isinstance(kinds["APITimeoutError"], DeadlineError)
    assert isinstance(kinds["AuthenticationError"], UpstreamError | AuthError)


def test_a_foreign_error_is_a_bug_of_ours() -> None:
    assert isinstance(translate(KeyError("x"), host="h", local=False), InternalError)
    broken = json.JSONDecodeError("m", "secret text", 0)
    assert "secret" not in str(translate(broken, host="h", local=False))
