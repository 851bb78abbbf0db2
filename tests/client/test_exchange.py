"""What a hostile provider may take of pen: time, calls and keys; test_body.py has its memory."""

import itertools
import json
import threading
import time
from collections.abc import Callable

import pytest

from pen_backend.client import Client
from pen_backend.client.budget import FREE
from pen_backend.client.exchange import Bounds
from pen_backend.errors import BusyError, DeadlineError, PenError, UpstreamError
from pen_backend.secrets import Secret
from tests.client.calls import (
    ASK,
    EVERY,
    KEY,
    SSE,
    against,
    created,
    downloaded,
    listed,
    soon,
    streamed,
    uploaded,
    whole,
)
from tests.client.hostile_server import Hostile, Line, Talk, head
from tests.scripted_server import Answer, ScriptedServer, chunk, completion, error, job

PATIENCE = (0.2, 2.0, 10.0)

pytestmark = pytest.mark.reliability


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Make a first call: it imports what all need, which takes longer than some of them may."""
    with ScriptedServer(completion("x")) as server:
        whole(Client(server.base_url, None, local=False))


# How long


def drip_body(line: Line) -> None:
    line.say(head() + b'{"id": "')
    line.forever(b"x", gap=0.02)


def drip_chunks(line: Line) -> None:
    line.say(head("Transfer-Encoding: chunked"))
    line.forever(b"1\r\n \r\n", gap=0.02)


def drip_chunk_size(line: Line) -> None:
    line.say(head("Transfer-Encoding: chunked"))
    line.say(b"1")
    line.forever(b"0", gap=0.02)


def drip_head(line: Line) -> None:
    line.say(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    line.forever(b"x", gap=0.02)


def drip_before(line: Line) -> None:
    line.forever(b"HTTP/1.1 103 Early Hints\r\n\r\n", gap=0.02)


def drip_failure(line: Line) -> None:
    line.say(head(status="500 Internal Server Error"))
    line.forever(b"x", gap=0.02)


def say_nothing(line: Line) -> None:
    line.over.wait(60)


def late(ask: Callable[[Client], None], talk: Talk, *, calls: int = 1, reads: bool = True) -> Hostile:
    """Let a call of so many connections come to its end in time; return the provider, with all that it heard.

    The end is soon, unless the machine is too busy to connect before it.
    """
    for seconds in PATIENCE:
        bounds = Bounds(completion=seconds, job=seconds, upload=seconds)
        with (against(talk, bounds, reads=reads) as (client, server), soon(calls * seconds + 20),
              pytest.raises(DeadlineError, match="did not finish its ans")):
            ask(client)
        if len(server.lines) >= calls:
            break
    assert len(server.lines) == calls
    return server


DRIPS = [drip_body, drip_chunks, drip_chunk_size, drip_head, drip_before, drip_failure, say_nothing]


@pytest.mark.parametrize(("ask", "talk"), [*((whole, talk) for talk in DRIPS), (listed, drip_body),
                                           (downloaded, drip_body)], ids=lambda one: one.__name__)
def test_a_slow_drip_ends_when_the_call_has_to(ask: Callable[[Client], None], talk: Talk) -> None:
    late(ask, talk)


def test_a_provider_that_was_quick_before_does_not_drip_for_longer() -> None:
    quick = completion("x").data

    def talk(line: Line) -> None:
        if line is server.lines[0]:
            line.say(head(f"Content-Length: {len(quick)}").replace(b"Connection: close\r\n", b"") + quick)
            line.read()  # what is asked next over this connection, if anything is
        drip_head(line)

    with against(talk, Bounds(completion=1)) as (client, server):
        whole(client)
        with soon(), pytest.raises(DeadlineError):
            whole(client)


@pytest.mark.parametrize("text", [b": still here\n\n", b"data: "])
def test_a_stream_that_drips_ends_when_a_completion_has_to(text: bytes) -> None:
    said = f"data: {json.dumps(chunk('part'))}\n\n".encode()

    def talk(line: Line) -> None:
        line.say(head(type=SSE) + said)
        line.forever(text, gap=0.02)

    seen: list[str] = []
    with against(talk, Bounds(completion=1)) as (client, server), soon(), pytest.raises(DeadlineError):
        seen.extend(one.text for one in client.stream(ASK))
    assert (seen, len(server.lines)) == (["part"], 1)


@pytest.mark.parametrize("talk", [drip_head, drip_before, drip_failure, say_nothing], ids=lambda talk: talk.__name__)
def test_a_stream_that_does_not_begin_ends_alike(talk: Talk) -> None:
    late(streamed, talk)


def test_a_provider_that_reads_a_byte_at_a_time_does_not_hold_an_upload() -> None:
    def talk(line: Line) -> None:
        while line.socket.recv(1) and not line.over.wait(0.02):
            pass

    late(uploaded, talk, reads=False)


def test_what_is_cut_at_the_deadline_is_no_short_file() -> None:
    def talk(line: Line) -> None:
        line.say(head(type="text/csv") + b"step,loss\n")
        line.forever(b"1,2\n", gap=0.02)

    late(downloaded, talk)


def test_a_job_that_a_slow_provider_may_have_created_is_looked_for_in_time() -> None:
    server = late(created, drip_body, calls=4)
    assert len([line for line in server.lines if line.request.startswith(b"POST")]) == 1


def test_a_call_that_is_in_time_leaves_no_watch_behind() -> None:
    before = threading.active_count()
    with ScriptedServer(*[completion("x")] * 20) as server:
        client = Client(server.base_url, None, local=False)
        for _ in range(20):
            client.complete(ASK)
        until = time.monotonic() + 60  # the watches of completions would stay for five minutes
        while threading.active_count() > before + 3:  # the server's, some of which are just leaving
            assert time.monotonic() < until
            time.sleep(0.005)


# How often


def test_a_storm_of_refusals_is_repeated_for_a_tenth_of_the_calls() -> None:
    callers = 60
    refused: list[PenError] = []

    def ask(client: Client) -> None:
        with pytest.raises(BusyError) as failure:
            client.complete(ASK)
        refused.append(failure.value)

    def talk(line: Line) -> None:
        line.say(head("Retry-After: 1", status="429 Too Many Requests") + error(429).data)

    with against(talk) as (client, server):
        threads = [threading.Thread(target=ask, args=(client,)) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(server.lines) == callers + FREE
    assert len(refused) == callers
    assert "Try again in 1 second" in str(refused[0])


@pytest.mark.parametrize("ask", [whole, streamed, listed], ids=lambda ask: ask.__name__)
def test_a_request_is_made_three_times_at_most(ask: Callable[[Client], None]) -> None:
    with ScriptedServer(*[error(503)] * 5) as server:
        client = Client(server.base_url, None, local=False, sleep=lambda seconds: None)
        with pytest.raises(UpstreamError):
            ask(client)
        assert len(server.requests) == 3


def test_cancel_ends_a_pause_that_the_provider_asked_for() -> None:
    with ScriptedServer(error(429, headers={"retry-after": "100"})) as server:
        stream = Client(server.base_url, None, local=False).stream(ASK)
        reader = threading.Thread(target=lambda: list(stream))
        reader.start()
        until = time.monotonic() + 60
        while not server.requests:
            assert time.monotonic() < until
            time.sleep(0.005)
        stream.cancel()
        reader.join(60)  # of the hundred seconds
        assert not reader.is_alive()
        assert len(server.requests) == 1


# Where to


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("ask", EVERY, ids=lambda ask: ask.__name__)
def test_a_redirect_to_another_origin_never_gets_the_key(ask: Callable[[Client], None], status: int) -> None:
    with ScriptedServer(by_path={"": completion("x")}) as thief:
        away = Answer(b"", status, headers={"Location": thief.base_url + "/completions"})
        with ScriptedServer(by_path={"": away}) as server:
            client = Client(server.base_url, Secret(KEY), local=False, sleep=lambda seconds: None)
            with pytest.raises(UpstreamError, match=f"answered {status}: it sends requests on to another address"):
                ask(client)
            asked = len(server.requests)
        assert thief.requests == []
    assert asked == (4 if ask is created else 1)


def test_pages_are_asked_of_the_same_origin_whatever_a_page_says() -> None:
    with ScriptedServer() as thief:
        page = {"object": "list", "data": [job("ftjob-1")], "has_more": True, "next": thief.base_url,
                "next_page": thief.base_url, "last_id": f"{thief.base_url}/x", "first_id": thief.base_url}
        with ScriptedServer(*itertools.repeat(Answer(page), 2)) as server:
            with pytest.raises(PenError):
                Client(server.base_url, Secret(KEY), local=False).jobs()
            assert len(server.requests) == 3
        assert thief.requests == []
