import hashlib
from pathlib import Path
from typing import Any

import pytest

from pen_backend.config import Config
from pen_backend.errors import DataError, NotFoundError, RefusedError
from pen_backend.jobs.ledger import Entry
from pen_backend.prompts import template
from pen_backend.service.completions import Completions, Turn
from tests.jobs.plans import make_plan
from tests.scripted_server import USAGE, Answer, ScriptedServer, chat_chunk, chunk, error, events, job, listing
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
        form = template.hashed(context.library().prompt("pun-complete"))
        plan = make_plan(tmp_path / "plan", format={**form, "format": {"prompt-end": "\n\n###\n\n"}})
        context.ledger.remember(Entry("j", "local", "pen-tiny", "pun-complete", str(plan), status="succeeded",
                                      fine_tuned_model="ft:x"))
        Completions(context).start("pun-complete", VALUES, model="ft:x", n=1, events=kept)
    assert str(kept.of("log")[-1]["text"]).startswith(
        'ft:x was trained with prompt-end "\\n\\n###\\n\\n"; pun-complete.yaml:')
    assert str(kept.of("log")[-1]["text"]).endswith('now says "\\n".')


LABELLED = """\
pen: 1
title: Tag
prompt: <ticket>
completion: <tag>
vars: [{ticket: {type: text}}, {tag: {type: choice, choices: [billing, login]}}]
format: {prompt-end: "\\n###\\n", completion-start: " ", completion-end: "\\n"}
classes: {encode: number, labels: [login, billing]}
"""


def labelled(home: Path, text: str = LABELLED) -> str:
    path = home / "tag.yaml"
    path.write_text(text)
    return str(path)


def tuned_here(server: ScriptedServer, home: Path, *, is_local: bool = True, **manifest: Any) -> Completions:
    """Completions of a service that has tuned ft:x on a training set with this manifest."""
    context = scripted(server, home, local=is_local)
    plan = make_plan(home / "plan", prompt="tag", **manifest)
    context.ledger.remember(Entry("j", "local", "pen-tiny", "tag", str(plan), status="succeeded",
                                  fine_tuned_model="ft:x"))
    return Completions(context)


def test_a_number_is_read_as_the_label_it_was_trained_for(tmp_path: Path) -> None:
    stream = events(chunk(" 1"), chunk("\n", finish_reason="stop"), USAGE)
    then = {"var": "tag", "encode": "number", "start": 1, "labels": ["billing", "login"]}
    with ScriptedServer(by_path=answers() | {"/completions": stream}) as server:
        completions = tuned_here(server, tmp_path, classes=then)
        result = completions.start(labelled(tmp_path), {"ticket": "x"}, model="ft:x", n=1, events=Kept())
        other = completions.start(labelled(tmp_path), {"ticket": "x"}, model="pen-tiny", n=1, events=Kept())
    assert [(one.text, one.label) for one in result.candidates] == [("billing", "billing")]
    assert [(one.text, one.label) for one in other.candidates] == [("login", "login")]


@pytest.mark.parametrize(("old", "new", "said"), [
    ("{type: text}", "{type: string}", 'ft:x was trained with ticket.type "text"; tag.yaml:5:24 now says "string".'),
    ("labels: [login, billing]", "labels: [billing]",
     'ft:x was trained with classes.labels ["login", "billing"]; tag.yaml:7:35 now says ["billing"].'),
    ("completion: <tag>", "completion: '<tag>!'", 'trained with completion "<tag>"; tag.yaml:4:13 now says "<tag>!".'),
    ('"\\n###\\n", completion-start: " "', '"\\n\\n", completion-start: ""',
     'trained with prompt-end "\\n###\\n"; tag.yaml:6:22 now says "\\n\\n" (and 1 more).'),
])
@pytest.mark.parametrize("is_local", [True, False])
def test_the_warning_names_the_key_that_changed(tmp_path: Path, old: str, new: str, said: str, is_local: bool) -> None:
    kept = Kept()
    with ScriptedServer(by_path=answers(format_hash="f" * 64)) as server:
        then = template.hashed(scripted(server, tmp_path).library().prompt(labelled(tmp_path)))
        completions = tuned_here(server, tmp_path, is_local=is_local, format=then)
        completions.start(labelled(tmp_path, LABELLED.replace(old, new)), {"ticket": "x"}, model="ft:x", n=1,
                          events=kept)
    assert str(kept.of("log")[-1]["text"]).endswith(said)
    assert kept.of("log")[-1]["level"] == "warning"


def test_answers_of_a_definition_with_a_cache_are_remembered(tmp_path: Path) -> None:
    cached = labelled(tmp_path, LABELLED + "cache: on\n")
    kept = Kept()
    with ScriptedServer(by_path=answers() | {"/completions": STREAM}) as server:
        completions = Completions(scripted(server, tmp_path))
        first = completions.start(cached, {"ticket": "x"}, n=1, events=Kept())
        second = completions.start(cached, {"ticket": "x"}, n=1, events=kept)
        completions.start(cached, {"ticket": "x"}, n=1, seed=2, events=Kept())
        labelled(tmp_path, LABELLED + "cache: on\npostprocessor: [upcase]\n")
        loud = completions.start(cached, {"ticket": "x"}, n=1, events=Kept())
    assert second == first
    assert kept.of("delta") == [{"index": 0, "text": "Ha"}]
    assert loud.candidates[0].text == "HA"
    assert len([one for one in server.requests if one.path.endswith("/completions")]) == 3


def test_answers_that_were_cut_short_are_not_remembered(tmp_path: Path) -> None:
    cached = labelled(tmp_path, LABELLED.replace("classes", "meta") + "cache: on\n")
    stream = events(chunk("One"), chunk(" two"), chunk("", finish_reason="stop"), USAGE)
    with ScriptedServer(by_path=answers() | {"/completions": stream}) as server:
        completions = Completions(scripted(server, tmp_path))
        completions.start(cached, {"ticket": "x"}, n=1, events=Kept(cancel_after=2))
        whole = completions.start(cached, {"ticket": "x"}, n=1, events=Kept())
    assert whole.candidates[0].text == "One two"


def test_a_conversation_goes_on(tmp_path: Path) -> None:
    with ScriptedServer(by_path=answers()) as server:
        Completions(scripted(server, tmp_path)).start(
            labelled(tmp_path), {"ticket": "x"}, n=1, history=[Turn("1", "y")], events=Kept())
    assert asked(server)["prompt"] == "x\n###\n 1\ny\n###\n"


def test_a_chat_is_asked_for_where_the_definition_has_messages(tmp_path: Path) -> None:
    path = tmp_path / "chat.yaml"
    path.write_text("pen: 1\ntitle: Chat\nmessages: [{role: user, content: <q>}]\nvars: [q]\n")
    script = {"/chat/completions": events(chat_chunk("Hi"), chat_chunk("", finish_reason="stop"), USAGE)}
    with ScriptedServer(by_path=script | answers()) as server:
        result = Completions(scripted(server, tmp_path)).start(str(path), {"q": "x"}, n=1, events=Kept())
    assert result.candidates[0].text == "Hi"
    assert (asked(server)["messages"], asked(server)["max_completion_tokens"]) == (
        [{"role": "user", "content": "x"}], 60)


def test_a_model_trained_with_this_form_is_used_in_silence(tmp_path: Path) -> None:
    kept = Kept()
    with ScriptedServer() as server:
        context = scripted(server, tmp_path)
        server._by_path.update(answers(format_hash=template.format_hash(context.library().prompt("pun-complete"))))
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
        definition = context.library().prompt("pun-complete")
        assert context.model_of(definition) == "pen-tiny"
        context.ledger.remember(Entry("j", "local", "pen-tiny", "pun-complete", status="succeeded",
                                      fine_tuned_model="ft:x"))
        assert context.model_of(definition) == "ft:x"
    assert server.requests == []


def test_the_result_says_what_was_read_and_where_it_stops(tmp_path: Path) -> None:
    with ScriptedServer(by_path=answers()) as server:
        result = Completions(scripted(server, tmp_path)).start("pun-complete", VALUES, n=1, events=Kept())
    assert (result.prompt, result.stop) == ("Why?\nBecause.\n", [" END"])


def test_other_stop_texts_stand_for_the_sequences_but_not_for_the_end(tmp_path: Path) -> None:
    with ScriptedServer(by_path=answers()) as server:
        result = Completions(scripted(server, tmp_path)).start("pun-complete", VALUES, n=1, stop=["X"], events=Kept())
    assert asked(server)["stop"] == result.stop == [" END", "X"]


def test_a_long_answer_ignores_stops_may_have_four_times_the_tokens_and_loses_the_end(tmp_path: Path) -> None:
    long = events(chunk("one END two END"), chunk("", finish_reason="length"), USAGE)
    with ScriptedServer(by_path={**answers(), "/completions": long}) as server:
        result = Completions(scripted(server, tmp_path)).start("pun-complete", VALUES, n=1, long=True, events=Kept())
    assert ("stop" in asked(server), asked(server)["max_tokens"]) == (False, 480)
    assert [one.text for one in result.candidates] == ["one END two"]


def test_a_long_answer_shows_no_end_that_it_will_lose(tmp_path: Path) -> None:
    long = events(chunk("one E"), chunk("ND two END"), chunk("\n"), chunk("", finish_reason="stop"), USAGE)
    kept = Kept()
    with ScriptedServer(by_path={**answers(), "/completions": long}) as server:
        result = Completions(scripted(server, tmp_path)).start("pun-complete", VALUES, n=1, long=True, events=kept)
    assert [one["text"] for one in kept.of("delta")] == ["one", " END two"]
    assert result.candidates[0].text == "one END two"


@pytest.mark.parametrize("wanted", [False, True])
def test_the_log_has_texts_only_if_they_are_wanted_there(wanted: bool, tmp_path: Path,
                                                         caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    stream = events(chunk("A canary"), chunk("\nsings.", finish_reason="stop"), USAGE)
    with ScriptedServer(by_path={**answers(), "/completions": stream}) as server:
        context = scripted(server, tmp_path)
        context._config = Config(log_text=wanted)
        Completions(context).start("pun-complete", {"jokes": "What sings?"}, n=1, events=Kept())
    said = [record.getMessage() for record in caplog.records if record.name.startswith("pen_backend")]
    if wanted:
        assert said == ['pun-complete, by pen-tiny: read "What sings?\\n"',
                        'pun-complete, by pen-tiny: wrote "A canary\\nsings." (stop)']
    else:
        read, wrote = (hashlib.sha256(text).hexdigest()[:12] for text in (b"What sings?\n", b"A canary\nsings."))
        assert said == [f"pun-complete, by pen-tiny: read 12 characters, sha256 {read}…",
                        f"pun-complete, by pen-tiny: wrote 15 characters, sha256 {wrote}… (stop)"]


def test_tokens_that_are_named_win_over_a_long_answer(tmp_path: Path) -> None:
    with ScriptedServer(by_path=answers()) as server:
        Completions(scripted(server, tmp_path)).start("pun-complete", VALUES, n=1, long=True, max_tokens=7,
                                                      events=Kept())
    assert asked(server)["max_tokens"] == 7


@pytest.mark.parametrize("provider", ["openai", "https://example.org/v1", "http://10.0.0.1/v1"])
def test_with_libre_only_a_provider_elsewhere_is_refused_before_it_is_asked(provider: str, tmp_path: Path) -> None:
    with ScriptedServer(by_path=answers()) as server:
        context = scripted(server, tmp_path)
        context._config = Config(provider=provider)
        with pytest.raises(RefusedError, match="Only models on this machine may answer"):
            Completions(context).start("pun-complete", VALUES, libre_only=True, events=Kept())
    assert not server.requests


@pytest.mark.parametrize("provider", ["local", "http://127.0.0.1:11434/v1", "http://localhost/v1", "http://[::1]/v1"])
def test_with_libre_only_a_provider_on_this_machine_answers(provider: str, tmp_path: Path) -> None:
    with ScriptedServer(by_path=answers()) as server:
        context = scripted(server, tmp_path)
        context._config = Config(provider=provider)
        result = Completions(context).start("pun-complete", VALUES, model="m", n=1, libre_only=True, events=Kept())
    assert [one.text for one in result.candidates] == ["Ha"]
