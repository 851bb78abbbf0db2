"""The lines of a training file: cut, decoded as strict JSON, and read in whatever dialect each one speaks.

Whatever the bytes are, the only exception is DataError with one Finding; its message names places and counts, never
the row's text.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import BinaryIO

import orjson

from pen_backend.errors import DataError, Finding
from pen_backend.records.dialects import Dialect, parse_object
from pen_backend.records.example import Example, Origin, bad
from pen_backend.records.fields import quoted
from pen_backend.records.repeats import Repeat, repeat_in

LINE_LIMIT = 1_000_000  # bytes of one line
_NOT_FINITE = re.compile(r"NaN|Infinity")
_BOM = b"\xef\xbb\xbf"


def parse_line(raw: bytes | str, *, source: str, line: int, prompt_loss_weight: float = 0.0) -> tuple[Dialect, Example]:
    """Read one line of a training file; raise DataError with one Finding if it cannot be used."""
    where = f"{source}:{line}"
    return parse_object(parse_json(raw, where=where), origin=Origin(source, "", f"line {line}"), where=where,
                        prompt_loss_weight=prompt_loss_weight)


def read_lines(stream: BinaryIO, *, source: str,
               prompt_loss_weight: float = 0.0) -> Iterator[tuple[int, Dialect, Example] | Finding]:
    """Read a training file line by line; a bad line is a Finding and never hides a good one."""
    seen: set[Dialect] = set()
    for line, raw in raw_lines(stream):
        try:
            dialect, example = parse_line(raw, source=source, line=line, prompt_loss_weight=prompt_loss_weight)
            refuse_forgotten_data(dialect, seen, where=f"{source}:{line}")
        except DataError as error:
            yield error.findings[0]
        else:
            seen.add(dialect)
            yield line, dialect, example


def refuse_forgotten_data(dialect: Dialect, seen: Collection[Dialect], *, where: str) -> None:
    """Refuse a line with `text` alone in a file whose earlier lines say `data`: there the key was forgotten."""
    if dialect == "text" and ("data" in seen or "text-list" in seen):
        raise bad("no-data", "there is no 'data' key, though earlier lines of the file have one", where=where,
                  pointer="/text", hint="write 'data' instead of 'text'")


def raw_lines(stream: BinaryIO, limit: int = LINE_LIMIT) -> Iterator[tuple[int, bytes]]:
    """Split a stream into numbered lines without BOM, line end and blank lines; a too long one is cut just above it."""
    number = 0
    while raw := stream.readline(limit + 1):
        number += 1
        if number == 1 and raw.startswith(_BOM):
            raw = raw[3:]
        if len(raw) > limit and not raw.endswith(b"\n"):
            while (rest := stream.readline(limit)) and not rest.endswith(b"\n"):
                pass
            yield number, raw
        elif (raw := raw.rstrip(b"\r\n")) and not raw.isspace():
            yield number, raw


def parse_json(raw: bytes | str, *, where: str, limit: int = LINE_LIMIT) -> object:
    """Read strict JSON: UTF-8, no NaN or infinity, no lone surrogates, at most LIMIT bytes.

    WHERE is FILE:LINE of its beginning; the error of a fault further down names that line, and its column.
    """
    if len(raw) > limit:
        raise bad("line-too-long", f"the record is longer than {limit:,} bytes", where=where,
                  hint="split the record, or check that the file has one record a line")
    try:
        value: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _json_finding(raw, error, where) from None
    data = raw if isinstance(raw, bytes) else raw.encode()
    if (repeat := repeat_in(data, value)) is not None:
        raise repeated(data, repeat, where=where)
    return value


def repeated(raw: bytes, repeat: Repeat, *, where: str) -> DataError:
    """Make the error of a key that stands twice: which of its two values is meant, nobody can say."""
    column = len(raw[raw.rfind(b"\n", 0, repeat.offset) + 1:repeat.offset].decode()) + 1
    return bad("json", f"the key {quoted(repeat.key)} stands twice in one object, at column {column} the second time",
               where=_further(where, raw.count(b"\n", 0, repeat.offset)), pointer=repeat.pointer,
               hint="leave one of the two out, or give it another name")


def _json_finding(raw: bytes | str, error: json.JSONDecodeError, where: str) -> DataError:
    """Say which rule a text breaks that is not strict JSON."""
    if isinstance(raw, bytes) and "UTF-8" in error.msg:
        try:
            raw.decode()
        except UnicodeDecodeError as broken:
            return bad("encoding", f"byte 0x{raw[broken.start]:02x} at offset {broken.start} of the line is not UTF-8",
                       where=where, hint="save the file as UTF-8")
    place = _further(where, error.lineno - 1)
    if "surrogate" in error.msg:
        return bad("surrogate", f"half of a surrogate pair at column {error.colno}; no text can hold it", where=place,
                   hint="write the whole character, or remove it")
    if "infinity" in error.msg or _NOT_FINITE.search(error.doc, max(error.pos - 1, 0), error.pos + 9):
        return bad("nan", f"a number at column {error.colno} is not finite; JSON has no NaN or infinite numbers",
                   where=place, hint="leave the number out, or write null")
    return bad("json", f"not valid JSON at column {error.colno}: {error.msg}", where=place,
               hint="write one JSON object a line; quotes inside a text need a backslash")


def _further(where: str, lines: int) -> str:
    """Lead so many lines further down."""
    name, _, line = where.rpartition(":")
    return f"{name}:{int(line) + lines}" if lines and line.isdigit() else where
