"""`pen backup` and `pen restore`: the local engine's store as one file, and back."""

import argparse
from pathlib import Path

from pen_backend.service.context import Context
from pen_backend.service.engine import Engine
from pen_backend.transports.arguments import Parser, command
from pen_backend.transports.terminal import Terminal
from pen_backend.words import count


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the commands."""
    for name, function, text, file in (
        ("backup", backup, "Write the local engine's store into a file while it runs: jobs, models and files.",
         "the file to write"),
        ("restore", restore, "Make a backup the local engine's store, while the engine does not run.",
         "a file that `pen backup` has written"),
    ):
        added = command(commands, name, function, text)
        added.add_argument("file", metavar="FILE", help=file)
        added.add_argument("--state", metavar="DIR", help="the engine's directory, instead of the usual one")
        added.add_argument("--replace", action="store_true", help={
            "backup": "replace a file that is there", "restore": "keep a store that is there aside"}[name])


def backup(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Write a backup and print how large it is."""
    done = Engine(context).backup(Path(options.file).absolute(), options.replace)
    terminal.say(f"{done.bytes / 1e6:,.1f} MB")
    terminal.result(done, str(done.file))


def restore(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Restore a backup, and print what it held and what it lacks."""
    terminal.say("checking and restoring…")
    done = Engine(context).restore(Path(options.file).absolute(), options.replace)
    for sentence in done.missing:
        terminal.say(sentence)
    if done.kept is not None:
        terminal.say(f"The store that was there is kept in {done.kept}.")
    terminal.result(done, f"restored {count(done.jobs, 'job')}, {count(done.models, 'model')} and "
                          f"{count(done.files, 'file')} into {done.state}")
