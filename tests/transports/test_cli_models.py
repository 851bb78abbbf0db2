import argparse
import io
import json
from pathlib import Path

import pytest

from pen_backend.errors import RefusedError
from pen_backend.service.context import Context
from pen_backend.transports import cli_models
from pen_backend.transports.cli import main
from pen_backend.transports.terminal import Terminal
from tests.scripted_server import Answer, ScriptedServer, listing
from tests.service.context import scripted
from tests.service.test_exports import archive
from tests.transports.test_cli_jobs import Keyboard

TUNED = {"id": "ft:m:local::abc", "object": "model", "created": 1, "owned_by": "user", "pen": {
    "base": "m", "kind": "lora", "context_length": 512, "vocab_size": 4096, "prompt": None}}
GONE = Answer({"id": "ft:m:local::abc", "object": "model", "deleted": True})


def run(context: Context, *arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return main(["models", *arguments], context=context, out=out, err=err), out.getvalue(), err.getvalue()


def test_models_are_listed_and_described(tmp_path: Path) -> None:
    with ScriptedServer(by_path={"/models/": Answer(TUNED), "/models": listing(TUNED)}) as server:
        context = scripted(server, tmp_path)
        assert run(context, "list")[1].splitlines()[1].split() == ["ft:m:local::abc", "lora", "m", "–"]
        shown = run(context, "show", "ft:m:local::abc")[1]
        told = json.loads(run(context, "show", "ft:m:local::abc", "--json")[1])
    assert "context      512\n" in shown
    assert (told["kind"], told["vocab_size"]) == ("lora", 4096)


def test_without_a_terminal_a_model_is_deleted_at_once(tmp_path: Path) -> None:
    with ScriptedServer(Answer(TUNED), GONE) as server:
        assert run(scripted(server, tmp_path), "delete", "ft:m:local::abc")[:2] == (0, "deleted ft:m:local::abc\n")


@pytest.mark.parametrize(("answer", "asked"), [("y\n", 2), ("n\n", 0), ("", 0)])
def test_at_a_terminal_deleting_is_asked_about(answer: str, asked: int, tmp_path: Path) -> None:
    options = argparse.Namespace(id="ft:m:local::abc", yes=False)
    err = io.StringIO()
    with ScriptedServer(Answer(TUNED), GONE) as server:
        context, terminal = scripted(server, tmp_path), Terminal(out=io.StringIO(), err=err)
        if asked:
            cli_models.delete(context, options, terminal, Keyboard(answer))
        else:
            with pytest.raises(RefusedError, match="Not deleted"):
                cli_models.delete(context, options, terminal, Keyboard(answer))
        assert (len(server.requests), "Delete ft:m:local::abc? [y/N]" in err.getvalue()) == (asked, True)


def test_a_model_is_written_into_a_folder_of_its_name(tmp_path: Path) -> None:
    sent = Answer(archive(**{"config.json": b"{}"}), type="application/x-tar")
    with ScriptedServer(by_path={"/export": sent, "/models/": Answer(TUNED)}) as server:
        context = scripted(server, tmp_path)
        context.project = tmp_path
        code, out, err = run(context, "export", "ft:m:local::abc", "--merged")
        assert run(context, "export", "ft:m:local::abc")[0] == 1
    assert (code, out, err) == (0, f"{tmp_path / 'ft-m-local-abc'}\n", "1 file, 0.0 MB\n")
    assert (tmp_path / "ft-m-local-abc" / "config.json").read_bytes() == b"{}"
    assert server.requests[1].path == "/pen/models/ft%3Am%3Alocal%3A%3Aabc/export?merged=true"


def test_a_model_that_ends_early_leaves_no_folder(tmp_path: Path) -> None:
    sent = Answer(archive(**{"config.json": bytes(90_000)}), type="application/x-tar", cut=40_000)
    with ScriptedServer(by_path={"/export": sent, "/models/": Answer(TUNED)}) as server:
        code, _, err = run(scripted(server, tmp_path), "export", "ft:m:local::abc", "--out", str(tmp_path / "out"))
    assert code == 3, err
    assert not list(tmp_path.glob("out*"))
