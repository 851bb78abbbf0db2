"""Keep items in the order they came: in memory while they are few, else in a file without a name.

What a build holds while it decides who stays and who is held out would grow with the data; this way only the keys do.
"""

import io
import os
import pickle
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any, overload

from pen_backend.dataset.record import Item
from pen_backend.files import Disk, temporary_name
from pen_backend.records import Example, Origin, Segment

_Reduce = Callable[[Any], tuple[type[Any], tuple[object, ...]]]


def _reduce(kind: type[Any]) -> _Reduce:
    """Return what takes a record apart for pickle: its class and its fields, at a third of the usual cost."""
    get = attrgetter(*(field.name for field in fields(kind)))
    return lambda record: (kind, get(record))


_REDUCE: Mapping[type, _Reduce] = {kind: _reduce(kind) for kind in (Item, Origin, Example, Segment)}


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
        buffer = io.BytesIO()
        pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
        pickler.dispatch_table = _REDUCE
        pickler.dump(self._open)
        frame = buffer.getvalue()
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
        frame: list[Item] = pickle.loads(packed)  # noqa: S301 - what this object wrote itself
        return frame
