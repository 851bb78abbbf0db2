"""`pen engine`: the local engine as a daemon."""

import argparse

from pen_backend.service.context import Context
from pen_backend.service.engine import Engine, EngineStatus
from pen_backend.transports.arguments import Parser, command, group, help_of
from pen_backend.transports.terminal import Terminal


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the commands."""
    engine = group(commands, "engine", "The local engine as a daemon.")
    for name, function, method in (("start", start, Engine.start), ("stop", stop, Engine.stop),
                                   ("status", status, Engine.status)):
        added = command(engine, name, function, help_of(method))
        added.add_argument("--state", metavar="DIR", help="its directory, instead of the usual one")


def start(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Start the engine and print where it answers."""
    told = Engine(context).start()
    running = context.engine().find()
    # The token is printed only here, only as JSON and only when asked: for a client that is no pen.
    token = running.token.reveal() if running and terminal.as_json else None
    terminal.result({"base_url": told.base_url, "token": token, "pid": told.pid, "state": told.state},
                    lambda: _text(told))


def stop(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Stop the engine, and say which process that was."""
    before = context.engine().find()
    told = Engine(context).stop()
    what = f"stopped process {before.pid}" if before else "was not running"
    terminal.result(told, f"{what} (state in {told.state})")


def status(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print whether the engine runs."""
    told = Engine(context).status()
    terminal.result(told, lambda: _text(told))


def _text(told: EngineStatus) -> str:
    if not told.running:
        return f"not running (state in {told.state})"
    lines = [f"running at {told.base_url}, process {told.pid}, state in {told.state}"]
    lines += [f"trainer: process {pid}" for pid in told.trainer_pids]
    if told.worker_pid is not None:
        lines.append(f"inference worker: process {told.worker_pid}")
    return "\n".join(lines)
