import io
import json
from pathlib import Path

import pytest

from pen_backend.service.context import Context
from pen_backend.transports.cli import main
from tests.conftest import LiveEngine, environment
from tests.scripted_server import ScriptedServer, completion, error, listing


def run(context: Context, *arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return main(["engine", *arguments], context=context, out=out, err=err), out.getvalue(), err.getvalue()


@pytest.mark.parametrize("name", ["status", "stop"])
def test_an_engine_that_does_not_run_has_only_its_directory(name: str, tmp_path: Path) -> None:
    context = Context(environ=environment(tmp_path))
    code, out, _ = run(context, name, "--json")
    assert (code, json.loads(out)) == (0, {"base_url": None, "token": None, "pid": None,
                                           "state": str(context.engine_state)})


def test_the_token_of_no_engine_is_an_error(tmp_path: Path) -> None:
    code, out, err = run(Context(environ=environment(tmp_path)), "token")
    assert (code, out) == (3, "")
    assert "`pen engine start`" in err


def test_the_log_is_printed_or_listed(tmp_path: Path) -> None:
    context = Context(environ=environment(tmp_path))
    context.engine().log.parent.mkdir(parents=True)
    context.engine().log.write_text("one\ntwo\n")
    assert run(context, "logs", "-n", "1")[:2] == (0, "two\n")
    assert json.loads(run(context, "logs", "--json")[1]) == ["one", "two"]


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1"])
def test_a_port_that_is_none_is_wrong_usage(port: str, tmp_path: Path) -> None:
    assert run(Context(environ=environment(tmp_path)), "start", "--port", port)[0] == 1


@pytest.mark.parametrize("lines", ["0", "x", "-1", "1e3"])
def test_a_number_of_lines_that_is_none_is_wrong_usage(lines: str, tmp_path: Path) -> None:
    assert run(Context(environ=environment(tmp_path)), "logs", "-n", lines)[:2] == (1, "")


def test_what_an_endpoint_can_do_is_a_table(tmp_path: Path) -> None:
    model = {"id": "m", "object": "model", "created": 1, "owned_by": "user"}
    script = {"/chat/": error(404), "/completions": completion("x"), "/models": listing(model),
              "/fine_tuning": error(404)}
    with ScriptedServer(by_path=script) as server:
        code, out, _ = run(Context(environ=environment(tmp_path)), "check", server.base_url)
    lines = {line.split()[0]: line.split()[1] for line in out.splitlines()[1:]}
    assert code == 0
    assert (lines["models"], lines["completions"], lines["chat"], lines["fine-tuning"]) == ("yes", "yes", "no", "no")


@pytest.mark.slow
def test_a_running_engine_tells_where_it_is_and_its_token(engine: LiveEngine) -> None:
    told = json.loads(run(engine.context(), "status", "--json")[1])
    assert told == {"base_url": engine.running.base_url, "token": engine.running.token.reveal(),
                    "pid": engine.running.pid, "state": str(engine.state)}
    assert run(engine.context(), "token")[1] == f"{told['token']}\n"
    assert told["token"] not in run(engine.context(), "status")[1]
    assert told["base_url"] in run(engine.context(), "logs")[1]


@pytest.mark.slow
def test_a_running_engine_does_not_move_to_another_port(engine: LiveEngine) -> None:
    port = int(engine.running.base_url.rpartition(":")[2].partition("/")[0])
    assert run(engine.context(), "start", "--port", str(port))[0] == 0
    code, out, err = run(engine.context(), "start", "--port", str(port - 1))
    assert (code, out) == (5, "")
    assert f"process {engine.running.pid}), as it was started, at {engine.running.base_url}. Stop it first" in err
