"""Read plain text: a record a line, a paragraph, or the whole file in pieces that a training line can hold."""

from collections.abc import Iterator

from pen_backend.dataset.record import Read, Record, Rejected
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.lines import lines
from pen_backend.records import LINE_LIMIT

_PIECE = 256_000  # bytes of a piece of a whole file


def read(document: Document, request: Request) -> Iterator[Read]:
    """Yield the text's lines (the default), its paragraphs, or all of it; blank ones are no records."""
    unit = request.source.unit
    if unit == "file":
        return _pieces(document)
    return _paragraphs(document) if unit == "paragraph" else _lines(document)


def _lines(document: Document) -> Iterator[Read]:
    for line in lines(document):
        if line.cut:
            yield _too_long(document, line.number, "line", line.text)
        elif line.text and not line.text.isspace():
            yield Record({"text": line.text.strip()}, document.origin(f"line {line.number}"))


def _paragraphs(document: Document) -> Iterator[Read]:
    """Cut at blank lines."""
    for number, text, cut in _between_blanks(document):
        if cut:
            yield _too_long(document, number, "paragraph", text)
        else:
            yield from _piece(document, number, [text])


def _pieces(document: Document) -> Iterator[Read]:
    """Cut only at blank lines, into pieces below 256 KB that keep the blank lines inside them.

    A longer paragraph is a piece of its own as long as a training line can hold it.
    """
    piece: list[str] = []
    size, first = 0, 1
    for number, text, cut in _between_blanks(document):
        length = len(text.encode())
        if piece and (cut or size + length >= _PIECE):
            yield from _piece(document, first, piece)
            piece, size = [], 0
        if cut:
            yield _too_long(document, number, "paragraph", text)
            continue
        if text.isspace() and not piece:
            continue
        first = first if piece else number
        piece.append(text)
        size += length
    yield from _piece(document, first, piece)


def _piece(document: Document, first: int, texts: list[str]) -> Iterator[Read]:
    text = "".join(texts).strip("\n")
    if text and not text.isspace():
        yield Record({"text": text.rstrip()}, document.origin(f"line {first}"))


def _between_blanks(document: Document) -> Iterator[tuple[int, str, bool]]:
    """Yield paragraphs with the number of their first line and the blank lines after them, and whether they were cut.

    Blank lines at the file's start come as a paragraph of their own.
    """
    held: list[str] = []
    size, first, cut, ended = 0, 1, False, False
    for line in lines(document):
        blank = not line.text or line.text.isspace()
        if ended and not blank:
            yield first, "".join(held), cut
            held, size, first, cut, ended = [], 0, line.number, False, False
        ended = ended or blank
        size += len(line.text.encode()) + 1
        cut = cut or (not blank and (line.cut or size > LINE_LIMIT))
        if not held or (not cut and size <= LINE_LIMIT):
            held.append(f"{line.text}\n")
    if held:
        yield first, "".join(held), cut


def _too_long(document: Document, number: int, what: str, text: str) -> Rejected:
    message = f"the {what} is longer than {LINE_LIMIT:,} bytes"
    return Rejected(document.origin(f"line {number}"), "line-too-long", message, text[:1_000], "break it up")
