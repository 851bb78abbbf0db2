"""Helpers of the preparation's tests: rows from pairs, and a file prepared from end to end."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pen_backend.dataset.prepare.examine import Examined, examine
from pen_backend.dataset.prepare.found import Found, Row, Rules
from pen_backend.dataset.prepare.prepared import Prepared, PrepareFinding
from pen_backend.dataset.prepare.run import Request, prepare
from pen_backend.dataset.sources.document import documents
from pen_backend.prompts.sources import Source

Pair = tuple[str, str]


def rows(pairs: Iterable[Pair]) -> list[Row]:
    """Make rows that stand on lines 1, 2, …"""
    return [Row(number, number + 1, prompt, completion) for number, (prompt, completion) in enumerate(pairs)]


def examined(pairs: Iterable[Pair], rules: Rules | None = None) -> Examined:
    """Run every check."""
    return examine(rows(pairs), rules or Rules())


def pairs_of(done: Examined) -> list[Pair]:
    """Return the texts that are left."""
    return [(row.prompt, row.completion) for row in done.rows]


def found(done: Examined, number: int) -> Found | None:
    """Return what a check found."""
    return next((one for one in done.found if one.id == number), None)


def write(path: Path, lines: Sequence[Any]) -> Path:
    """Write objects, or texts as they are, as lines."""
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def table(path: Path, pairs: Iterable[Pair]) -> Path:
    """Write pairs as JSON lines."""
    return write(path, [{"prompt": prompt, "completion": completion} for prompt, completion in pairs])


def run(path: Path, request: Request | None = None) -> Prepared:
    """Prepare a file as -q does."""
    (document,) = documents(Source(path=str(path)), path.name, path.parent)
    return prepare(document, request or Request())


def finding(done: Prepared, number: int | None, code: str | None = None) -> PrepareFinding | None:
    """Return what a check found, by its number, by its code, or both."""
    return next((one for one in done.findings if one.id == number and code in (None, one.code)), None)


def lines(path: Path) -> list[Pair]:
    """Read the rows of a prepared file."""
    return [(row["prompt"], row["completion"]) for row in map(json.loads, path.read_text().splitlines())]
