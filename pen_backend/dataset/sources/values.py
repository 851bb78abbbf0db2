"""The JSON values of a document, one by one: an array's items, or one value a line.

An array is never held whole: the file of 194,553 jokes would take four times its size as Python objects.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import orjson

from pen_backend.dataset.sources.document import Document
from pen_backend.errors import DataError, Finding
from pen_backend.records import LINE_LIMIT, parse_json, raw_lines

_CHUNK = 1 << 20
_SPACE = b" \t\r\n"
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NESTING = re.compile(rb'"(?:[^"\\]|\\.)*+"|["{}\[\]]', re.DOTALL)  # a quote alone: the text goes on outside the window
_SCALAR = re.compile(rb"[^\s,\]\}]+")


@dataclass(frozen=True, slots=True)
class Value:
    """One JSON value, its text, and where it stands; `error` instead of a value if it cannot be read."""

    raw: bytes
    locator: str
    where: str
    value: object = None
    error: DataError | None = None


def values(document: Document) -> Iterator[Value]:
    """Read a JSON array's items, or JSON lines; a file's own faults (encoding, a torn array) are raised."""
    with document.open() as stream:
        head = _first_sign(stream)
    with document.open() as stream:
        found = _items(stream, document) if head == b"[" else _lines(stream, document)
        for value in found:
            if value.error is not None and value.error.findings[0].code == "encoding":
                raise document.encoding_error()
            yield value


def _first_sign(stream: BinaryIO) -> bytes:
    while data := stream.read(4096):
        if data := data.removeprefix(b"\xef\xbb\xbf").lstrip(_SPACE):
            return data[:1]
    return b""


def _lines(stream: BinaryIO, document: Document) -> Iterator[Value]:
    for number, raw in raw_lines(stream):
        yield _read(raw, f"line {number}", f"{document.name}:{number}")


def _read(raw: bytes, locator: str, where: str, parsed: object = None) -> Value:
    if parsed is not None:
        return Value(raw, locator, where, parsed)
    try:
        return Value(raw, locator, where, orjson.loads(raw) if len(raw) <= LINE_LIMIT else parse_json(raw, where=where))
    except orjson.JSONDecodeError:
        try:
            return Value(raw, locator, where, parse_json(raw, where=where))
        except DataError as error:
            return Value(raw, locator, where, error=error)
    except DataError as error:
        return Value(raw, locator, where, error=error)


def _items(stream: BinaryIO, document: Document) -> Iterator[Value]:
    """Cut an array into its items; each begins where the last one and its comma ended."""
    window = _Window(stream, document)
    window.next_sign()
    window.step()
    number = 0
    if window.next_sign() == b"]":
        window.close()
        return
    while True:
        number += 1
        line = window.line()
        raw = window.item()
        yield _read(raw, f"record {number}", f"{document.name}:{line}", window.parsed)
        sign = window.next_sign()
        if sign == b"]":
            window.close()
            return
        if sign != b",":
            raise window.torn(f"after record {number} of the array a comma or ] is missing")
        window.step()
        window.next_sign()


class _Window:
    """A moving piece of the stream, long enough for one item."""

    def __init__(self, stream: BinaryIO, document: Document) -> None:
        self._stream = stream
        self._document = document
        self._data = stream.read(_CHUNK).removeprefix(b"\xef\xbb\xbf")
        self._at = 0
        self._lines = 1
        self._counted = 0
        self.parsed: object = None  # the last item's value, if finding its end gave it

    def next_sign(self) -> bytes:
        """Skip white space; return the next byte, or raise if the file ends here."""
        while True:
            data, at = self._data, self._at
            while at < len(data) and data[at] in _SPACE:
                at += 1
            self._at = at
            if at < len(data):
                return data[at:at + 1]
            if not self._more():
                raise self.torn("the array is not closed")

    def step(self) -> None:
        """Step over one byte."""
        self._at += 1

    def line(self) -> int:
        """Return the line of the next byte."""
        self._lines += self._data.count(b"\n", self._counted, self._at)
        self._counted = self._at
        return self._lines

    def close(self) -> None:
        """Step over the array's end; nothing may follow it."""
        self._at += 1
        while self._data[self._at:].isspace() or self._at == len(self._data):
            self._at = len(self._data)
            if not self._more():
                return
        raise self.torn("something follows the end of the array")

    def item(self) -> bytes:
        """Return the next value's bytes and step over it."""
        self.parsed = None
        while (end := self._end()) is None:
            if len(self._data) - self._at > LINE_LIMIT:
                raise self.torn(f"a record of the array is longer than {LINE_LIMIT} bytes")
            if not self._more():
                raise self.torn("the last record of the array is not complete")
        raw = self._data[self._at:end]
        self._at = end
        return raw

    def _end(self) -> int | None:
        """Find the end of the value that begins here; None if it is not in the window yet.

        No beginning of a JSON object is itself a whole object, so a slice that parses is the value.
        """
        data, at = self._data, self._at
        sign = data[at:at + 1]
        if sign == b"{":
            end = data.find(b"}", at) + 1
            if end and (parsed := _parsed(data[at:end])) is not None:
                self.parsed = parsed
                return end
        if sign in (b"{", b"["):
            depth = 0
            for found in _NESTING.finditer(data, at):
                if found[0] == b'"':
                    return None
                depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(found[0], 0)
                if depth == 0:
                    return found.end()
            return None
        match = (_STRING if sign == b'"' else _SCALAR).match(data, at)
        if match is None:
            if sign == b'"':
                return None
            raise self.torn("a record of the array is missing")
        return match.end() if sign == b'"' or match.end() < len(data) else None

    def _more(self) -> bool:
        self.line()
        data = self._stream.read(_CHUNK)
        self._data = self._data[self._at:] + data
        self._at = self._counted = 0
        return bool(data)

    def torn(self, message: str) -> DataError:
        """Make the error that ends the file here."""
        where = f"{self._document.name}:{self.line()}"
        finding = Finding("json", message, where=where, hint="check that the file is whole, or use one record a line")
        return DataError(message, where=where, hint=finding.hint, findings=[finding])


def _parsed(raw: bytes) -> object | None:
    try:
        value: object = orjson.loads(raw) if len(raw) <= LINE_LIMIT else None
    except orjson.JSONDecodeError:
        return None
    return value
