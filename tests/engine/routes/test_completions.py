"""Completions over HTTP: whole and streamed, stopped when nobody listens, alive after the worker's death."""

import http.client
import json
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.contract import check_chunk
from tests.engine.harness import PROGRAMS, SCRIPTED, SECONDS, EngineProcess, engine

PATH = "/v1/completions"


def complete(served: EngineProcess, **changes: Any) -> dict[str, Any]:
    found = served.request("POST", PATH, {"model": "tiny", "prompt": "a", "max_tokens": 3, **changes})
    assert found.status == 200, found.body
    return found.json


def events(body: bytes) -> list[Any]:
    texts = [each.removeprefix("data: ") for each in body.decode().split("\n\n") if each.startswith("data: ")]
    return [text if text == "[DONE]" else json.loads(text) for text in texts]


class Stream:
    """A streamed completion, read line by line over a socket that can be closed at any time."""

    def __init__(self, served: EngineProcess, **changes: Any) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=SECONDS)
        body = {"model": "tiny", "prompt": "a", "stream": True, "max_tokens": 10_000, **changes}
        self._connection.request("POST", PATH, json.dumps(body), {"Authorization": f"Bearer {served.token}",
                                                                  "Content-Type": "application/json"})
        self._response = self._connection.getresponse()
        assert self._response.status == 200

    def __next__(self) -> dict[str, Any]:
        line = b""
        while not line.startswith(b"data: "):
            line = self._response.readline()
            assert line, "the stream ended"
        found: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
        return found

    def close(self) -> None:
        if self._connection.sock is not None:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._response.close()
        self._connection.close()


def generated(served: EngineProcess) -> int:
    """Ask how many tokens the worker has made; on a busy machine it may miss the half second that it has to say so."""
    deadline = time.monotonic() + SECONDS
    while (stats := served.get("/pen/status")["stats"]) is None:
        assert time.monotonic() < deadline
    return int(stats["generated_tokens"])


@pytest.mark.slow
def test_choices_are_prompt_major_and_usage_is_counted(served: EngineProcess) -> None:
    found = complete(served, prompt=["a", "b"], n=2)
    assert [each["index"] for each in found["choices"]] == [0, 1, 2, 3]
    assert {each["text"] for each in found["choices"]} == {"w0 w1 w2 "}
    assert found["usage"] == {"prompt_tokens": 2, "completion_tokens": 12, "total_tokens": 14}


@pytest.mark.slow
def test_logprobs_are_joined_and_null_unless_asked_for(served: EngineProcess) -> None:
    assert complete(served)["choices"][0]["logprobs"] is None
    assert complete(served, logprobs=0)["choices"][0]["logprobs"] == {
        "tokens": ["w0 ", "w1 ", "w2 "], "token_logprobs": [-0.5] * 3,
        "top_logprobs": [{"w0 ": -0.5}, {"w1 ": -0.5}, {"w2 ": -0.5}], "text_offset": [0, 3, 6]}


@pytest.mark.slow
def test_a_stream_has_one_id_an_end_for_each_choice_and_done(served: EngineProcess) -> None:
    found = served.request("POST", PATH, {"model": "tiny", "prompt": "a", "max_tokens": 2, "n": 2, "stream": True,
                                          "stream_options": {"include_usage": True}})
    assert found.headers["content-type"].startswith("text/event-stream")
    *chunks, done = events(found.body)
    assert done == "[DONE]"
    for chunk in chunks:
        check_chunk(chunk)
    assert len({chunk["id"] for chunk in chunks}) == 1
    *parts, last = chunks
    assert all(chunk["usage"] is None for chunk in parts)
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 6)
    ends = [choice["index"] for chunk in parts for choice in chunk["choices"] if choice["finish_reason"]]
    assert ends == [0, 1]
    texts = ["".join(choice["text"] for chunk in parts for choice in chunk["choices"] if choice["index"] == index)
             for index in (0, 1)]
    assert texts == ["w0 w1 "] * 2


@pytest.mark.slow
def test_without_being_asked_a_stream_has_no_usage(served: EngineProcess) -> None:
    found = served.request("POST", PATH, {"model": "tiny", "prompt": "a", "max_tokens": 1, "stream": True})
    assert all("usage" not in chunk for chunk in events(found.body)[:-1])


@pytest.mark.slow
def test_an_engine_s_address_answers_for_the_model_it_or_the_body_names(served: EngineProcess) -> None:
    for name, body in (("tiny", {}), ("whatever", {"model": "tiny"})):
        found = served.request("POST", f"/v1/engines/{name}/completions", {"prompt": "a", "max_tokens": 1, **body})
        assert (found.status, found.json["model"]) == (200, "tiny")
    assert served.request("POST", "/v1/engines/whatever/completions", {"prompt": "a"}).code == "model_not_found"


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, True])
def test_a_tuned_model_whose_files_have_changed_is_not_used(served: EngineProcess, stream: bool) -> None:
    name = served.wait(served.create_job({"steps": 1})["id"])["fine_tuned_model"]
    assert served.request("POST", PATH, {"model": name, "prompt": "a", "max_tokens": 1}).status == 200
    (job,) = [each for each in served.get("/v1/fine_tuning/jobs")["data"] if each["fine_tuned_model"] == name]
    weights = served.state / "models" / job["id"] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    found = served.request("POST", PATH, {"model": name, "prompt": "a", "stream": stream})
    assert (found.status, found.code, found.json["error"]["param"]) == (400, "invalid_value", "model")
    assert "have changed since it was made" in found.message


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, True])
def test_the_workers_refusal_has_its_status_also_for_a_stream(served: EngineProcess, stream: bool) -> None:
    found = served.request("POST", PATH, {"model": "tiny", "prompt": "refuse", "stream": stream})
    assert (found.status, found.code, found.json["error"]["param"]) == (400, "context_length_exceeded", "prompt")


@pytest.mark.slow
@pytest.mark.parametrize(("changes", "status"), [
    ({"model": "other"}, 404), ({"prompt": [100]}, 400), ({"n": 129}, 400), ({"suffix": "x"}, 400), ({"echo": 1}, 400)])
def test_refusals(served: EngineProcess, changes: dict[str, Any], status: int) -> None:
    assert served.request("POST", PATH, {"model": "tiny", "prompt": "a", **changes}).status == status


@pytest.fixture(scope="module")
def slow_worker(tmp_path_factory: pytest.TempPathFactory, bases: Path) -> Iterator[EngineProcess]:
    argv = [sys.executable, "-P", str(PROGRAMS / "worker.py"), "0.02"]
    with engine(tmp_path_factory.mktemp("slow"), bases, **{**SCRIPTED, "worker_argv": argv}) as running:
        yield running


@pytest.mark.slow
def test_a_stream_that_waits_says_so_from_time_to_time(tmp_path: Path, bases: Path) -> None:
    argv = [sys.executable, "-P", str(PROGRAMS / "worker.py"), "0.4"]
    with engine(tmp_path / "state", bases, **{**SCRIPTED, "worker_argv": argv, "ping_seconds": 0.02}) as served:
        found = served.request("POST", PATH, {"model": "tiny", "prompt": "a", "max_tokens": 1, "stream": True})
    assert found.body.startswith(b": ping\n\n")
    assert [event if event == "[DONE]" else event["choices"][0]["text"] for event in events(found.body)] == [
        "w0 ", "", "[DONE]"]


@pytest.mark.slow
def test_the_first_delta_arrives_before_a_quarter_is_made(slow_worker: EngineProcess) -> None:
    complete(slow_worker, max_tokens=1)
    before = generated(slow_worker)
    stream = Stream(slow_worker, max_tokens=1000)  # twenty seconds' work
    assert next(stream)["choices"][0]["text"] == "w0 "
    assert generated(slow_worker) - before < 250
    stream.close()


@pytest.mark.slow
@pytest.mark.parametrize("streamed", [True, False])
def test_when_the_client_is_gone_the_counter_stops(slow_worker: EngineProcess, streamed: bool) -> None:
    complete(slow_worker, max_tokens=1)
    if streamed:
        stream = Stream(slow_worker)
        for _ in range(5):
            next(stream)
        stream.close()
    else:
        body = json.dumps({"model": "tiny", "prompt": "a", "max_tokens": 10_000}).encode()
        with socket.create_connection(("127.0.0.1", slow_worker.port)) as connection:
            connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{slow_worker.port}\r\nAuthorization: Bearer "
                               f"{slow_worker.token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
                               "\r\n\r\n".encode() + body)
            wait_until(lambda: slow_worker.get("/pen/status")["completions"] == 1)
    wait_until(lambda: slow_worker.get("/pen/status")["completions"] == 0)
    settled = generated(slow_worker)
    time.sleep(0.2)  # ten steps of this worker: time in which it would go on
    assert generated(slow_worker) == settled


@pytest.mark.slow
def test_a_short_answer_does_not_wait_for_a_long_one(slow_worker: EngineProcess) -> None:
    before = generated(slow_worker)
    stream = Stream(slow_worker, max_tokens=1000)  # twenty seconds' work
    next(stream)
    complete(slow_worker, max_tokens=2)
    assert generated(slow_worker) - before < 500
    stream.close()


@pytest.mark.slow
def test_a_dead_worker_fails_the_open_requests_and_comes_back(tmp_path: Path, bases: Path) -> None:
    argv = [sys.executable, "-P", str(PROGRAMS / "worker.py"), "0.02"]
    with engine(tmp_path / "state", bases, **{**SCRIPTED, "worker_argv": argv}) as served:
        stream = Stream(served)
        next(stream)
        found = served.request("POST", PATH, {"model": "tiny", "prompt": "die"})
        assert (found.status, found.code) == (503, "unavailable")
        chunk = next(stream)
        while "error" not in chunk:
            chunk = next(stream)
        assert chunk["error"]["code"] == "unavailable"
        assert complete(served)["choices"][0]["text"] == "w0 w1 w2 "


def wait_until(truth: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.01)
