"""`pen models`: list, show, delete and export bases, tuned models and checkpoints."""

import argparse
import sys
from pathlib import Path
from typing import TextIO

from pen_backend.errors import RefusedError
from pen_backend.service.context import Context
from pen_backend.service.models import Models
from pen_backend.transports.arguments import Parser, command, group, help_of
from pen_backend.transports.terminal import Terminal, table, when
from pen_backend.words import count


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the commands."""
    models = group(commands, "models", "Bases, tuned models and checkpoints.")
    command(models, "list", list_models, help_of(Models.list))
    added = command(models, "show", show, help_of(Models.show))
    added.add_argument("id", metavar="ID", help="the model's name")
    added = command(models, "add", add_model, help_of(Models.add))
    added.add_argument("source", metavar="FOLDER|ORGANISATION/NAME", help="a model's folder, or its name on the hub")
    added.add_argument("--name", help="what it is to be called here; the folder's or the hub's name if not given")
    added.add_argument("--yes", action="store_true", help="download without asking")
    added = command(models, "delete", delete, help_of(Models.delete))
    added.add_argument("id", metavar="ID", help="the model's name")
    added.add_argument("--yes", action="store_true", help="do not ask; without a terminal nothing is asked")
    added = command(models, "export", export,
                    "Write a local model into a plain folder that Hugging Face's libraries load.")
    added.add_argument("id", metavar="ID", help="the model's name")
    added.add_argument("--out", metavar="DIR", help="the folder, instead of one of the model's name here")
    added.add_argument("--merged", action="store_true", help="put an adapter into its base: a whole model")


def list_models(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print the models."""
    models = Models(context).list()
    terminal.result(models, lambda: table(
        ("MODEL", "KIND", "BASE", "PROMPT"), [(one.id, one.kind, one.base, one.prompt) for one in models]))


def show(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print one model."""
    model = Models(context).show(options.id)
    facts = [("model", model.id), ("kind", model.kind), ("base", model.base), ("prompt", model.prompt),
             ("job", model.job), ("created", when(model.created_at)), ("context", model.context_length),
             ("vocabulary", model.vocab_size), ("format hash", model.format_hash)]
    terminal.result(model, lambda: "\n".join(f"{name:<12} {value}" for name, value in facts if value is not None))


def add_model(context: Context, options: argparse.Namespace, terminal: Terminal, answers: TextIO | None = None) -> None:
    """Link a folder, or download a model after a yes; its size is said before."""
    answers, models, yes = answers or sys.stdin, Models(context), options.yes
    offered = models.offer(options.source)
    if offered is not None and not yes and answers.isatty():
        terminal.clear()
        print(f"Download {options.source}, {sum(offered.values()) / 1e6:,.1f} MB? [y/N] ", end="", file=terminal.err,
              flush=True)
        yes = answers.readline().strip().lower() in ("y", "yes")
        if not yes:
            raise RefusedError("Nothing was downloaded.")
    model = models.add(options.source, options.name, confirmed=yes)
    terminal.result(model, f"added {model.id}")


def delete(context: Context, options: argparse.Namespace, terminal: Terminal, answers: TextIO | None = None) -> None:
    """Delete a model, after a yes where somebody sits at a terminal."""
    answers = answers or sys.stdin
    if not options.yes and answers.isatty():
        terminal.clear()
        print(f"Delete {options.id}? [y/N] ", end="", file=terminal.err, flush=True)
        if answers.readline().strip().lower() not in ("y", "yes"):
            raise RefusedError("Not deleted.")
    model = Models(context).delete(options.id)
    terminal.result(model, f"deleted {model.id}")


def export(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Write a model's folder and print where it is."""
    out = Path(options.out).absolute() if options.out else None
    done = Models(context).export(options.id, out, merged=options.merged)
    terminal.say(f"{count(len(done.files), 'file')}, {done.bytes / 1e6:,.1f} MB")
    terminal.result(done, str(done.directory))
