import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pen_backend.errors import (
    BadParamsError,
    DataError,
    DeadlineError,
    Finding,
    JobError,
    PromptError,
    RefusedError,
    UpstreamError,
)
from pen_backend.files import process_start_time
from pen_backend.service.context import Context
from pen_backend.transports.attempt import INTERRUPTED
from pen_backend.transports.cli import main, parser
from pen_backend.transports.terminal import Terminal, duration, plain, progress_line, table
from tests.conftest import LiveEngine, environment
from tests.jobs.plans import ROWS
from tests.scripted_server import USAGE, Answer, ScriptedServer, chunk, completion, error, events, job, listing
from tests.service.context import scripted

MODEL = Answer({"id": "m", "object": "model", "created": 1, "owned_by": "user"})


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(context: Context, *arguments: str, err: io.StringIO | None = None) -> tuple[int, str, str]:
    """Run a command in this process: exit code, stdout, stderr."""
    out, err = io.StringIO(), err or io.StringIO()
    code = main(arguments, context=context, out=out, err=err)
    return code, out.getvalue(), err.getvalue()


def provider(**paths: Answer) -> dict[str, Answer]:
    return {"/completions": completion("one\n two", "three"), "/models": MODEL, "/jobs": listing(), **paths}


def stream(*texts: str) -> Answer:
    return events(*[chunk(text) for text in texts], chunk("", finish_reason="stop"), USAGE)


def test_candidates_come_one_a_line_and_everything_else_on_stderr(tmp_path: Path) -> None:
    two = events(chunk("one\n two", finish_reason="stop"), chunk("three", index=1, finish_reason="length"), USAGE)
    with ScriptedServer(by_path=provider(**{"/completions": two})) as server:
        code, out, err = run(scripted(server, tmp_path), "complete", "pun-complete", "Why?", "--n", "2", "--seed", "3")
    assert (code, out, err) == (0, "one two\nthree\n", "starting engine…\n")
    assert server.requests[-1].json["seed"] == 3


def test_quiet_leaves_only_the_result(tmp_path: Path) -> None:
    with ScriptedServer(by_path=provider(**{"/completions": stream("Ha")})) as server:
        ended = run(scripted(server, tmp_path), "complete", "--quiet", "pun-complete", "Why?", "--n", "1")
    assert ended == (0, "Ha\n", "")


def test_a_result_as_json_is_one_document(tmp_path: Path) -> None:
    with ScriptedServer(by_path=provider(**{"/completions": stream("Ha")})) as server:
        _, out, _ = run(scripted(server, tmp_path), "complete", "pun-complete", "Why?", "--n", "1", "--json")
    assert json.loads(out) == {"candidates": [{"text": "Ha", "finish_reason": "stop", "label": None}],
                               "model": "pen-tiny", "prompt_tokens": 3, "completion_tokens": 2,
                               "prompt": "Why?\n", "stop": [" END"]}


def test_a_stream_is_written_as_it_arrives_or_as_json_lines(tmp_path: Path) -> None:
    with ScriptedServer(by_path=provider(**{"/completions": stream("One", " two")})) as server:
        context = scripted(server, tmp_path)
        assert run(context, "complete", "pun-complete", "Why?", "--stream")[1] == "One two\n"
        lines = [json.loads(line) for line in run(context, "complete", "pun-complete", "?", "--stream", "--json",
                                                  "--n", "1")[1].splitlines()]
    assert [line["kind"] for line in lines] == ["delta", "delta", "done"]
    assert lines[-1]["value"]["candidates"][0]["text"] == "One two"


def ended(status: str, **more: Any) -> dict[str, Answer]:
    return {"/events": listing(), "/jobs/": Answer(job(status=status, **more))}


FULL = {"code": "no_space", "message": "no space left", "param": None}


@pytest.mark.parametrize(("arguments", "script", "code", "said"), [
    (["complete", "nothing-here"], {}, 1, "There is no prompt 'nothing-here'"),
    (["complete", "pun-complete"], {}, 2, "'jokes' has no value"),
    (["complete", "pun-complete", "a", "--model", "x"], {"/models": error(404, message="no model x")}, 1, "no model x"),
    (["jobs", "show", "ftjob-1"], {"/jobs": error(404, message="no job")}, 1, "no job"),
    (["jobs", "show", "ftjob-1"], {"/jobs": error(404, message="There is no job 'ftjob-1'.", code="job_not_found")}, 1,
     "pen: There is no job 'ftjob-1'. `pen jobs list` shows those that there are."),
    (["jobs", "list"], {"/jobs": error(401)}, 3, "pen engine stop"),
    (["jobs", "watch", "ftjob-1"], ended("failed", error=FULL), 4, "no space left"),
    (["jobs", "watch", "ftjob-1"], ended("cancelled"), 4, "was cancelled"),
    (["finetune", "absent.jsonl"], {}, 1, "There is no file 'absent.jsonl'"),
    (["finetune", "x.jsonl", "--learning-rate", "1", "--learning-rate-multiplier", "1"], {}, 1, "x.jsonl"),
    (["finetune", "pun-complete", "--plan", "--learning-rate", "1", "--learning-rate-multiplier", "1"], {}, 1,
     "pen: --learning-rate and --learning-rate-multiplier exclude each other; give one of them"),
    (["dataset", "check", "absent.jsonl"], {}, 1, "pen: absent.jsonl does not exist. Name a training file"),
    (["dataset", "build", "absent.csv"], {}, 1, "pen: There is neither a file nor a definition 'absent.csv'."),
    (["finetune", "absent.csv"], {}, 1, "pen: There is neither a file nor a definition 'absent.csv'."),
    (["finetune", "absent.jsonl", "--plan"], {}, 1, "There is no file 'absent.jsonl'"),
    (["finetune", "pun-complete", "--plan", "--learning-rate", "nan"], {}, 1, "pen: --learning-rate: expected"),
    (["complete", "/dev/null", "a"], {}, 1, "'/dev/null' is not a regular file"),
    (["complete", "/dev", "a"], {}, 1, "'/dev' is a directory"),
    (["dataset", "read", "/dev/null"], {}, 1, "/dev/null is not a regular file"),
    (["dataset", "stats", "/dev/null"], {}, 1, "null is not a regular file"),
    (["dataset", "build", "pun-complete", "--out", "/dev/null"], {}, 1, "/dev/null is a file; name a directory"),
    (["jobs", "frobnicate"], {}, 1, "invalid choice"),
    (["prompts", "render", "fable", "--frob"], {}, 1, "--frob (see pen prompts render --help)"),
    (["complete"], {}, 1, "PROMPT"),
    (["complete", "p", "--n", "many"], {}, 1, "invalid int value"),
    (["complete", "pun-complete", "a", "--n", "0"], {}, 1, "pen: --n must be at least 1, got 0"),
    (["complete", "pun-complete", "a", "--temperature", "nan"], {}, 1, "temperature must be a number from 0 to 2"),
    (["complete", "pun-complete", "a", "--temperature", "inf"], {}, 1, "temperature must be a number from 0 to 2"),
    (["complete", "pun-complete", "a", "b", "c"], {}, 1, "pun-complete takes 1 argument (jokes), but 3 were given"),
    (["complete", "fable", "a"], {}, 1, "fable takes no arguments, but 1 was given"),
    (["complete", "pun-complete", ""], {}, 1, "the value of 'jokes' is empty"),
    (["complete", "pun-complete", "a\udcff"], {}, 2, "the value of 'jokes' is not UTF-8"),
    ([], {}, 1, "COMMAND"),
])
def test_every_failure_is_a_sentence_and_its_own_code(
        tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], script: dict[str, Answer], code: int,
        said: str) -> None:
    with ScriptedServer(by_path=script) as server:
        result, out, err = run(scripted(server, tmp_path), *arguments)
    err += capfd.readouterr().err
    assert (result, out) == (code, "")
    assert said in err
    assert "Traceback" not in err


def test_a_provider_without_jobs_says_how_to_start_one(tmp_path: Path) -> None:
    with ScriptedServer(by_path={"/jobs": listing()}) as server:
        code, out, err = run(scripted(server, tmp_path), "jobs", "list")
        assert (code, len(out.splitlines()), "There are no jobs yet; `pen finetune` starts one." in err) == (0, 1, True)
        assert json.loads(run(scripted(server, tmp_path), "jobs", "list", "--json")[1]) == []


@pytest.mark.slow
@pytest.mark.parametrize(("closing", "code", "out", "said"), [
    (">&-", 1, "", "pen: standard output cannot be written: it is closed.\n"), ("2>&-", 0, "NAME", "")])
def test_a_stream_that_is_closed_is_missed_only_where_something_belongs_there(
        tmp_path: Path, closing: str, code: int, out: str, said: str) -> None:
    ended = subprocess.run(["sh", "-c", f'"{sys.executable}" -m pen_backend prompts list {closing}'],
                           env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout[:4], ended.stderr) == (code, out, said)


@pytest.mark.slow
def test_no_error_is_written_among_the_results_when_there_is_no_other_place(tmp_path: Path) -> None:
    ended = subprocess.run(["sh", "-c", f'"{sys.executable}" -m pen_backend prompts show nothing 2>&-'],
                           env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")


@pytest.mark.parametrize(("problem", "code"), [
    (RefusedError("No."), 5), (DeadlineError("Late."), 124), (KeyError("x"), 3), (KeyboardInterrupt(), 130)])
def test_other_ends_have_their_codes_too(tmp_path: Path, problem: BaseException, code: int) -> None:
    def fail(*_: object) -> Any:
        raise problem

    result, out, err = run(Context(environ=environment(tmp_path), connect=fail), "models", "list")
    assert (result, out) == (code, "")
    assert err.startswith("pen: ")
    assert len(err.splitlines()) == 1


def test_all_findings_of_a_definition_are_said_each_on_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("pen: 1\ntitle: Bad\nprompt: <oops>\ntemprature: 1\n")
    code, _, err = run(Context(environ=environment(tmp_path)), "complete", str(bad), "x")
    assert code == 2
    assert f"{bad}:3:" in err
    assert f"{bad}:4:1: unknown key 'temprature'" in err


def test_prompts_are_listed_and_a_broken_one_is_said(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "broken.yaml").write_text("pen: 1\n")
    code, out, err = run(Context(environ=environment(tmp_path), project=tmp_path), "prompts", "list")
    assert code == 0
    assert re.search(r"^pun-complete +jokes +Continue a list", out, re.M)
    assert "broken.yaml" in err


def test_progress_is_drawn_only_on_a_terminal(tmp_path: Path) -> None:
    metrics = {"id": "e1", "object": "fine_tuning.job.event", "created_at": 1, "level": "info", "message": "",
               "type": "metrics", "data": {"kind": "metrics", "step": 3, "total_steps": 9, "train_loss": 2.5,
                                           "tokens_per_second": 5432.1}}
    script = {"/events": listing(metrics), "/jobs/": Answer(job(status="succeeded", fine_tuned_model="ft:x"))}
    with ScriptedServer(by_path=script) as server:
        context = scripted(server, tmp_path)
        plainly = run(context, "jobs", "watch", "ftjob-1")
        drawn = run(context, "jobs", "watch", "ftjob-1", err=Screen())
        lines = run(context, "jobs", "watch", "ftjob-1", "--json")[1].splitlines()
    assert plainly[:2] == drawn[:2] == (0, "ft:x\n")
    assert "step 3/9" not in plainly[2]
    assert "\r\x1b[Kstep 3/9  loss 2.500  5,432 tokens/s  ETA –\n" in drawn[2]
    assert [json.loads(line)["kind"] for line in lines] == ["progress", "done"]


def test_launching_from_a_hosted_provider_without_a_terminal_needs_a_yes(tmp_path: Path) -> None:
    train = tmp_path / "t.jsonl"
    train.write_text('{"messages": []}\n')
    with ScriptedServer() as server:
        context = Context(environ={**environment(tmp_path), "PEN_PROVIDER": server.base_url})
        code, _, err = run(context, "finetune", str(train))
    assert (code, server.requests) == (5, [])
    assert "--yes" in err


def test_an_error_is_said_once_when_its_only_finding_says_it() -> None:
    err = io.StringIO()
    Terminal(err=err).fail(PromptError("unknown key", where="a:1:1", findings=[Finding("x", "unknown key", "a:1:1")]))
    assert err.getvalue() == "a:1:1: unknown key\n"


def test_a_sum_of_findings_that_quotes_the_first_is_said_too() -> None:
    findings = [Finding("e", f"{word} is bad", f"a:{number}") for number, word in enumerate(("one", "two"))]
    assert said(PromptError("2 of 9 are bad. The first: one is bad.", findings=findings))[-1] == (
        "pen: 2 of 9 are bad. The first: one is bad.")


def said(error: PromptError) -> list[str]:
    err = io.StringIO()
    Terminal(err=err).fail(error)
    return err.getvalue().splitlines()


def test_a_single_finding_is_said_as_a_sentence_with_its_place_or_with_the_program() -> None:
    assert said(PromptError("Too hot.", findings=[Finding("x", "too hot")])) == ["pen: Too hot."]
    assert said(PromptError("A is not UTF-8.", hint="Save it.", findings=[Finding("x", "A is not UTF-8", "a:3")])) == [
        "a:3: A is not UTF-8. Save it."]
    assert said(PromptError("no text", hint="save it", findings=[Finding("x", "no text", "a:3", "save it")])) == [
        "a:3: no text; save it"]
    assert said(PromptError("no text", hint="save it", where="a:3")) == ["pen: a:3: no text; save it"]


def test_findings_that_differ_only_in_their_line_are_one_line() -> None:
    findings = [Finding("e", f"byte 0x{60 + number} is not UTF-8", f"a:{number}") for number in range(1, 17)]
    assert said(PromptError("Too many bad lines.", findings=findings)) == [
        "a:1: byte 0x61 is not UTF-8 (and 15 more lines)", "pen: Too many bad lines."]
    assert said(PromptError("\n".join([*map(str, findings), "b:1: empty"]))) == [
        "pen: a:1: byte 0x61 is not UTF-8 (and 15 more lines)", "b:1: empty"]


def test_a_result_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    err = io.StringIO()
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        code = main(["prompts", "list"], context=Context(environ=environment(tmp_path)), out=full, err=err)
    assert (code, err.getvalue()) == (1, "pen: standard output cannot be written: No space left on device.\n")


def test_an_engine_that_was_not_running_is_not_said_to_be_stopped(tmp_path: Path) -> None:
    assert run(Context(environ=environment(tmp_path)), "engine", "stop")[1].startswith("was not running ")


def test_an_engine_needs_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for state, problem in ((tmp_path / "file", "is a file"), (tmp_path / "file" / "below", "cannot be made")):
        code, _, err = run(Context(environ=environment(tmp_path), engine_state=state), "engine", "start")
        assert code == 1
        assert problem in err


def test_numbers_that_json_has_not_become_null() -> None:
    assert plain({"loss": float("nan"), "path": Path("/x"), "list": (1, float("inf"))}) == {
        "loss": None, "path": "/x", "list": [1, None]}


def test_tables_and_times_are_readable() -> None:
    assert table(("A", "BB"), [("x\ny", None), ("longer", 3)]) == "A       BB\nx y     –\nlonger  3"
    assert [duration(one) for one in (None, 5, 65, 3700)] == ["–", "0:05", "1:05", "1:01:40"]
    assert progress_line({"done": 3, "total": 9, "unit": "examples"}) == "3/9 examples"


def test_every_command_has_help_and_the_options_all_have() -> None:
    def leaves(one: Any) -> list[Any]:
        groups = [action.choices for action in one._actions if isinstance(action.choices, dict)]
        inner = [each for group in groups for each in group.values()]
        return [leaf for each in inner for leaf in leaves(each)] if inner else [one]

    found = leaves(parser())
    assert len(found) >= 19
    for each in found:
        assert each.description, each.prog
        assert {"--json", "--quiet", "--help"} <= each._option_string_actions.keys()
        assert [action.dest for action in each._actions if not action.help] == [], each.prog


def test_the_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    codes = {each.exit_code for each in (BadParamsError, DataError, UpstreamError, JobError, RefusedError,
                                         DeadlineError)}
    assert {int(number) for number in re.findall(r"(?:codes: |, )([0-9]+) [a-z]", told)} == {0, *codes, INTERRUPTED}


def pen(home: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-P", "-m", "pen_backend", *arguments], env=environment(home), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=home)


@pytest.mark.slow
def test_the_engine_starts_tells_where_and_stops(tmp_path: Path) -> None:
    state = tmp_path / "own"
    started, _ = pen(tmp_path, "engine", "start", "--json", "--state", str(state)).communicate(timeout=60)
    told = json.loads(started)
    try:
        assert told.keys() == {"base_url", "token", "pid", "state"}
        assert told["state"] == str(state)
        assert (state / "engine.json").stat().st_mode & 0o777 == 0o600
        status, _ = pen(tmp_path, "engine", "status", "--state", str(state)).communicate(timeout=60)
        assert f"process {told['pid']}" in status
        assert told["token"] not in status
    finally:
        stopped = pen(tmp_path, "engine", "stop", "--state", str(state))
        assert stopped.communicate(timeout=60)[0].startswith(f"stopped process {told['pid']} ")
    assert process_start_time(told["pid"]) is None


@pytest.mark.slow
def test_a_file_is_tuned_on_and_followed_to_its_end(engine: LiveEngine, tmp_path: Path) -> None:
    train = tmp_path / "t.jsonl"
    train.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    screen = Screen()
    code, out, err = run(engine.context(), "finetune", str(train), "--model", "two-layer", "--epochs", "1",
                         "--batch-size", "4", "--tune", "full", "--wait", "--yes", err=screen)
    assert code == 0
    assert out.startswith("ft:two-layer:local:")
    assert "launched ftjob-" in err
    assert "step 3/3  loss " in err
    listed = run(engine.context(), "jobs", "list")[1]
    assert "succeeded" in listed
    assert out.strip() in run(engine.context(), "models", "list")[1]


@pytest.mark.slow
def test_ctrl_c_ends_a_command_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "config" / "pen").mkdir(parents=True)
    running = {"/events": listing(), "/jobs/": Answer(job(status="running"))}
    with ScriptedServer(by_path=running) as server:
        (tmp_path / "config" / "pen" / "config.yaml").write_text(f"provider: {server.base_url}\n")
        process = pen(tmp_path, "jobs", "watch", "ftjob-1")
        deadline = time.monotonic() + 60
        while len(server.requests) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines() == [
        "Job ftjob-1 goes on. Follow it: pen jobs watch ftjob-1; end it: pen jobs cancel ftjob-1", "pen: interrupted."]


@pytest.mark.slow
def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    process = pen(tmp_path, "prompts", "list", "--json")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
