"""The command line `openai-ft`: the flags of its notes start a job, which is followed to its end.

Log lines go to stdout, the progress bar and warnings to stderr. A long option may be written with one dash or two.
"""

import argparse
import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from pen_backend import __version__
from pen_backend.errors import CancelledError, ConfigError, JobError
from pen_backend.jobs.openai_ft import Flags
from pen_backend.service.context import Context
from pen_backend.service.legacy import Legacy
from pen_backend.transports import cli_jobs
from pen_backend.transports.arguments import Parser, at_least_one
from pen_backend.transports.attempt import attempt
from pen_backend.transports.shell import add_completion
from pen_backend.transports.terminal import Terminal, number, one_line, plain, progress_line

BAR = 40  # characters of the longest progress bar
EVENTS = "events.jsonl"


def main(argv: Sequence[str] | None = None, *, context: Context | None = None, out: TextIO | None = None,
         err: TextIO | None = None, answers: TextIO | None = None) -> int:
    """Start the job that the flags of ARGV (default: the process's arguments) describe, and follow it."""
    try:
        arguments = list(sys.argv[1:] if argv is None else argv)
        options = parser().parse_args(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    terminal = Terminal(out=out, err=err, program="openai-ft", arguments=arguments)
    return attempt(terminal, lambda: fine_tune(context or Context(project=Path.cwd()), options, terminal,
                                               answers or sys.stdin))


def parser() -> argparse.ArgumentParser:
    """Build the parser: the flags of the openai-ft notes and the pun README."""
    top = Parser(prog="openai-ft", allow_abbrev=False,
                 description="Fine-tune a model on a file of texts, and follow the training.",
                 epilog="A file is a path (.jsonl, or .txt, which is cut at blank lines) or an uploaded file's id.")
    top.add_argument("--version", action="version", version=f"openai-ft of pen {__version__}")
    add_completion(top)

    def flag(*names: str, **settings: Any) -> None:
        top.add_argument(*[f"{dashes}{name}" for name in names for dashes in ("-", "--")], **settings)

    flag("t", "train", dest="train", metavar="FILE", required=True, help="the training file")
    flag("val", dest="valid", metavar="FILE", help="the validation file")
    flag("e", "engine", dest="engine", metavar="NAME", nargs="?", const="",
         help="a name for the engine: its newest model answers to it; without NAME, openai-ft.engine of the settings")
    flag("m", "model", dest="model", metavar="MODEL", help="the model to start from, or a snapshot to continue")
    flag("num-epochs", type=at_least_one, default=1, metavar="N", help="how often the file is seen (1)")
    flag("batch-size", type=at_least_one, default=1, metavar="N", help="windows of --max-tokens tokens in a step (1)")
    flag("val-batch-size", type=at_least_one, metavar="N", help="examples in a validation batch")
    flag("max-tokens", type=at_least_one, metavar="N", help="tokens of a window (2048, or the model's context)")
    flag("s", dest="scale", type=_factor, metavar="X", help="factor on the learning rate: 0.1 is ten times lower")
    flag("snapshots-every", type=at_least_one, metavar="STEPS", help="steps between snapshots")
    flag("completions-every", type=at_least_one, metavar="STEPS", help="steps between sample completions")
    flag("num-completions", type=at_least_one, metavar="N", help="sample completions each time (1)")
    flag("log-path", metavar="DIR", help="keep events, samples and result tables in DIR, in a directory for each job")
    flag("v", "verbose", dest="verbose", action="store_true", help="print each step")
    return top


def fine_tune(context: Context, options: argparse.Namespace, terminal: Terminal, answers: TextIO) -> None:
    """Launch the job, follow it, and keep what it has told."""
    legacy = Legacy(context)
    logs = None if options.log_path is None else _directory(Path(options.log_path))
    flags = Flags(**{name: getattr(options, name) for name in Flags.__dataclass_fields__})
    confirmed = context.config.local or cli_jobs.confirm(context, argparse.Namespace(yes=False), terminal, answers)
    job = legacy.openai_ft(flags, lambda text: terminal.say(f"openai-ft: {text}"), confirmed=confirmed)
    terminal.write(f"Created job {job.id}\n")
    log = _Log(terminal, legacy, job.id, verbose=options.verbose,
               directory=None if logs is None else _directory(logs / job.id))
    try:
        ended = cli_jobs.follow(context, job.id, None, terminal, as_lines=False, printed=log)
    except (JobError, CancelledError):
        log.finish()
        raise
    log.finish()
    terminal.write(f"Fine-tuned model: {ended.fine_tuned_model}\n")


class _Log(cli_jobs.Progress):
    """The log of a job as `openai-ft` wrote it, and a copy of all events in a file."""

    def __init__(self, terminal: Terminal, legacy: Legacy, job: str, *, verbose: bool, directory: Path | None) -> None:
        super().__init__(terminal, job, texts=False)
        self.directory = directory
        self._legacy = legacy
        self._verbose = verbose
        self._awaited: set[str] = set()  # models of snapshots that were announced and could not be used yet
        self._told: set[str] = set()

    def send(self, kind: str, **data: object) -> None:
        """Print one event, and keep it."""
        if self.directory is not None:
            with (self.directory / EVENTS).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(plain({"kind": kind, **data}), ensure_ascii=False) + "\n")
        details = data.get("data")
        found: Mapping[str, Any] = details if isinstance(details, Mapping) else {}
        if data.get("what") == "sample":
            text = one_line(str(data.get("text") or ""))
            self._print(f"Completion at step {found.get('step', '?')}: {text}")
        elif data.get("what") == "checkpoint":
            self._awaited.add(str(found.get("name")))
        else:
            if kind == "progress" and self._verbose:
                self._print(_step(data))
            super().send(kind, **data)
        if self._awaited:
            self._tell_snapshots()

    def finish(self) -> None:
        """Name the last snapshots and keep the result tables."""
        self._tell_snapshots()
        if self.directory is not None:
            self._legacy.save_results(self._job, self.directory)

    def _tell_snapshots(self) -> None:
        """Print the snapshots that can be used and were not named yet."""
        for one in self._legacy.snapshots(self._job):
            self._awaited.discard(one.model)
            if one.alias not in self._told:
                self._told.add(one.alias)
                self._print(f"Created snapshot {one.alias}")

    def line(self, data: Mapping[str, Any]) -> str:
        """Draw the progress bar."""
        told = progress_line(data)
        room = min(BAR, shutil.get_terminal_size().columns - len(told) - 4)
        if room < 5 or not data.get("steps"):
            return told
        done = round(room * min(1.0, data["step"] / data["steps"]))
        return f"[{'#' * done}{'.' * (room - done)}] {told}"

    def _print(self, text: str) -> None:
        self._terminal.clear()
        self._terminal.write(text + "\n")


def _step(data: Mapping[str, Any]) -> str:
    parts = [f"Step {data['step']}/{data.get('steps') or '?'}: loss {number(data.get('loss'))}"]
    if data.get("valid_loss") is not None:
        parts.append(f"validation loss {number(data['valid_loss'])}")
    return ", ".join(parts)


def _directory(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"The directory {path} cannot be made: {error.strerror}.",
                          hint="Name another one.") from error
    return path


def _factor(text: str) -> float:
    """Read a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"must be a number above 0, got '{text}'")
    return value


if __name__ == "__main__":
    sys.exit(main())
