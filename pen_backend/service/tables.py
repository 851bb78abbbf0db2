"""Rows laid out as text, columns as wide as their content."""

import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out rows below their head, columns as wide as their content."""
    lines = [list(head), *[["–" if cell is None else one_line(str(cell)) for cell in row] for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                     for line in lines)


def one_line(text: str) -> str:
    """Join a text's lines by a space, so that one result is one line."""
    return re.sub(r"[ \t]*\r?\n[ \t]*", " ", text.strip())
