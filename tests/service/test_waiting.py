import threading
import time
from pathlib import Path

import pytest

from pen_backend.client import Client
from pen_backend.service.completions import Completions
from pen_backend.service.waiting import Waiting, for_model
from tests.conftest import LiveEngine
from tests.scripted_server import USAGE, Answer, ScriptedServer, chunk, events, listing
from tests.service.context import Kept, scripted


class Held(Kept):
    """Events of which a test waits for the first that has some text in it."""

    def __init__(self, text: str, then: threading.Event) -> None:
        super().__init__()
        self._text = text
        self._then = then

    def send(self, kind: str, **data: object) -> None:
        super().send(kind, **data)
        if self._text in str(data):
            self._then.set()


def answers(after: threading.Event) -> dict[str, Answer]:
    streamed = events(chunk("Ha"), chunk("", finish_reason="stop"), USAGE)
    model = Answer({"id": "m", "object": "model", "created": 1, "owned_by": "user", "pen": {}})
    return {"/completions": Answer(streamed.body, type=streamed.type, after=after), "/jobs": listing(),
            "/models/": model, "/models": listing()}


@pytest.mark.parametrize(("local", "told"), [(True, "loading pen-tiny…"), (False, "waiting for 127.0.0.1:")])
def test_who_waits_is_told_what_for(tmp_path: Path, *, local: bool, told: str) -> None:
    said = threading.Event()
    kept = Held(told, said)  # the provider answers once this was said
    with ScriptedServer(by_path=answers(said)) as server:
        completions = Completions(scripted(server, tmp_path, local=local), patience=0.01)
        completions.start("pun-complete", {"jokes": "Why?"}, model="pen-tiny", n=1, events=kept)
    assert [kind for kind, _ in kept.sent] == ["log", "log", "delta"]
    assert told in str(kept.sent[1][1]["text"])


def test_who_does_not_wait_is_told_nothing() -> None:
    kept = Kept()
    asked: list[str] = []

    def what() -> str:
        asked.append("what")
        return "something"

    with Waiting(kept, what, patience=600) as waiting:
        begin = time.monotonic()
        waiting.over()
        waiting.join(60)
    assert time.monotonic() - begin < 60  # the timer has ended, and not by its time
    assert (asked, kept.sent) == ([], [])


def test_what_is_asked_for_is_not_said_when_the_wait_ended_meanwhile() -> None:
    kept, asked, ended = Kept(), threading.Event(), threading.Event()

    def what() -> str:
        asked.set()
        ended.wait(60)
        return "too late"

    with Waiting(kept, what, patience=0) as waiting:
        assert asked.wait(60)
        waiting.over()
        ended.set()
        waiting.join(60)
    assert kept.sent == []


@pytest.mark.slow
def test_the_engine_says_whether_the_model_is_in_memory(engine: LiveEngine) -> None:
    context, client = engine.context(), engine.client()
    client.complete({"model": "two-layer", "prompt": "a", "max_tokens": 1})
    deadline = time.monotonic() + 60
    while for_model(context, client, "two-layer") != "waiting for two-layer…":  # a busy worker misses its half second
        assert time.monotonic() < deadline
    assert for_model(context, client, "no-such-model") == "loading no-such-model…"


def test_without_an_engine_the_model_is_loaded_later(tmp_path: Path) -> None:
    with ScriptedServer(by_path={}) as server:
        assert for_model(scripted(server, tmp_path), Client(server.base_url, None, local=True), "m") == "loading m…"
