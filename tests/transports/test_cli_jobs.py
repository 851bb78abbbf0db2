import argparse
import io
import json
from pathlib import Path
from typing import Any

import pytest

from pen_backend.errors import RefusedError
from pen_backend.service.context import Context
from pen_backend.transports import cli_jobs
from pen_backend.transports.cli import main
from pen_backend.transports.terminal import Terminal
from tests.conftest import environment
from tests.scripted_server import Answer, ScriptedServer, job, listing
from tests.service.context import scripted


class Keyboard(io.StringIO):
    """Somebody at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "asked"), [("y\n", 2), ("n\n", 0), ("\n", 0)])
def test_an_answer_at_the_terminal_is_the_yes(answer: str, asked: int, tmp_path: Path) -> None:
    train = tmp_path / "t.jsonl"
    chat = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    train.write_text(f"{json.dumps(chat)}\n" * 3)
    given: dict[str, object] = dict.fromkeys((*cli_jobs.LAUNCH_OPTIONS, *cli_jobs.CLASS_OPTIONS, "valid")) | {
        "tune": "full", "betas": []}
    options = argparse.Namespace(**given, source=str(train), plan=False, yes=False, wait=False)
    err = io.StringIO()
    with ScriptedServer(by_path={"/files": Answer({"id": "file-1", "object": "file"}), "/jobs": Answer(job())}
                        ) as server:
        context = Context(environ={**environment(tmp_path), "PEN_PROVIDER": server.base_url, "PEN_API_KEY": "k"})
        terminal = Terminal(out=io.StringIO(), err=err)
        if asked:
            cli_jobs.finetune(context, options, terminal, Keyboard(answer))
        else:
            with pytest.raises(RefusedError, match="Not launched"):
                cli_jobs.finetune(context, options, terminal, Keyboard(answer))
        assert len(server.requests) == asked
        assert f"Send the training set to {server.base_url} and launch? [y/N]" in err.getvalue()


DIED = "The trainer of attempt 1 was killed by signal 9 (SIGKILL)."


@pytest.mark.parametrize(("arguments", "changes", "said"), [
    (["pause"], {"status": "paused", "pen": {"want": "pause", "attempt": 1}}, "paused"),
    (["pause"], {"status": "running", "pen": {"want": "pause", "attempt": 1}}, "running, pauses soon"),
    (["resume"], {"status": "queued", "pen": {"want": "run", "attempt": 2}}, "queued, attempt 2"),
    (["show"], {"status": "running", "pen": {"attempt": 2, "interruption": DIED}}, DIED),
    (["show"], {"status": "succeeded", "pen": {"attempt": 2, "interruption": DIED}}, "succeeded\n"),
])
def test_how_a_job_stands_is_said_with_what_its_status_does_not_say(
        arguments: list[str], changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    out = io.StringIO()
    with ScriptedServer(by_path={"/events": listing(), "/checkpoints": listing(), "/jobs/": Answer(job(**changes))}
                        ) as server:
        assert main(["jobs", *arguments, "ftjob-1"], context=scripted(server, tmp_path), out=out) == 0
    assert said in out.getvalue()


def test_a_list_of_jobs_says_which_go_on_after_a_death(tmp_path: Path) -> None:
    out = io.StringIO()
    with ScriptedServer(by_path={"/events": listing(), "/jobs": listing(job(status="running", pen={"attempt": 3}))}
                        ) as server:
        assert main(["jobs", "list"], context=scripted(server, tmp_path), out=out) == 0
    assert "running, attempt 3" in out.getvalue()


def test_samples_are_what_the_newest_checkpoint_writes_now(tmp_path: Path) -> None:
    told = {"id": "ftevent-1", "object": "fine_tuning.job.event", "created_at": 1, "level": "info", "type": "message",
            "message": "x", "data": {"kind": "sample", "step": 4, "prompt": "Why?", "completion": "x"}}
    checkpoint = {"id": "ftckpt_1", "object": "fine_tuning.job.checkpoint", "created_at": 1, "step_number": 5,
                  "fine_tuned_model_checkpoint": "ft:a", "fine_tuning_job_id": "ftjob-1", "metrics": {"step": 5}}
    written = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "ft:a", "usage": None,
               "choices": [{"index": 0, "text": "Because.", "logprobs": None, "finish_reason": "stop"}]}
    out = io.StringIO()
    with ScriptedServer(by_path={"/events": listing(told), "/checkpoints": listing(checkpoint),
                                 "/completions": Answer(written), "/jobs/": Answer(job())}) as server:
        assert main(["jobs", "samples", "ftjob-1", "--n", "2"], context=scripted(server, tmp_path), out=out) == 0
    assert out.getvalue() == "step 5: Why?\nBecause.\n\nstep 5: Why?\nBecause.\n"


def test_everything_a_job_can_be_is_an_option_and_travels(tmp_path: Path) -> None:
    for name in ("t.jsonl", "v.jsonl"):
        rows = ({"prompt": f"{i}:", "completion": f" {i % 2}"} for i in range(8))
        (tmp_path / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with ScriptedServer(by_path={"/files": Answer({"id": "file-1", "object": "file"}), "/jobs": Answer(job())}
                        ) as server:
        assert main(["finetune", str(tmp_path / "t.jsonl"), "--valid", str(tmp_path / "v.jsonl"), "--yes", "--schedule",
                     "linear", "--early-stopping", "3", "--classification", "auto", "--results", "classic",
                     "--prompt-loss-weight", "0.1", "--max-tokens", "64", "--overlong", "drop"],
                    context=scripted(server, tmp_path), out=io.StringIO()) == 0
    body = server.requests[-1].json
    assert body["validation_file"] == "file-1"
    assert body["pen"] == {
        "schedule": "linear", "early_stopping": 3, "classification": {"n_classes": 2}, "results": "classic",
        "prompt_loss_weight": 0.1, "max_tokens": 64, "overlong": "drop"}


@pytest.mark.parametrize(("arguments", "said"), [
    (["--early-stopping", "3"], "no validation file"), (["--n-classes", "1"], "--n-classes"),
    (["--betas", "0.5", "--classification", "auto"], "exclude each other"), (["--valid", "absent.jsonl"], "no such"),
])
def test_a_job_that_cannot_be_is_refused_before_anything_is_uploaded(
        arguments: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    err = io.StringIO()
    with ScriptedServer() as server:
        code = main(["finetune", str(tmp_path / "t.jsonl"), "--yes", *arguments], context=scripted(server, tmp_path),
                    out=io.StringIO(), err=err)
    assert (code in (1, 2), said in err.getvalue(), server.requests) == (True, True, [])


def test_a_pause_is_told_with_how_it_ends_and_so_is_the_resume(tmp_path: Path) -> None:
    told = [("queued", "The job was resumed."), ("paused", "The job was paused.")]  # newest first
    events = [{"id": f"ftevent-{number}", "object": "fine_tuning.job.event", "created_at": 1, "level": "info",
               "type": "message", "message": message, "data": {"kind": "state", "state": state}}
              for number, (state, message) in enumerate(told)]
    err = io.StringIO()
    with ScriptedServer(by_path={"/events": listing(*events), "/jobs/": Answer(job(status="succeeded"))}) as server:
        assert main(["jobs", "watch", "ftjob-1"], context=scripted(server, tmp_path), out=io.StringIO(), err=err) == 0
    assert err.getvalue().splitlines() == [
        "The job was paused.", "It waits until you resume it: pen jobs resume ftjob-1", "The job was resumed."]
