"""What the command line writes: results on stdout, everything else on stderr, a live line only on a terminal."""

import dataclasses
import io
import json
import math
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from pen_backend.errors import ConfigError, Finding, PenError, advised
from pen_backend.secrets import redact
from pen_backend.service.tables import one_line as one_line
from pen_backend.service.tables import table as table
from pen_backend.transports.typed import wording
from pen_backend.words import count

CLEAR = "\r\x1b[K"
REDRAW_SECONDS = 0.1
SHOWN_FINDINGS = 20


class OutputError(ConfigError):
    """Standard output cannot be written: where it leads was the caller's choice."""


class Terminal:
    """The two streams of one command, and how much is said on them."""

    def __init__(self, *, out: TextIO | None = None, err: TextIO | None = None, as_json: bool = False,
                 quiet: bool = False, program: str = "pen", arguments: Sequence[str] = ()) -> None:
        """AS_JSON: results are JSON; QUIET: only results and errors; PROGRAM was called with ARGUMENTS."""
        # A stream that was closed before Python began is None: results must be missed, and messages cannot be.
        self.out = out or sys.stdout or io.TextIOWrapper(io.FileIO(os.devnull))
        self.err = err or sys.stderr or io.TextIOWrapper(io.FileIO(os.devnull, "w"), "utf-8")
        self.as_json = as_json
        self.quiet = quiet
        self.program = program
        self._typed = wording(arguments)
        self._live = False
        self._drawn = 0.0

    def result(self, value: object, text: str | Callable[[], str]) -> None:
        """Print a result: VALUE as one JSON document, or TEXT."""
        if self.as_json:
            self.json_line(value)
        else:
            written = text if isinstance(text, str) else text()
            self.write(written if written.endswith("\n") or not written else written + "\n")

    def json_line(self, value: object) -> None:
        """Print VALUE as JSON on one line."""
        self.clear()
        self.write(json.dumps(plain(value), ensure_ascii=False) + "\n")

    def write(self, text: str) -> None:
        """Print a piece of a result as it arrives; OutputError says why it cannot be."""
        try:
            self.out.write(text)
            self.out.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"standard output cannot be written: {error.strerror or 'it is closed'}.") from error

    def say(self, text: str) -> None:
        """Tell the person at the terminal something that is no result."""
        if not self.quiet:
            self.clear()
            print(redact(text), file=self.err, flush=True)

    def live(self, text: str, *, last: bool = False) -> None:
        """Redraw the progress line; without a terminal there is none."""
        now = time.monotonic()
        if self.quiet or not self.err.isatty() or (not last and self._live and now - self._drawn < REDRAW_SECONDS):
            return
        self._live, self._drawn = not last, now
        self.err.write(CLEAR + text + ("\n" if last else ""))
        self.err.flush()

    def clear(self) -> None:
        """Remove the progress line, so that something else can be printed."""
        if self._live:
            self.err.write(CLEAR)
            self.err.flush()
            self._live = False

    def fail(self, error: PenError) -> None:
        """Print an error: each finding on its line, then what happened and what to do."""
        self.clear()
        print(redact("\n".join(map(self._typed, _lines(error, self.program)))), file=self.err, flush=True)


class Printed:
    """A streaming method's events, printed as they come."""

    def __init__(self, terminal: Terminal, *, texts: bool = False) -> None:
        """TEXTS: deltas are part of the result and are printed, as `--stream` asks."""
        self.id = "cli"
        self._terminal = terminal
        self._texts = texts
        self._steps: tuple[int, int | None] = (0, None)

    @property
    def cancelled(self) -> bool:
        """Ctrl-C is an exception here, so nothing has to ask."""
        return False

    def on_cancel(self, function: Callable[[], object]) -> None:
        """Forget FUNCTION: the exception of Ctrl-C closes what is open."""

    def line(self, data: Mapping[str, Any]) -> str:
        """Write progress as the line that is redrawn."""
        return progress_line(data)

    def send(self, kind: str, **data: object) -> None:
        """Print one event: a JSON line, a piece of text, the progress line, or a message."""
        terminal = self._terminal
        if self._texts and terminal.as_json:
            terminal.json_line({"kind": kind, **data})
        elif kind == "delta":
            if self._texts:
                terminal.write(str(data.get("text", "")))
        elif kind == "progress":
            terminal.live(self.line(data), last=False)
        elif kind == "log" and data.get("text"):
            what = str(data.get("what"))
            terminal.say(str(data["text"]) if what == "text" else f"{what}: {one_line(str(data['text']))}")


def _lines(error: PenError, program: str) -> list[str]:
    """Write an error's findings and itself, nothing twice: after their place or else after PROGRAM."""
    findings = error.findings
    first = findings[0] if findings else None
    if len(findings) == 1 and first is not None and _says(error, first):
        where = first.where or error.where
        place = where if where and not _names(error.message, where) else program
        return [f"{place}: {advised(error.message, error.hint or first.hint)}"]
    lines, more = [], Counter(map(_sort, findings))
    for kind in list(more)[:SHOWN_FINDINGS]:
        shown = next(finding for finding in findings if _sort(finding) == kind)
        lines.append(f"{'' if shown.where else f'{program}: '}{shown}{_rest(more[kind])}")
    if len(more) > SHOWN_FINDINGS:
        lines.append(f"… and {len(more) - SHOWN_FINDINGS} more")
    place = f"{error.where}: " if error.where and not _names(error.message, error.where) else ""
    whole = f"{program}: {place}{advised(_folded(error.message), error.hint)}"
    told = error.message.partition(" (and ")[0].casefold().rstrip(".")
    return lines if told in [one.message.casefold().rstrip(".") for one in findings] else [*lines, whole]


def _names(message: str, where: str) -> bool:
    """Say whether a message begins with the file that it is about, so that the file need not be named before it."""
    before, name, _ = message.partition(f"{where.rpartition('/')[2]} ")
    return bool(name) and (not before or (before[0] == before[-1] == "/"))


def _folded(message: str) -> str:
    """Fold the lines of an engine's message that differ only in their numbers into the first of them."""
    lines = message.split("\n")
    kinds = [re.sub(r"0x[0-9a-f]+|[0-9]+", "0", line) for line in lines]
    number = Counter(kinds)
    first = dict(zip(reversed(kinds), reversed(lines), strict=True))
    return "\n".join(first[kind] + _rest(times) for kind, times in number.items())


def _rest(times: int) -> str:
    """Say after a line that stands for so many how many more there are."""
    return f" (and {count(times - 1, 'more line')})" if times > 1 else ""


def _says(error: PenError, finding: Finding) -> bool:
    """Say whether a finding is the error itself, in other words of the same sentence."""
    one, other = (text.casefold().rstrip(".") for text in (error.message, finding.message))
    return one in other or other in one


def _sort(finding: Finding) -> tuple[str, str, str]:
    """Return what findings share that differ only in their lines and numbers."""
    file = re.sub(r"(:[0-9]+){1,2}$", "", finding.where or "")
    return file, finding.code, re.sub(r"0x[0-9a-f]+|[0-9]+", "0", finding.message)


def progress_line(data: Mapping[str, Any]) -> str:
    """Write progress as one line: step, loss, tokens a second and the time left, or what is done of how much."""
    if data.get("step") is None:
        total = f"/{data['total']}" if data.get("total") else ""
        return f"{data.get('done', 0)}{total} {data.get('unit') or ''}".rstrip()
    parts = [f"step {data['step']}/{data.get('steps') or '?'}", f"loss {number(data.get('loss'))}"]
    if data.get("valid_loss") is not None:
        parts.append(f"valid {number(data['valid_loss'])}")
    if data.get("tokens_per_second") is not None:
        parts.append(f"{data['tokens_per_second']:,.0f} tokens/s")
    parts.append(f"ETA {duration(data.get('eta'))}")
    return "  ".join(parts)


def number(value: object) -> str:
    """Write a loss; a dash if it was not measured."""
    return f"{value:.3f}" if isinstance(value, int | float) else "–"


def duration(seconds: object) -> str:
    """Write seconds as minutes and seconds."""
    if not isinstance(seconds, int | float):
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def when(seconds: int | None) -> str | None:
    """Write a time of the provider's clock as local date and time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else None


def plain(value: object) -> Any:
    """Turn records into what JSON can hold; a number that is none, as a diverged loss, becomes null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
