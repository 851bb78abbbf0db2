"""Read plain text: a record a line, a paragraph or a file."""

import re
from collections.abc import Iterator

from pen_backend.dataset.record import Read, Record
from pen_backend.dataset.sources.document import Document, Request

_PARAGRAPH = re.compile(r"\S[^\n]*(?:\n(?=[^\n]*\S)[^\n]*)*")


def read(document: Document, request: Request) -> Iterator[Read]:
    """Yield the text's lines (the default), its paragraphs, or all of it; blank ones are no records."""
    text = document.text()
    unit = request.source.unit
    if unit == "file":
        if text.strip():
            yield Record({"text": text}, document.origin("line 1"))
    elif unit == "paragraph":
        line = at = 0
        for found in _PARAGRAPH.finditer(text):
            line += text.count("\n", at, found.start())
            at = found.start()
            yield Record({"text": found[0].rstrip()}, document.origin(f"line {line + 1}"))
    else:
        for number, each in enumerate(text.split("\n"), 1):
            if each and not each.isspace():
                yield Record({"text": each.strip()}, document.origin(f"line {number}"))
