from pathlib import Path
from typing import Any

import pytest

from pen_backend.errors import DataError, NotFoundError
from pen_backend.jobs.ledger import Entry
from pen_backend.prompts import template
from pen_backend.service.completions import Completions
from tests.jobs.plans import make_plan
from tests.scripted_server import USAGE, Answer, ScriptedServer, chunk, error, events, job, listing
from tests.service.context import Kept, scripted

VALUES = {"jokes": "Why?\nBecause."}
STREAM = events(chunk("Ha"), chunk("", finish_reason="stop"), USAGE)


def model(name: str, **pen: Any) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1, "owned_by": "user", "pen": pen}


def answers(*jobs: dict[str, Any], models: tuple[str, ...] = (), **pen: Any) -> dict[str, Answer]:
    """A provider with these jobs and models."""
    return {"/completions": STREAM, "/jobs": listing(*jobs), "/models/": Answer(model("m", **pen)),
            "/models": listing(*[model(name) for name in models])}


def tuned(name: str, finished: int, status: str = "succeeded", prompt: str = "pun-complete") -> dict[str, Any]:
    return job(f"ftjob-{finished}", status, fine_tuned_model=name, finished_at=finished,
               metadata={"pen.prompt": prompt})


def asked(server: ScriptedServer) -> dict[str, Any]:
    body: dict[str, Any] = next(one for one in server.requests if one.path.endswith("/completions")).json
    return body


def test_deltas_come_first_and_the_whole_result_after_them(tmp_path: Path) -> None:
    kept = Kept()
    with ScriptedServer(by_path=answers()) as server:
        result = Completions(scripted(server, tmp_path)).start("pun-complete", VALUES, n=1, seed=3, events=kept)
    assert kept.sent[0] == ("log", {"what": "text", "level": "info", "text": "starting engine…"})
    assert kept.of("delta") == [{"index": 0, "text": "Ha"}]
    assert [(one.text, one.finish_reason) for one in result.candidates] == [("Ha", "stop")]
    assert (asked(server)["model"], asked(server)["prompt"], asked(server)["seed"]) == (
        "pen-tiny", "Why?\nBecause.\n", 3)


def test_the_newest_model_tuned_from_the_definition_answers(tmp_path: Path) -> None:
    jobs = [tuned("ft:old", 1), tuned("ft:gone", 9), tuned("ft:new", 5), tuned("ft:bad", 7, "failed"),
            tuned("ft:other", 8, prompt="joke-token")]
    with ScriptedServer(by_path=answers(*jobs, models=("ft:old", "ft:new", "ft:bad", "ft:other"))) as server:
        Completions(scripted(server, tmp_path)).start("pun-complete", VALUES, n=1, events=Kept())
    assert asked(server)["model"] == "ft:new"


def test_a_model_that_is_named_wins_and_old_names_are_understood(tmp_path: Path) -> None:
    with ScriptedServer(by_path=answers(tuned("ft:new", 5), models=("ft:new",))) as server:
        Completions(scripted(server, tmp_path)).start("pun-complete", VALUES, model="Davinci", n=1, events=Kept())
    assert asked(server)["model"] == "pen-tiny"


def test_a_model_trained_with_another_form_is_used_with_a_warning(tmp_path: Path) -> None:
    kept = Kept()
    with ScriptedServer(by_path=answers(format_hash="0" * 64)) as server:
        Completions(scripted(server, tmp_path)).start("pun-complete", VALUES, model="ft:x", n=1, events=kept)
    assert "was trained with another form of pun-complete" in str(kept.of("log")[-1]["text"])


def test_the_warning_shows_what_changed_while_the_training_set_is_there(tmp_path: Path) -> None:
    kept = Kept()
    with ScriptedServer(by_path=answers(format_hash="0" * 64)) as server:
        context = scripted(server, tmp_path)
        form = template.hashed(context.find_prompt("pun-complete"))
        plan = make_plan(tmp_path / "plan", format={**form, "format": {"prompt-end": "\n\n###\n\n"}})
        context.ledger.remember(Entry("j", "local", "pen-tiny", "pun-complete", str(plan), status="succeeded",
                                      fine_tuned_model="ft:x"))
        Completions(context).start("pun-complete", VALUES, model="ft:x", n=1, events=kept)
    assert str(kept.of("log")[-1]["text"]).startswith(
        'ft:x was trained with prompt-end "\\n\\n###\\n\\n"; pun-complete.yaml:')
    assert str(kept.of("log")[-1]["text"]).endswith('now says "\\n".')


def test_a_model_trained_with_this_form_is_used_in_silence(tmp_path: Path) -> None:
    kept = Kept()
    with ScriptedServer() as server:
        context = scripted(server, tmp_path)
        server._by_path.update(answers(format_hash=template.format_hash(context.find_prompt("pun-complete"))))
        Completions(context).start("pun-complete", VALUES, model="ft:x", n=1, events=kept)
    assert [one["text"] for one in kept.of("log")] == ["starting engine…"]


def test_wrong_names_and_values_are_said_before_anything_is_started(tmp_path: Path) -> None:
    kept = Kept()
    with ScriptedServer() as server:
        completions = Completions(scripted(server, tmp_path))
        with pytest.raises(NotFoundError, match="pun-complete"):
            completions.start("pun-complet", VALUES, events=kept)
        with pytest.raises(DataError, match="no value"):
            completions.start("pun-complete", {}, events=kept)
    assert (kept.sent, server.requests) == ([], [])


def test_an_unknown_model_is_an_error(tmp_path: Path) -> None:
    script = {"/models/": error(404, "model_not_found", message="There is no model 'x'.")}
    with ScriptedServer(by_path=script) as server, pytest.raises(NotFoundError, match="There is no model 'x'"):
        Completions(scripted(server, tmp_path)).start("pun-complete", VALUES, model="x", events=Kept())


def test_cancelling_returns_the_part_there_is(tmp_path: Path) -> None:
    stream = events(chunk("One"), chunk(" two"), chunk(" three", finish_reason="stop"), USAGE)
    script = answers() | {"/completions": stream}
    kept = Kept(cancel_after=2)  # the log line, then the first delta
    with ScriptedServer(by_path=script) as server:
        result = Completions(scripted(server, tmp_path)).start("pun-complete", VALUES, n=1, events=kept)
    assert (result.candidates[0].text, result.candidates[0].finish_reason) == ("One", "cancelled")


def test_without_a_provider_the_ledger_names_the_newest_model(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        context = scripted(server, tmp_path)
        definition = context.find_prompt("pun-complete")
        assert context.model_of(definition) == "pen-tiny"
        context.ledger.remember(Entry("j", "local", "pen-tiny", "pun-complete", status="succeeded",
                                      fine_tuned_model="ft:x"))
        assert context.model_of(definition) == "ft:x"
    assert server.requests == []
