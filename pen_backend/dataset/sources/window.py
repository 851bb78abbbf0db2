"""A moving piece of a JSON stream, long enough for one value; what is longer is stepped over, not held."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

import orjson

from pen_backend.dataset.sources.streams import CHUNK, fault
from pen_backend.errors import DataError

_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_DEPTH = 1024  # deeper JSON is read by no parser here
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NESTING = re.compile(rb'"(?:[^"\\]|\\.)*+"|["{}\[\]]', re.DOTALL)  # a quote alone: the text goes on outside the window
_NEXT_OBJECT = re.compile(rb"[ \t\r\n]*+,[ \t\r\n]*+(?={)")
_SCALAR = re.compile(rb"[^\s,\]\}]+")
_REST_OF_STRING = re.compile(rb'(?:[^"\\]|\\.)*+', re.DOTALL)
_LEVELS = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


class Window:
    """What is held of a stream, and the place in it."""

    def __init__(self, stream: BinaryIO, name: str, limit: int, chunk: int = CHUNK) -> None:
        """NAME is the file's, for messages; LIMIT is the most bytes of a value; CHUNK or more are read at once."""
        self._stream = stream
        self._name = name
        self._limit = limit
        self._chunk = chunk
        self._data = stream.read(chunk).removeprefix(_BOM)
        self._at = 0
        self._lines = 1
        self._counted = 0
        self.parsed: object = None  # the last item's value, if finding its end gave it

    @staticmethod
    def of(data: bytes, limit: int) -> "Window":
        """Make a window of bytes."""
        return Window(BytesIO(data), "", limit, len(data))

    def next_sign(self) -> bytes:
        """Skip white space; return the next byte, or raise if the file ends here."""
        if not self.has_more():
            raise self.torn("the array is not closed")
        return self._data[self._at:self._at + 1]

    def has_more(self) -> bool:
        """Skip white space; say whether anything follows."""
        while True:
            data, at = self._data, self._at
            while at < len(data) and data[at] in _SPACE:
                at += 1
            self._at = at
            if at < len(data):
                return True
            if not self._more():
                return False

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
        if self.has_more():
            raise self.torn("something follows the end of the array")

    def objects(self) -> Iterator[tuple[int, bytes, object]]:
        """Step over objects that end at their first brace, as long as another one follows in the window.

        Yields their lines, bytes and values: the quick way through most arrays. No beginning of a JSON object is itself
        a whole object, so what parses is the value.
        """
        data, at = self._data, self._at
        while data[at:at + 1] == b"{" and (end := data.find(b"}", at) + 1):
            if end - at > self._limit or (following := _NEXT_OBJECT.match(data, end)) is None:
                return
            raw = data[at:end]
            try:
                value = orjson.loads(raw)
            except orjson.JSONDecodeError:
                return
            line = self.line()
            self._at = at = following.end()
            yield line, raw, value

    def item(self) -> bytes:
        """Return the next value's bytes and step over it; of one that is too long, a little more than the limit."""
        self.parsed = None
        while (end := self.end()) is None:
            if len(self._data) - self._at > self._limit:
                raw = self._data[self._at:self._at + self._limit + 1]
                self._skip()
                return raw
            if not self._more():
                raise self.torn("the last record is not complete")
        raw = self._data[self._at:end]
        self._at = end
        return raw

    def end(self) -> int | None:
        """Find the end of the value that begins here; None if it is not in the window yet.

        No beginning of a JSON object is itself a whole object, so a slice that parses is the value.
        """
        data, at = self._data, self._at
        sign = data[at:at + 1]
        if sign == b"{":
            end = data.find(b"}", at) + 1
            if end and (parsed := self._parsed(data[at:end])) is not None:
                self.parsed = parsed
                return end
        if sign in (b"{", b"["):
            depth = 0
            for found in _NESTING.finditer(data, at):
                if found[0] == b'"':
                    return None
                depth += _LEVELS.get(found[0], 0)
                if depth == 0:
                    return found.end()
                if depth > _DEPTH:
                    raise self.torn(f"brackets are nested deeper than {_DEPTH:,} levels")
            return None
        match = (_STRING if sign == b'"' else _SCALAR).match(data, at)
        if match is None:
            if sign == b'"':
                return None
            raise self.torn("a record of the array is missing")
        return match.end() if sign == b'"' or match.end() < len(data) else None

    def torn(self, message: str) -> DataError:
        """Make the error that ends the file here."""
        return fault("json", message, f"{self._name}:{self.line()}",
                     "Check that the file is whole, or use one record a line.")

    def _skip(self) -> None:
        """Step over a value of any length."""
        first = self._data[self._at:self._at + 1]
        if first not in (b"{", b"[", b'"'):
            while (match := _SCALAR.match(self._data, self._at)) and match.end() == len(self._data):
                self._at = match.end()
                self._next()
            self._at = match.end() if match else self._at
            return
        depth, quoted = 0, False
        while True:
            if quoted:
                match = _REST_OF_STRING.match(self._data, self._at)
                self._at = match.end() if match else self._at
                if self._data[self._at:self._at + 1] != b'"':  # the window ends, or its last byte escapes the next
                    self._next()
                    continue
                quoted = False
                self._at += 1
            else:
                found = _NESTING.search(self._data, self._at)
                if found is None:
                    self._at = len(self._data)
                    self._next()
                    continue
                self._at = found.end()
                quoted = found[0] == b'"'
                depth += _LEVELS.get(found[0], 0)
                if depth > _DEPTH:
                    raise self.torn(f"brackets are nested deeper than {_DEPTH:,} levels")
            if depth == 0 and not quoted:
                return

    def _next(self) -> None:
        if not self._more():
            raise self.torn("the last record is not complete")

    def _more(self) -> bool:
        self.line()
        rest = self._data[self._at:]
        data = self._stream.read(max(self._chunk, len(rest)))  # a long value is looked through again twice, not n times
        self._data = rest + data
        self._at = self._counted = 0
        return bool(data)

    def _parsed(self, raw: bytes) -> object | None:
        try:
            value: object = orjson.loads(raw) if len(raw) <= self._limit else None
        except orjson.JSONDecodeError:
            return None
        return value
