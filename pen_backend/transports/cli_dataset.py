"""`pen dataset`: build a training set, look at what a reader sees, count tokens, words and characters."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pen_backend.errors import BadParamsError, Finding
from pen_backend.service.context import Context
from pen_backend.transports.arguments import Parser, command, group
from pen_backend.transports.terminal import Printed, Terminal

if TYPE_CHECKING:
    from pen_backend.service.datasets import Plan

PLAN_OPTIONS = ("model", "n_epochs", "batch_size", "learning_rate_multiplier", "seed")  # what a plan depends on


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the commands."""
    dataset = group(commands, "dataset", "Training sets.")
    added = command(dataset, "build", build, "Build a training set from a definition and publish it by one rename.")
    added.add_argument("source", metavar="DEFINITION", help="a definition's name or file")
    add_source(added)
    added.add_argument("--out", metavar="DIR", help="where the build's directory goes")
    added.add_argument("--model", help="the model whose tokens are counted")
    added.add_argument("--seed", type=int)
    added = command(dataset, "read", read, "Print what a reader sees, before any step, as JSON lines.")
    added.add_argument("--reader", metavar="NAME", default="auto", help="jokes, jsonl, org, table, text, whatsapp, "
                       "transcript, chatgpt or auto")
    added.add_argument("--limit", type=int, help="stop after so many")
    added.add_argument("file", metavar="FILE")
    added = command(dataset, "stats", stats, "Count tokens, words and characters of training files.")
    added.add_argument("--model", help="the model whose tokens are counted")
    added.add_argument("files", metavar="FILE", nargs="+", help="a training file or a build's directory")


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add what says where the records come from."""
    parser.add_argument("--source", metavar="FILE", dest="file", help="instead of the definition's own sources")
    parser.add_argument("--reader", metavar="NAME", default="auto", help="how --source is read (default: auto)")
    parser.add_argument("--valid-share", type=float, metavar="SHARE", help="share of the held-out rows, 0 to 1")


def plan(context: Context, options: argparse.Namespace, terminal: Terminal, **more: Any) -> "Plan":
    """Build the training set that OPTIONS describe."""
    from pen_backend.service.datasets import Datasets

    if options.file:
        path = Path(options.file).absolute()
        more |= {"path": path, "source": path.name}
    return Datasets(context).plan(options.source, reader=options.reader, valid_share=options.valid_share, **more,
                                  events=Printed(terminal))


def describe(planned: "Plan") -> str:
    """Write a plan as a page: what, how much, what is wrong with it."""
    return "\n".join([planned.summary, planned.table.rstrip("\n"), *_findings(planned)])


def build(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print the report's table, or the manifest as JSON; findings go to stderr."""
    more = {"out": Path(options.out).absolute()} if options.out else {}
    if options.out and Path(options.out).exists() and not Path(options.out).is_dir():
        raise BadParamsError(f"{options.out} is a file; name a directory.")
    planned = plan(context, options, terminal, model=options.model, seed=options.seed, **more)
    terminal.say("\n".join([planned.summary, *_findings(planned), str(planned.directory)]))
    manifest = json.loads((planned.directory / "manifest.json").read_bytes())
    terminal.result(manifest, planned.table)


def read(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print records as JSON lines, while they are read; what there is to say about the file goes to stderr."""
    from pen_backend.service.datasets import Datasets

    for line, each in Datasets(context).readings(options.reader, Path(options.file).absolute(), options.limit):
        if isinstance(each, Finding):
            terminal.say(f"{each.level}: {each}")
        else:
            terminal.write(line + "\n")


def stats(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print one table a file."""
    from pen_backend.service.datasets import Datasets

    counted = {name: Datasets(context).stats(Path(name).absolute(), options.model) for name in options.files}
    many = len(counted) > 1
    terminal.result(counted if many else next(iter(counted.values())), lambda: "\n".join(
        (f"{name}\n" if many else "") + one.table.rstrip("\n") for name, one in counted.items()))


def _findings(planned: "Plan") -> list[str]:
    """Write findings as lines that an editor can follow: place, message, what leads to it in its row, and the hint."""
    return ["".join((f"{one.where}: " if one.where else "", f"{one.level}: {one.message}",
                     f" (at {one.pointer})" if one.pointer else "", f"; {one.hint}" if one.hint else ""))
            for one in planned.findings]
