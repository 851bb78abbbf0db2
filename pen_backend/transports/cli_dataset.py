"""`pen dataset`: build training sets, look at what a reader sees, count, price, check and compare them."""

import argparse
import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pen_backend.errors import BadParamsError, DataError, Finding, NotFoundError, PromptError, advised
from pen_backend.service.context import Context
from pen_backend.transports.arguments import Parser, command, group
from pen_backend.transports.terminal import Printed, Terminal, table

if TYPE_CHECKING:
    from pen_backend.service.appraisal import Checked
    from pen_backend.service.datasets import Plan

One = TypeVar("One")

PLAN_OPTIONS = ("model", "n_epochs", "batch_size", "learning_rate_multiplier", "seed")  # what a plan depends on


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the commands."""
    dataset = group(commands, "dataset", "Training sets.")
    added = command(dataset, "build", build, "Build a training set from a definition and publish it by one rename.")
    added.add_argument("source", metavar="DEFINITION", help="a definition's name or file")
    add_source(added)
    added.add_argument("--out", metavar="DIR", help="where the build's directory goes")
    added.add_argument("--model", help="the model whose tokens are counted")
    added.add_argument("--seed", type=int, metavar="N", help="the only randomness of the build")
    added = command(dataset, "read", read, "Print what a reader sees, before any step, as JSON lines.")
    added.add_argument("--reader", metavar="NAME", default="auto", help="jokes, jsonl, org, table, text, whatsapp, "
                       "transcript, chatgpt or auto")
    added.add_argument("--limit", type=int, metavar="N", help="stop after so many records")
    added.add_argument("file", metavar="FILE",
                       help="an org file, jokes, a chat, a transcript, a table, rows or plain text")
    added = command(dataset, "check", check, "Check training files, builds or definitions; findings go to stderr.")
    added.add_argument("--prompt", metavar="NAME", help="the definition whose format the rows of a file are to fit")
    added.add_argument("--model", help="the model whose tokens are counted")
    added.add_argument("--max-tokens", type=int, metavar="N", help="the longest row")
    added.add_argument("--rows", type=int, metavar="N", default=3, help="how many rows of each side to show (3)")
    _add_files(added, "a training file, a build's directory or id, or a definition")
    added = command(dataset, "stats", stats, "Count tokens, words and characters of training files.")
    added.add_argument("--model", help="the model whose tokens are counted")
    _add_files(added)
    added = command(dataset, "cost", cost, "Estimate what training would cost on each model, and using it.")
    added.add_argument("--model", dest="models", action="append", default=[], help="one model; may be repeated")
    added.add_argument("--epochs", type=int, metavar="N", help="instead of what a provider would choose")
    added.add_argument("--budget", type=float, metavar="AMOUNT", help="say how much of the set it pays for")
    added.add_argument("--exact", action="store_true", help="never a fraction of a cent above the budget")
    _add_files(added)
    added = command(dataset, "card", card, "Write the card of a build: what it holds and where that came from.")
    added.add_argument("--markdown", action="store_true", help="as Markdown instead of org")
    _add_files(added)
    added = command(dataset, "diff", diff, "Compare two builds, or two training files.")
    added.add_argument("before", metavar="BEFORE", help="a training file, or a build's directory or id")
    added.add_argument("after", metavar="AFTER", help="what to compare it with")


def _add_files(parser: argparse.ArgumentParser, text: str = "a training file, or a build's directory or id") -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help=text)


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add what says where the records come from."""
    parser.add_argument("--source", metavar="FILE", dest="file", help="instead of the definition's own sources")
    parser.add_argument("--reader", metavar="NAME", default="auto", help="how --source is read (default: auto)")
    parser.add_argument("--valid-share", type=float, metavar="SHARE", help="share of the held-out rows, 0 to 1")


def plan(context: Context, options: argparse.Namespace, terminal: Terminal, **more: Any) -> "Plan":
    """Build the training set that OPTIONS describe."""
    from pen_backend.service.datasets import Datasets

    _refuse_data(context, options)
    if options.file is not None:
        path = Path(options.file).absolute()
        more |= {"path": path, "source": path.name}
    return Datasets(context).plan(options.source, reader=options.reader, valid_share=options.valid_share, **more,
                                  events=Printed(terminal))


def _refuse_data(context: Context, options: argparse.Namespace) -> None:
    """Say where a file of data belongs that is named in place of a definition, and that one is not there."""
    given, path = options.source, Path(options.source)
    if not _is_of_data(path) or (path.exists() and not path.is_file()):
        return
    if not path.exists() or path.suffix != ".jsonl":  # one row of it would pass for an old definition
        with contextlib.suppress(NotFoundError, PromptError):
            context.library().any(given)
            return
    if not path.exists():
        raise NotFoundError(f"There is neither a file nor a definition '{given}'.",
                            hint="Check the name; `pen prompts list` shows the definitions.")
    if _is_training_file(context, path):
        raise BadParamsError(f"{path.name} holds finished rows and is no definition.",
                             hint=f"`pen dataset check {given}` looks at them, `pen finetune {given}` trains on them.")
    raise BadParamsError(f"{path.name} is no definition.",
                         hint=f"To learn from it, name the definition that makes rows of it: "
                              f"`{options.parser.prog} DEFINITION --source {given}`.")


def _is_of_data(path: Path) -> bool:
    """Say whether a name is one of a file, by its suffix, and not of a definition's."""
    from pen_backend.prompts.include import SUFFIXES

    return path.suffix[1:].isalpha() and path.suffix not in SUFFIXES


def _is_training_file(context: Context, path: Path) -> bool:
    """Say whether a file's first record is a row that can be trained on as it is."""
    from pen_backend.records import Example
    from pen_backend.service.datasets import Datasets

    with contextlib.suppress(DataError):
        found = (each for _, each in Datasets(context).readings("auto", path.absolute()))
        return path.suffix == ".jsonl" and isinstance(next(found, None), Example)
    return False


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
    terminal.result(_values(counted), lambda: _texts(counted, lambda one: one.table.rstrip("\n")))


def check(context: Context, options: argparse.Namespace, terminal: Terminal) -> int:
    """Print findings to stderr and the first rows as they are trained; errors are exit code 2."""
    if options.rows < 0:
        raise BadParamsError("rows must be at least 0.")
    checked = {name: _check(context, name, options, terminal) for name in options.files}
    for one in checked.values():
        terminal.say("\n".join(_findings(one)) or "nothing is wrong")
    terminal.result(_values(checked), lambda: _texts(checked, lambda one: _shown(one, options.rows)))
    return 2 if any(finding.level == "error" for one in checked.values() for finding in one.findings) else 0


def _check(context: Context, name: str, options: argparse.Namespace, terminal: Terminal) -> "Checked | Plan":
    """Check one file or build; what is neither is a definition, whose own set is built."""
    from pen_backend.service.datasets import Datasets

    datasets, path = Datasets(context), Path(name).absolute()
    is_set = path.is_dir() or (path.exists() and path.suffix not in (".yaml", ".yml", ".prompt"))
    if not is_set and not path.exists():
        with contextlib.suppress(NotFoundError):
            path, is_set = context.find_plan(name), True
    if is_set or (not path.exists() and (os.sep in name or _is_of_data(path))):
        return datasets.check(path, options.prompt, options.model, options.max_tokens, events=Printed(terminal))
    return datasets.plan(name, model=options.model, events=Printed(terminal))


def cost(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print the cost of an epoch and of use, then what a job takes, for each model."""
    from pen_backend.service.datasets import Datasets

    costs = {name: Datasets(context).cost(Path(name).absolute(), options.models, options.epochs, options.budget,
                                          options.exact) for name in options.files}
    terminal.result(_values(costs), lambda: "\n".join(
        [_texts(costs, lambda one: f"{one.table}\n{one.estimates}"), next(iter(costs.values())).notes]))


def card(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print the card as a text, or its figures as JSON."""
    from pen_backend.service.datasets import Datasets

    cards = {name: Datasets(context).card(Path(name).absolute(), "markdown" if options.markdown else "org")
             for name in options.files}
    figures = {name: json.loads(one.figures) for name, one in cards.items()}
    terminal.result(_values(figures), lambda: "\n".join(one.text for one in cards.values()))


def diff(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print what decided the two, where that differs, and how many rows do."""
    from pen_backend.service.datasets import Datasets

    found = Datasets(context).diff(Path(options.before).absolute(), Path(options.after).absolute())
    rows = (f"rows: {found.same} the same, {found.added} added, {found.removed} removed, "
            f"{found.moved} on the other side")
    changes = [(one.what, one.before, one.after) for one in found.changes]
    terminal.result(found, lambda: "\n".join([*([table(("WHAT", "BEFORE", "AFTER"), changes)] if changes else []),
                                              rows]))


def _values(found: Mapping[str, One]) -> Mapping[str, One] | One:
    """Return what was found in files by their names; in one file, that alone."""
    return found if len(found) > 1 else next(iter(found.values()))


def _texts(found: Mapping[str, One], write: Callable[[One], str]) -> str:
    """Write what was found in files, each below its name if there are several."""
    return "\n".join((f"{name}\n" if len(found) > 1 else "") + write(one) for name, one in found.items())


def _shown(one: "Checked | Plan", rows: int) -> str:
    """Write the first rows of each side with weights and tokens, line breaks visible, and the table."""
    lines = []
    for side in ("train", "valid"):
        for row in [row for row in one.rows if row.side == side][:rows]:
            lines.append(f"{row.where}  {row.side}")
            lines += [f"  {part.weight:<4g} {part.tokens:>5} tokens  {json.dumps(part.text, ensure_ascii=False)}"
                      for part in row.segments]
    return "\n".join([*lines, *([""] if lines else []), one.table])


def _findings(planned: "Plan | Checked") -> list[str]:
    """Write findings as lines that an editor can follow: place, message, what leads to it in its row, and the hint."""
    return [f"{f'{one.where}: ' if one.where else ''}{one.level}: "
            + advised(one.message + (f" (at {one.pointer})" if one.pointer else ""), one.hint)
            for one in planned.findings]
