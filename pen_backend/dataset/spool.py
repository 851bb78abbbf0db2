"""Keep items in the order they came: in memory while they are few, else in a file without a name.

What a build holds while it decides who stays and who is held out would grow with the data; this way only the keys do.
"""

import json
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import orjson

from pen_backend.dataset.record import Item
from pen_backend.files import Disk, temporary_name
from pen_backend.records import Example, Origin, Segment


class Spool(Sequence[Item]):
    """Items that are read one after the other, or one by its number; FRAME of them are packed together.

    DIRECTORY holds the file, which goes with the process; it takes what is above MEMORY bytes. Without one all stays in
    memory. Large frames cost least in order, small ones out of it.
    """

    def __init__(self, directory: Path | None = None, disk: Disk | None = None, frame: int = 128,
                 memory: int = 8_000_000) -> None:
        self._directory = directory
        self._disk = disk or Disk()
        self._frame = frame
        self._memory = memory
        self._open: list[Item] = []  # of the frame that is filled now
        self._packed: list[bytes] = []  # frames that are not in the file
        self._ends = array("Q", [0])  # of all frames, as if in one file
        self._written = 0  # bytes in the file
        self._descriptor = -1
        self._length = 0
        self._last: tuple[int, list[Item]] = (-1, [])  # the frame that was read last

    def append(self, item: Item) -> None:
        """Add an item."""
        self._open.append(item)
        self._length += 1
        if len(self._open) == self._frame:
            self._pack()

    def through(self, items: Iterable[Item]) -> Iterator[Item]:
        """Add items as they pass."""
        for item in items:
            self.append(item)
            yield item

    def __len__(self) -> int:
        """Return the number of items."""
        return self._length

    def __iter__(self) -> Iterator[Item]:
        """Yield the items in order."""
        for number in range(len(self._ends) - 1):
            yield from self._load(number)
        yield from self._open

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        """Return an item by its number, from 0."""
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        number, place = divmod(index, self._frame)
        if number == len(self._ends) - 1:
            return self._open[place]
        if self._last[0] != number:
            self._last = (number, self._load(number))
        return self._last[1][place]

    def close(self) -> None:
        """Let go of the items."""
        self._packed.clear()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _pack(self) -> None:
        frame = _packed(self._open)
        self._open = []
        self._packed.append(frame)
        self._ends.append(self._ends[-1] + len(frame))
        if self._directory is not None and self._ends[-1] - self._written > self._memory:
            if self._descriptor < 0:
                path = temporary_name(self._directory / "spool")
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._descriptor = os.open(path, flags, 0o600)
                path.unlink()
            self._disk.append(self._descriptor, b"".join(self._packed))
            self._packed.clear()
            self._written = self._ends[-1]

    def _load(self, number: int) -> list[Item]:
        begin, end = self._ends[number], self._ends[number + 1]
        if begin < self._written:
            packed = os.pread(self._descriptor, end - begin, begin)
        else:
            packed = self._packed[number - (len(self._ends) - 1)]  # the last frames, counted from the end
        return _unpacked(packed)


def _packed(items: Sequence[Item]) -> bytes:
    """Write items as JSON arrays: what readers yield is JSON's own types, and nothing that is read back can run."""
    rows = [(one.text, one.fields, _place(one.origin), one.side, one.weights, one.example and _row(one.example))
            for one in items]
    try:
        return orjson.dumps(rows)
    except TypeError:  # half a surrogate pair, or a number beyond 64 bits
        return json.dumps(rows).encode()


def _unpacked(packed: bytes) -> list[Item]:
    try:
        rows = orjson.loads(packed)
    except orjson.JSONDecodeError:
        rows = json.loads(packed)
    return [Item(text, fields, Origin(*place), side, None if weights is None else tuple(weights),
                 None if row is None else _example(row))
            for text, fields, place, side, weights, row in rows]


def _place(origin: Origin) -> tuple[str, str, str]:
    return origin.source, origin.sha256, origin.locator


def _row(one: Example) -> tuple[object, ...]:
    rejected = None if one.rejected is None else list(map(_piece, one.rejected))
    return (list(map(_piece, one.segments)), rejected, one.tools, one.label, one.group, dict(one.meta),
            _place(one.origin))


def _piece(segment: Segment) -> tuple[object, ...]:
    return segment.text, segment.weight, segment.role, segment.name, segment.extra


def _example(row: list[Any]) -> Example:
    segments, rejected, tools, label, group, meta, place = row
    return Example(tuple(Segment(*piece) for piece in segments),
                   None if rejected is None else tuple(Segment(*piece) for piece in rejected),
                   None if tools is None else tuple(tools), label, group, meta, Origin(*place))
