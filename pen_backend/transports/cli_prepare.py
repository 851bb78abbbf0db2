"""`pen prepare`: what prepare_data checked and mended, asked on a terminal or taken with -q."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pen_backend.errors import DataError, Finding, RefusedError
from pen_backend.service.context import Context
from pen_backend.service.datasets import Datasets
from pen_backend.transports.arguments import Parser, command, help_of
from pen_backend.transports.terminal import Printed, Terminal, one_line

if TYPE_CHECKING:
    from pen_backend.dataset.prepare.prepared import Prepared, PrepareFinding

_ANSWERS = {"": True, "y": True, "yes": True, "n": False, "no": False}
_LINES_SHOWN = 10
_SAMPLE = 60  # characters of a text before and after


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    added = command(commands, "prepare", prepare, help_of(Datasets.prepare))
    added.add_argument("file", metavar="FILE", help="JSON lines, JSON, CSV, TSV, XLSX or plain text")
    added.add_argument("-q", dest="accept", action="store_true", help="take every recommendation without asking")
    added.add_argument("--decline", metavar="N", type=int, action="append", default=[],
                       help="do not take the recommendation of check N; may be repeated")
    added.add_argument("--no-split", action="store_true", help="hold no rows of a classification out")
    added.add_argument("--prompt", metavar="NAME", help="a definition whose format the rows are to fit")
    added.add_argument("--out", metavar="DIR", help="where the files go (default: beside FILE)")
    added.add_argument("--model", help="the model whose tokens are counted (default: those of davinci's time)")
    added.add_argument("--max-tokens", type=int, metavar="N", help="tokens that a row may have (default: 2048)")
    added.add_argument("--max-bad", type=float, default=0.01, metavar="SHARE",
                       help="share of records that may be left out because they cannot be read (default: 0.01)")


def prepare(context: Context, options: argparse.Namespace, terminal: Terminal, answers: TextIO | None = None) -> None:
    """Look, tell what was found, ask by ANSWERS (stdin) what to do about it, and do it."""
    talk = _Talk(context, options, terminal, answers or sys.stdin)
    done = talk.take_all() if options.accept or options.quiet else talk.ask()  # prepare_data's --quiet was its -q
    terminal.result(done, lambda: "".join(f"{file}\n" for file in _files(done)))
    terminal.say("\n".join(_advice(done)))


class _Talk:
    """One preparation, and the person who decides about it."""

    def __init__(self, context: Context, options: argparse.Namespace, terminal: Terminal, answers: TextIO) -> None:
        self._datasets = Datasets(context)
        self._options = options
        self._terminal = terminal
        self._answers = answers
        self._told: set[tuple[int | None, str, str]] = set()

    def take_all(self) -> "Prepared":
        """Take every recommendation."""
        return self._run(self._options.decline, split=not self._options.no_split, write=True)

    def ask(self) -> "Prepared":
        """Look first, then ask about every recommendation, in order; what follows from a no is looked at again."""
        declined = list(self._options.decline)
        split = not self._options.no_split
        done = self._run(declined, split=split, write=False)
        if not self._answers.isatty():
            if (done.split and split) or any(one.applied for one in _recommended(done)):
                self._terminal.result(done, "")
                raise RefusedError("Nothing was written: there are recommendations to decide on, and no terminal to "
                                   "ask.", hint="Give -q to take them all.")
            return self._run(declined, split=split, write=True)
        asked = set(declined)
        while pending := [one for one in _recommended(done) if one.id not in asked]:
            number = pending[0].id or 0
            asked.add(number)
            if not self._yes(f"[{number}] {pending[0].message}: {pending[0].remedy}?"):
                declined.append(number)
                done = self._run(declined, split=split, write=False)
        if done.split and split and not self._yes("Hold rows of every class out, in a file of their own?"):
            split = False
            done = self._run(declined, split=split, write=False)
        files = _files(done)
        if files and not self._yes(f"Write {', '.join(file.name for file in files)}?"):
            raise RefusedError("Nothing was written.")
        return self._run(declined, split=split, write=True)

    def _run(self, declined: list[int], *, split: bool, write: bool) -> "Prepared":
        """Prepare the file or look ahead, and tell what was not told yet; DataError if nothing can be made of it."""
        options = self._options
        out = Path(options.out).absolute() if options.out else None
        done = self._datasets.prepare(
            Path(options.file).absolute(), options.prompt, out, declined, split, options.model, options.max_tokens,
            options.max_bad, write, events=Printed(self._terminal))
        new = [one for one in done.findings if (one.id, one.code, one.message) not in self._told]
        self._told.update((one.id, one.code, one.message) for one in new)
        for one in new:
            if one.level != "error":
                self._terminal.say("\n".join(_lines(one)))
        if not done.ok:
            errors = [Finding(one.code, _whole(one), one.where, one.remedy) for one in done.findings
                      if one.level == "error"]
            if self._terminal.as_json:
                self._terminal.json_line(done)
            raise DataError(f"{done.file} cannot be prepared; nothing was written.", findings=errors)
        return done

    def _yes(self, question: str) -> bool:
        """Ask until it is answered; nothing is a yes, and what is neither yes nor no is asked again."""
        self._terminal.clear()
        while True:
            print(f"{question} [Y/n] ", end="", file=self._terminal.err, flush=True)
            answer = self._answers.readline()
            if not answer:
                raise RefusedError("Nothing was written: the last question was not answered.")
            if (word := answer.strip().lower()) in _ANSWERS:
                return _ANSWERS[word]
            question = "Please answer y or n:"


def _recommended(done: "Prepared") -> "list[PrepareFinding]":
    return [one for one in done.findings if one.fix == "recommended" and one.id is not None]


def _files(done: "Prepared") -> list[Path]:
    return [*done.files, *([done.prompt_path] if done.prompt_path else [])]


def _lines(one: "PrepareFinding") -> Iterator[str]:
    """Write a finding as lines that an editor can follow, with the texts before and after."""
    number = f" {one.id}" if one.id is not None else ""
    remedy = f"; {one.fix}: {one.remedy}" if one.fix and one.remedy else f"; {one.remedy}" if one.remedy else ""
    yield f"{one.where}: {one.level}{number}: {_whole(one)}{remedy}"
    for sample in one.samples:
        yield f"    line {sample.line}: {_cut(sample.before)}"
        yield f"    {'':>{len(str(sample.line)) + 5}}→ {_cut(sample.after)}"


def _whole(one: "PrepareFinding") -> str:
    """Add the lines of the rows to a message."""
    if len(one.rows) < 2:
        return one.message
    more = len(one.rows) - _LINES_SHOWN
    return f"{one.message} (lines {_listed(one.rows[:_LINES_SHOWN])}{f' and {more} more' if more > 0 else ''})"


def _listed(lines: Sequence[int]) -> str:
    return ", ".join(map(str, lines))


def _cut(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _SAMPLE else f"{line[:_SAMPLE]}…"


def _advice(done: "Prepared") -> Iterator[str]:
    """Say what the rows are now, and what to do with them."""
    yield done.summary
    if done.valid:
        yield f"{done.rows - done.valid} to train on, {done.valid} held out"
    if done.table:
        yield done.table.rstrip("\n")
    if done.format is not None and (done.format.prompt_end or done.format.completion_end):
        end, stop = done.format.prompt_end, done.format.completion_end
        parts = [f"a prompt ends in {end!r}" if end else "", f"a completion in {stop!r}, the stop text" if stop else ""]
        yield ", ".join(part for part in parts if part)
    if done.options:
        yield f"classes: {done.options}"
    if not done.files:
        yield "the file can be used as it is"
    yield f"next: {done.command}"
