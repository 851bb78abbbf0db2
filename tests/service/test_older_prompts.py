"""Prompts of pen.el through the services: what is refused, what runs without filters, and which model answers."""

import json
from pathlib import Path

import pytest

from pen_backend.errors import RefusedError
from pen_backend.service.completions import Completions
from pen_backend.service.prompts import Prompts
from tests.scripted_server import USAGE, Answer, ScriptedServer, chunk, events, listing
from tests.service.context import Kept, scripted
from tests.transports.test_cli import run

MODEL = Answer({"id": "m", "object": "model", "created": 1, "owned_by": "pen", "pen": {}})
ANSWERS = {"/completions": events(chunk("- two\n"), chunk("- two", finish_reason="stop"), USAGE),
           "/jobs": listing(), "/models/": MODEL, "/models": listing()}
KNOWN = "title: List things\nprompt: |\n  Things:\n  <:pp><1>-\nvars: [begun]\nengine: davinci\n"
REFUSED = f"{KNOWN}postprocessor: rev | tac\n"


@pytest.fixture
def server() -> ScriptedServer:
    return ScriptedServer(by_path=ANSWERS)


def keep(home: Path, text: str) -> str:
    """Write a prompt where the user's are kept; return its name."""
    directory = home / "config" / "pen" / "prompts"
    directory.mkdir(parents=True)
    (directory / "list.prompt").write_text(text)
    return "list-things"


def test_what_follows_the_mark_begins_the_answer_while_it_streams(server: ScriptedServer, tmp_path: Path) -> None:
    name, kept = keep(tmp_path, KNOWN), Kept()
    with server:
        result = Completions(scripted(server, tmp_path)).start(name, {"begun": "- one\n"}, events=kept)
    assert server.requests[-1].json["prompt"] == "Things:\n- one\n-"
    assert result.candidates[0].text == "- one\n-- two\n- two"
    assert "".join(str(delta["text"]) for delta in kept.of("delta")) == result.candidates[0].text


def test_filters_of_joined_answers_wait_for_the_whole(server: ScriptedServer, tmp_path: Path) -> None:
    text = KNOWN.replace("  <:pp><1>-\n", "  <1>\n") + "collation-postprocessor: uniqnosort\n"
    name, kept = keep(tmp_path, text), Kept()
    with server:
        result = Completions(scripted(server, tmp_path)).start(name, {"begun": "a"}, events=kept)
    assert result.candidates[0].text == "- two"
    assert kept.of("delta") == [{"index": 0, "text": "- two"}]


def test_a_refused_filter_is_refused_before_anything_is_started(server: ScriptedServer, tmp_path: Path) -> None:
    name, kept = keep(tmp_path, REFUSED), Kept()
    with server, pytest.raises(RefusedError, match=r"`rev \| tac` is shell, which pen does not run"):
        Completions(scripted(server, tmp_path)).start(name, {"begun": "a"}, events=kept)
    assert (server.requests, kept.sent) == ([], [])


def test_without_filters_it_runs_on_raw_text(server: ScriptedServer, tmp_path: Path) -> None:
    name = keep(tmp_path, REFUSED)
    with server:
        result = Completions(scripted(server, tmp_path)).start(name, {"begun": "a"}, without_filters=True,
                                                               events=Kept())
    assert result.candidates[0].text == "a-- two\n- two"


def test_a_retired_model_gives_way_to_the_default_or_to_the_users_alias(server: ScriptedServer, tmp_path: Path) -> None:
    name = keep(tmp_path, KNOWN)
    with server:
        assert Completions(scripted(server, tmp_path)).start(name, {"begun": "a"}, events=Kept()).model == "pen-tiny"
        (tmp_path / "config" / "pen" / "config.yaml").write_text("aliases: {davinci: my-own}\n")
        assert Completions(scripted(server, tmp_path)).start(name, {"begun": "a"}, events=Kept()).model == "my-own"


def test_the_list_marks_what_only_runs_without_filters(server: ScriptedServer, tmp_path: Path) -> None:
    name = keep(tmp_path, REFUSED + "doc: Lists\n")
    context = scripted(server, tmp_path)
    assert {one.slug: one.refused for one in Prompts(context).list()}[name] is True
    line = next(line for line in run(context, "prompts", "list")[1].splitlines() if line.startswith(name))
    assert line.split()[1:] == ["begun", "Lists", "(only", "--without-filters)"]


def test_the_command_line_refuses_with_the_line_and_the_way_around(server: ScriptedServer, tmp_path: Path) -> None:
    name = keep(tmp_path, REFUSED)
    context = scripted(server, tmp_path)
    code, out, err = run(context, "complete", name, "a")
    assert (code, out) == (5, "")
    assert "list.prompt:7:16: postprocessor: the filter `rev | tac` is shell" in err
    assert "without-filters" in err
    with server:
        code, out, _ = run(context, "complete", name, "a", "--without-filters", "--json")
    assert code == 0
    assert json.loads(out)["candidates"][0]["text"] == "a-- two\n- two"


def test_that_a_model_is_retired_is_said_once_for_all_files(server: ScriptedServer, tmp_path: Path) -> None:
    keep(tmp_path, KNOWN)
    directory = tmp_path / "config" / "pen" / "prompts"
    (directory / "other.prompt").write_text("title: Other\nprompt: x\nengine: davinci\n")
    findings = Prompts(scripted(server, tmp_path)).lint([str(directory)])
    assert [(one.id, one.where) for one in findings] == [("model", f"{directory}/list.prompt:6:9")]
