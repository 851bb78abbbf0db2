"""How much of an answer is read: bytes, lines, values, pages and what is packed."""

import gzip
import json
from collections.abc import Callable

import pytest

from pen_backend.client import Chunk, Client
from pen_backend.client.exchange import ANSWER_BYTES, LINE_BYTES, Bounds
from pen_backend.errors import UpstreamError
from tests.client.calls import (
    ASK,
    SSE,
    against,
    downloaded,
    listed,
    soon,
    streamed,
    whole,
)
from tests.client.hostile_server import Line, head
from tests.scripted_server import Answer, ScriptedServer, chunk, completion, events, job

pytestmark = pytest.mark.reliability


@pytest.mark.parametrize("ask", [whole, listed, downloaded], ids=lambda ask: ask.__name__)
def test_a_body_that_never_ends_is_read_to_the_limit(ask: Callable[[Client], None]) -> None:
    def talk(line: Line) -> None:
        line.say(head())
        line.forever(b" " * (1 << 18))

    with against(talk) as (client, server), pytest.raises(UpstreamError, match=r"more than 67,108,864 bytes in one"):
        ask(client)
    assert ANSWER_BYTES <= server.lines[0].sent < ANSWER_BYTES + (16 << 20)  # the rest is in the sockets
    assert len(server.lines) == 1  # it is not asked for once more


@pytest.mark.parametrize("more", [0, 1])
def test_an_answer_may_be_as_long_as_the_limit(more: int) -> None:
    script = completion("x")
    padded = script.data + b" " * (1000 + more - len(script.data))
    with ScriptedServer(Answer(padded)) as server:
        client = Client(server.base_url, None, local=False, bounds=Bounds(answer=1000))
        if more:
            with pytest.raises(UpstreamError, match="more than 1,000 bytes in one answer"):
                client.complete(ASK)
        else:
            assert client.complete(ASK).choices[0].text == "x"


@pytest.mark.parametrize("value", [b"{},", b"[],", b"1,", b'{"a":{"a":0}},'])
def test_an_answer_of_many_values_is_not_parsed(value: bytes) -> None:
    def talk(line: Line) -> None:
        line.say(head(type="application/json; charset=utf-8") + b'{"choices": [')
        line.forever(value * 10_000)

    with against(talk) as (client, server), soon(), pytest.raises(UpstreamError, match="more than 250,000 values in"):
        client.complete(ASK)
    assert len(server.lines) == 1


@pytest.mark.parametrize("more", [0, 1])
def test_an_answer_may_have_as_many_values_as_the_limit(more: int) -> None:
    script = completion("," * 400)
    values = sum(script.data.count(each) for each in (b",", b"[", b"{"))
    with ScriptedServer(script) as server:
        client = Client(server.base_url, None, local=False, bounds=Bounds(values=values - more))
        if more:
            with pytest.raises(UpstreamError, match=f"more than {values - 1} values"):
                client.complete(ASK)
        else:
            assert client.complete(ASK).choices[0].text == "," * 400


def test_the_local_engine_tells_as_many_values_as_it_was_asked_for() -> None:
    with ScriptedServer(completion("," * 400)) as server:
        client = Client(server.base_url, None, local=True, bounds=Bounds(values=100))
        assert client.complete(ASK).choices[0].text == "," * 400


def test_a_file_is_no_answer_of_values() -> None:
    rows = b'{"a": 1}\n' * 1000
    with ScriptedServer(Answer(rows, type="application/jsonl")) as server:
        assert Client(server.base_url, None, local=False, bounds=Bounds(values=100)).file_content("file-1") == rows


@pytest.mark.parametrize("begin", [b"data: ", b": ", b"", b'data: {"choices": [], "x": "'])
def test_a_line_of_a_stream_that_never_ends_is_read_to_the_limit(begin: bytes) -> None:
    def talk(line: Line) -> None:
        line.say(head(type=SSE) + begin)
        line.forever(b"a" * 4096)

    with (against(talk) as (client, server),
          pytest.raises(UpstreamError, match=r"more than 1,048,576 bytes in one line")):
        streamed(client)
    assert LINE_BYTES <= server.lines[0].sent < LINE_BYTES + (16 << 20)
    assert len(server.lines) == 1


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_may_be_as_long_as_the_limit(end: str, more: int) -> None:
    said = json.dumps(chunk("", finish_reason="stop"))
    text = "é" * ((2000 + more - len(f"data: {said}{end}")) // 2)
    line = f"data: {json.dumps(chunk(text, finish_reason='stop'), ensure_ascii=False)}"
    line += " " * (2000 + more - len(f"{line}{end}".encode()))
    script = Answer(f"{line}{end}{end}data: [DONE]{end}{end}".encode(), type=SSE)
    with ScriptedServer(script) as server:
        stream = Client(server.base_url, None, local=False, bounds=Bounds(line=2000)).stream(ASK)
        if more:
            with pytest.raises(UpstreamError, match="more than 2,000 bytes in one line"):
                list(stream)
        else:
            assert [one.text for one in stream] == [text]


def test_a_stream_of_short_lines_has_the_limit_of_an_answer_and_its_part_is_kept() -> None:
    piece = f"data: {json.dumps(chunk('a'))}\n\n".encode()

    def talk(line: Line) -> None:
        line.say(head(type=SSE))
        line.forever(piece)

    seen: list[Chunk] = []
    with against(talk, Bounds(answer=1 << 20)) as (client, _), pytest.raises(UpstreamError, match="in one answer"):
        seen.extend(client.stream(ASK))
    assert 0.9 < len(seen) * len(piece) / (1 << 20) <= 1


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """Two hundred megabytes in two hundred kilobytes."""
    return gzip.compress(bytes(200 << 20), compresslevel=6)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("ask", [whole, streamed, downloaded], ids=lambda ask: ask.__name__)
def test_a_bomb_is_unpacked_to_the_limit(ask: Callable[[Client], None], times: int, bomb: bytes) -> None:
    packed = bomb if times == 1 else gzip.compress(bomb)

    def talk(line: Line) -> None:
        encoding = ", ".join(["gzip"] * times)
        line.say(head(f"Content-Encoding: {encoding}", type=SSE if ask is streamed else "application/json") + packed)

    with against(talk) as (client, server), soon(), pytest.raises(UpstreamError, match="sent more than"):
        ask(client)
    assert len(server.lines) == 1


def test_what_is_packed_honestly_is_read() -> None:
    packed = {"Content-Encoding": "gzip"}
    stream = events(chunk("a", finish_reason="stop"))
    with ScriptedServer(Answer(gzip.compress(completion("x").data), headers=packed),
                        Answer(gzip.compress(stream.data), type=SSE, headers=packed)) as server:
        client = Client(server.base_url, None, local=False)
        assert client.complete(ASK).choices[0].text == "x"
        assert [one.text for one in client.stream(ASK)] == ["a"]


def test_pages_without_end_are_an_answer_without_end() -> None:
    page = {"object": "list", "has_more": True, "data": [job(f"ftjob-{number}") for number in range(100)]}
    with ScriptedServer(by_path={"jobs": Answer(page)}) as server:
        client = Client(server.base_url, None, local=False, bounds=Bounds(answer=200_000))
        with pytest.raises(UpstreamError, match="in one answer"):
            client.jobs()
        assert len(server.requests) < 10


def test_a_model_that_is_exported_has_no_limit_of_bytes() -> None:
    with ScriptedServer(Answer(b"t" * 10_000, type="application/x-tar")) as server:
        client = Client(server.base_url, None, local=True, bounds=Bounds(answer=1000))
        assert sum(len(each) for each in client.export("m")) == 10_000
