"""The JSON values of a document, one by one: an array's items, one value a line, or objects over several lines.

An array is never held whole: the file of 194,553 jokes would take four times its size as Python objects.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

import orjson

from pen_backend.dataset.record import Rejected
from pen_backend.dataset.sources.document import Document
from pen_backend.dataset.sources.window import Window
from pen_backend.errors import DataError
from pen_backend.records import LINE_LIMIT, parse_json, raw_lines, repeat_in, repeated

_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_RAW_KEPT = 1_000  # bytes of a record that is too long, for the list of what was rejected


@dataclass(slots=True)  # not frozen: a build makes one for every record, and freezing triples what that costs
class Value:
    """One JSON value, its text, and where it stands; `error` instead of a value if it cannot be read.

    `number` is its place in an array, from 0; None if it does not stand in one.
    """

    raw: bytes
    name: str
    line: int
    number: int | None
    value: object = None
    error: DataError | None = None

    @property
    def locator(self) -> str:
        """Where it stands, for its origin."""
        return f"line {self.line}" if self.number is None else f"line {self.line} record {self.number + 1}"

    @property
    def where(self) -> str:
        """Where it stands, as FILE:LINE."""
        return f"{self.name}:{self.line}"

    @property
    def pointer(self) -> str:
        """What leads to it in its file: "/4" is the fifth item of an array, "" a value on a line of its own."""
        return "" if self.number is None else f"/{self.number}"


def refused(document: Document, value: Value, error: DataError) -> Rejected:
    """Turn what is wrong with a value into its entry of rejected.jsonl; its pointer begins at the file's array."""
    finding = error.findings[0]
    pointer = value.pointer + finding.pointer if finding.pointer else value.pointer or finding.pointer
    return Rejected(document.origin(value.locator), finding.code, finding.message, value.raw, finding.hint, pointer,
                    finding.where or value.where)


def values(document: Document, *, limit: int = LINE_LIMIT) -> Iterator[Value]:
    """Read the values, each at most LIMIT bytes; a file's own faults (encoding, a torn array) are raised."""
    with document.open() as stream:
        form = _form(stream.read(limit + 1).removeprefix(_BOM), limit)
    with document.open() as stream:
        found = _lines(stream, document, limit) if form == "lines" else _items(
            Window(stream, document.name, limit), document.name, limit, array=form == "array")
        for value in found:
            if value.error is None:
                if (repeat := repeat_in(value.raw, value.value)) is not None:
                    value.value, value.error = None, repeated(value.raw, repeat, where=value.where)
            elif value.error.findings[0].code == "encoding":
                raise document.encoding_error()
            yield value


def _form(head: bytes, limit: int) -> Literal["array", "objects", "lines"]:
    """Tell by a file's beginning how its values stand in it."""
    head = head.lstrip(_SPACE)
    first, _, rest = head.partition(b"\n")
    if head[:1] == b"[":  # an array that is whole on the first line may still be a line among others
        return "lines" if rest and not rest.isspace() and _is_json(first) else "array"
    if head[:1] != b"{" or _is_json(first):
        return "lines"
    try:
        end = Window.of(head, limit).end()
    except DataError:
        return "lines"
    return "objects" if end is not None and b"\n" in head[:end] and _is_json(head[:end]) else "lines"


def _is_json(raw: bytes) -> bool:
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return True


def _lines(stream: BinaryIO, document: Document, limit: int) -> Iterator[Value]:
    name = document.name
    for line, raw in raw_lines(stream, limit):
        yield _read(Value(raw, name, line, None), limit)


def _items(window: Window, name: str, limit: int, *, array: bool) -> Iterator[Value]:
    """Cut an array, or objects that follow each other, into values; each begins where the last one ended."""
    if array:
        window.next_sign()
        window.step()
        if window.next_sign() == b"]":
            window.close()
            return
    number = 0
    while array or window.has_more():
        window.next_sign()
        for line, raw, value in window.objects() if array else ():
            yield Value(raw, name, line, number, value)
            number += 1
        line = window.line()
        found = Value(window.item(), name, line, number if array else None, window.parsed)
        yield _read(found, limit) if found.value is None else found
        number += 1
        if not array:
            continue
        sign = window.next_sign()
        if sign == b"]":
            window.close()
            return
        if sign != b",":
            raise window.torn(f"after record {number} of the array a comma or ] is missing")
        window.step()


def _read(found: Value, limit: int) -> Value:
    """Read a value's text into it."""
    try:
        found.value = orjson.loads(found.raw) if len(found.raw) <= limit else None
    except orjson.JSONDecodeError:
        found.value = None
    if found.value is None:  # a null, or something that has to be explained
        try:
            found.value = parse_json(found.raw, where=found.where, limit=limit)
        except DataError as error:
            found.error = error
            if len(found.raw) > limit:
                found.raw = found.raw[:_RAW_KEPT]
    return found
