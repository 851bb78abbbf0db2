"""`pen engine`: the local engine as a daemon, its log, its token; what another endpoint can do."""

import argparse
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pen_backend.errors import RefusedError
from pen_backend.secrets import redact
from pen_backend.service.context import Context
from pen_backend.service.engine import Engine, EngineStatus
from pen_backend.transports.arguments import Parser, at_least_one, command, group, help_of
from pen_backend.transports.terminal import Terminal, table

FOLLOW_SECONDS = 0.5


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the commands."""
    engine = group(commands, "engine", "The local engine as a daemon.")
    for name, function, text in (
        ("start", start, help_of(Engine.start)), ("stop", stop, help_of(Engine.stop)),
        ("status", status, help_of(Engine.status)), ("logs", logs, "Print the local engine's log."),
        ("token", token, "Print the running engine's token, for a client that is not pen."),
    ):
        added = command(engine, name, function, text)
        added.add_argument("--state", metavar="DIR", help="its directory, instead of the usual one")
        if name == "start":
            added.add_argument("--port", type=_port, metavar="N",
                               help="its port on 127.0.0.1; one that is free if not given")
            added.add_argument("--allow-remote", action="store_true",
                               help="let it listen to other machines, too: whoever has its token can use it, and "
                                    "nothing is encrypted without a TLS proxy before it")
        elif name == "logs":
            added.add_argument("-n", "--lines", type=at_least_one, metavar="N", default=100,
                               help="how many of the last lines (100)")
            added.add_argument("--follow", action="store_true", help="go on with what is written, until Ctrl-C")
    added = command(engine, "check", check, "Ask another endpoint what it can do, by short requests.")
    added.add_argument("url", metavar="URL",
                       help="its address, as in https://api.openai.com/v1; the key is PEN_API_KEY")
    added.add_argument("--model", help="the model to ask; the first one listed if not given")


def start(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Start the engine and print where it answers."""
    running = context.engine().find()
    if running is not None and (options.allow_remote or options.port not in (None, urlsplit(running.root).port)):
        raise RefusedError(f"The engine runs already (process {running.pid}), as it was started, at "
                           f"{running.base_url}.", hint="Stop it first: `pen engine stop`.")
    told = Engine(context).start()
    terminal.result(_facts(context, terminal), lambda: _text(told))


def stop(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Stop the engine, and say which process that was."""
    before = context.engine().find()
    told = Engine(context).stop()
    what = f"stopped process {before.pid}" if before else "was not running"
    terminal.result(_facts(context, terminal), f"{what} (state in {told.state})")


def status(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print whether the engine runs."""
    terminal.result(_facts(context, terminal), lambda: _text(Engine(context).status()))


def logs(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print the end of the log, and with --follow what comes after it."""
    path = context.engine().log
    seen = path.stat().st_size if path.exists() else 0
    text = Engine(context).logs(options.lines)
    terminal.result(text.splitlines(), text)
    while options.follow:
        time.sleep(FOLLOW_SECONDS)
        seen = _print_from(path, seen, terminal)


def token(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print the token."""
    found = Engine(context).token().reveal()
    terminal.result({"token": found}, found)


def check(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print what an endpoint can do."""
    found = Engine(context).check(options.url, options.model)
    terminal.result(found, lambda: table(
        ("ABILITY", "", "SEEN"), [(one.name, "yes" if one.able else "no", one.note or None) for one in found]))


def _facts(context: Context, terminal: Terminal) -> dict[str, Any]:
    """Say where the engine answers, and how; all but its directory null if it does not run.

    The token is in it only as JSON, when that is asked for: for a client that is not pen.
    """
    running = context.engine().find() if terminal.as_json else None
    return {"base_url": running.base_url if running else None, "token": running.token.reveal() if running else None,
            "pid": running.pid if running else None, "state": context.engine_state}


def _print_from(path: Path, seen: int, terminal: Terminal) -> int:
    """Print what a log has after its first SEEN bytes, whole lines only; one that was cut begins anew."""
    size = path.stat().st_size if path.exists() else 0
    if size <= seen:
        return size
    with path.open("rb") as stream:
        stream.seek(seen)
        data = stream.read()
    whole = data[:data.rfind(b"\n") + 1]
    terminal.write(redact(whole.decode(errors="replace")))
    return seen + len(whole)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65_536):
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, got '{text}'")
    return int(text)


def _text(told: EngineStatus) -> str:
    if not told.running:
        return f"not running (state in {told.state})"
    lines = [f"running at {told.base_url}, process {told.pid}, state in {told.state}"]
    lines += [f"trainer: process {pid}" for pid in told.trainer_pids]
    if told.worker_pid is not None:
        lines.append(f"inference worker: process {told.worker_pid}")
    return "\n".join(lines)
