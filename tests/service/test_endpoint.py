from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pen_backend.client import Client
from pen_backend.errors import AuthError, ConfigError, ConnectionLostError, NotFoundError, UpstreamError
from pen_backend.service.context import Context
from pen_backend.service.endpoint import PROBES, abilities
from pen_backend.service.engine import Engine
from tests.conftest import LiveEngine, environment
from tests.scripted_server import Answer, ScriptedServer, chat, completion, error, events, listing

MODEL = {"id": "m", "object": "model", "created": 1, "owned_by": "user"}


def tried(script: dict[str, Answer], *names: str) -> dict[str, tuple[bool, str]]:
    with ScriptedServer(by_path=script) as server:
        found = abilities(Client(server.base_url, None, local=False, sleep=lambda _: None))
    return {one.name: (one.able, one.note) for one in found if one.name in names}


@pytest.mark.parametrize(("name", "script", "note"), [
    ("models", {}, "1 listed"),
    ("completions", {}, ""),
    ("n", {}, "1 instead of 2 answers came"),
    ("seed", {}, ""),
    ("stop", {"/completions": completion("no end")}, "a stop text is in the answer"),
    ("stream", {"/completions": events(done=True)}, "The answer ended before it was complete."),
    ("logprobs", {}, "the answer has no logprobs"),
    ("echo", {}, "the prompt is not in the answer"),
    ("best_of", {"/completions": error(400)}, "answered 400"),
    ("chat", {"/chat/": chat("Hi")}, ""),
    ("chat", {"/chat/": error(404)}, "answered 404"),
    ("fine-tuning", {"/fine_tuning": error(404)}, "answered 404"),
    ("fine-tuning", {"/fine_tuning": listing()}, ""),
])
def test_an_ability_is_tried(name: str, script: dict[str, Answer], note: str) -> None:
    whole = {**script, "/completions": script.get("/completions", completion("x")), "/models": listing(MODEL)}
    able, said = tried(whole, name)[name]
    assert note in said
    assert able == (note in ("", "1 listed"))


@pytest.mark.parametrize(("answer", "expected"), [
    (error(401), AuthError), (Answer(b"<html>", type="text/html"), UpstreamError), (listing(), NotFoundError),
])
def test_an_endpoint_that_cannot_be_asked_is_an_error(answer: Answer, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        tried({"/models": answer})


def test_a_key_goes_over_https_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="https"):
        Engine(Context(environ=environment(tmp_path))).check("http://example.org/v1")


def test_a_log_that_is_not_there_and_a_token_of_no_engine_are_said(tmp_path: Path) -> None:
    engine = Engine(Context(environ=environment(tmp_path)))
    calls: list[tuple[Callable[[], Any], type[Exception]]] = [
        (engine.logs, NotFoundError), (engine.token, ConnectionLostError)]
    for call, expected in calls:
        with pytest.raises(expected):
            call()


def test_the_end_of_the_log_is_told(tmp_path: Path) -> None:
    context = Context(environ=environment(tmp_path))
    context.engine().log.parent.mkdir(parents=True)
    context.engine().log.write_text("one\ntwo\nthree\n")
    assert Engine(context).logs(2) == "two\nthree\n"


@pytest.mark.slow
def test_pens_own_engine_can_do_it_all(engine: LiveEngine) -> None:
    found = Engine(engine.context()).check(engine.running.base_url, "two-layer")
    assert [one.name for one in found if not one.able] == []
    assert {one.name for one in found} == {"models", *PROBES}
