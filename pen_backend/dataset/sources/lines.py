"""A document's lines of text, numbered, one by one: strict, without line ends, empty ones included."""

from collections.abc import Iterator
from typing import NamedTuple

from pen_backend.dataset.sources.document import Document
from pen_backend.records import LINE_LIMIT

_BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):  # no frozen dataclass, which takes three times as long to make
    """One line; `cut` says that it is longer than any may be, and this its beginning."""

    number: int
    text: str
    cut: bool = False


def lines(document: Document) -> Iterator[Line]:
    """Yield the lines of a document; DataError names the first byte that is not in its encoding."""
    with document.open() as stream:
        number = 0
        while raw := stream.readline(LINE_LIMIT + 1):
            number += 1
            if number == 1:
                raw = raw.removeprefix(_BOM)
            cut = len(raw) > LINE_LIMIT and not raw.endswith(b"\n")
            if cut:
                while (rest := stream.readline(LINE_LIMIT)) and not rest.endswith(b"\n"):
                    pass
            try:
                text = raw.decode()
            except UnicodeDecodeError as error:
                # The last sign of a line that was cut may be half a one.
                if not cut or error.reason != "unexpected end of data":
                    raise document.encoding_error() from None
                text = raw[:error.start].decode()
            yield Line(number, text.rstrip("\r\n"), cut)
