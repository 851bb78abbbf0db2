"""The rows of a CSV or TSV file: cut into cells, with the quotes and line breaks inside them."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from pathlib import PurePath

from pen_backend.dataset.sources.columns import Row
from pen_backend.dataset.sources.document import Document
from pen_backend.dataset.sources.lines import Line, lines
from pen_backend.records import LINE_LIMIT, bad

_QUOTED = re.compile(r'"[^"]*"')
_NAMED = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # what Excel understands and some programs write


def rows(document: Document) -> Iterator[Row]:
    """Yield the rows that are not blank; what separates the cells is decided by the first of them.

    A quote that is never closed costs one line: the next ones are read again without it.
    """
    if csv.field_size_limit() < LINE_LIMIT:
        csv.field_size_limit(LINE_LIMIT)
    waiting = _Waiting(lines(document))
    separator = ""
    while (line := waiting.next()) is not None:
        if line.cut:
            where = f"{document.name}:{line.number}"
            yield Row(line.number, error=bad("line-too-long", f"the line is longer than {LINE_LIMIT:,} bytes",
                                             where=where, hint="split the row, or look for a quote that is not closed"))
        elif line.text.strip("\r \x00"):
            if not separator:
                if named := _NAMED.fullmatch(line.text):
                    separator = named[1]
                    continue
                separator = _separator(document.name, line.text)
            yield _row(line, waiting, separator, document.name)


class _Waiting:
    """Lines that can be given back."""

    def __init__(self, coming: Iterator[Line]) -> None:
        self._coming = coming
        self._back: deque[Line] = deque()

    def next(self) -> Line | None:
        return self._back.popleft() if self._back else next(self._coming, None)

    def give_back(self, lines: list[Line]) -> None:
        self._back.extendleft(reversed(lines))


def _row(first: Line, waiting: _Waiting, separator: str, name: str) -> Row:
    if '"' not in first.text:
        plain = first.text.split(separator)
        return Row(first.number, tuple(plain), raw=plain)
    taken: list[Line] = []
    unclosed = False

    def physical() -> Iterator[str]:
        """Hand out the lines of one row: csv asks for another one only inside quotes."""
        nonlocal unclosed
        yield f"{first.text}\n"
        size = len(first.text)
        while (line := waiting.next()) is not None:
            taken.append(line)
            size += len(line.text) + 1
            if line.cut or size > LINE_LIMIT:
                break
            yield f"{line.text}\n"
        unclosed = True

    try:
        cells = next(csv.reader(physical(), delimiter=separator, strict=True))
    except csv.Error:
        waiting.give_back(taken)
        if separator == "\t":  # tabs need no quotes, and most programs write none around them
            return Row(first.number, tuple(first.text.split("\t")), raw=first.text)
        what = "a quote is opened and never closed" if unclosed else "after the closing quote of a cell comes more text"
        return Row(first.number, raw=first.text, error=bad("row-long", what, where=f"{name}:{first.number}",
                                                           hint="write a quote inside a cell twice"))
    return Row(first.number, tuple(cells), raw=cells)


def _separator(name: str, header: str) -> str:
    """Choose what the header holds most of outside its quotes; a tab first if the file's name says so."""
    plain = _QUOTED.sub("", header)
    tabs = PurePath(name.removesuffix(".gz")).suffix.lower() in (".tsv", ".tab")
    if tabs and "\t" in plain:
        return "\t"
    return max(",;\t", key=plain.count)
