"""What a decoder has read of its rows: keys and values, each row in a slot of its own, in memory taken beforehand.

The used slots are always the first ones, so that a step sees them as one tensor: when a row leaves, the last one moves
into its place. Slots and their lengths double when they do not suffice; between that nothing is allocated. On a CPU
memory counts when it is written to, so that one long row costs what it holds and not as much for every slot.
"""

import math
import mmap

import torch
from torch import Tensor

from pen_backend.engine.nn.generation import Row

FIRST_LENGTH = 256
KEPT_BYTES = 64 << 20
"""More than that is given back when nobody has a row."""


class SlotCache:
    """Keys and values by layer, (slots · heads, length, head size); `lengths` are how much of each slot is filled.

    What is not filled is some number: 0 times what memory happened to hold need not be 0.
    """

    def __init__(self, layers: int, heads: int, head_dim: int, *, like: Tensor) -> None:
        self._heads = heads
        self._shape = (layers, heads, head_dim)
        self._like = like
        self._rows: list[Row] = []
        self._numbers: dict[Row, int] = {}
        self.lengths: list[int] = []
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._begin()

    @property
    def bytes(self) -> int:
        """Count the bytes set aside."""
        return 2 * len(self._keys) * self._keys[0].nbytes

    def slot(self, row: Row) -> int:
        """Return a row's slot; a new row gets the next."""
        number = self._numbers.get(row)
        if number is None:
            number = self._numbers[row] = len(self._rows)
            self._rows.append(row)
            self.lengths.append(0)
            if len(self._rows) * self._heads > len(self._keys[0]):
                self._grow(2 * len(self._keys[0]), self._length)
        return number

    @torch.inference_mode()
    def copy(self, row: Row, to: Row) -> None:
        """Fill a new row's slot with what is in another's."""
        source, target = self.slot(row), self.slot(to)
        self.lengths[target] = self.lengths[source]
        self._move(source, target)

    def reach(self, length: int) -> None:
        """Make the slots as long as LENGTH at least."""
        if length > self._length:
            self._grow(len(self._keys[0]), max(length, 2 * self._length))

    @torch.inference_mode()
    def free(self, row: Row) -> None:
        """Forget a row; the last one takes its slot."""
        number = self._numbers.pop(row, None)
        if number is None:
            return
        last, length = self._rows.pop(), self.lengths.pop()
        if not self._rows and self.bytes > KEPT_BYTES:
            self._begin()
        if last is row:
            return
        self._rows[number], self._numbers[last], self.lengths[number] = last, number, length
        self._move(len(self._rows), number)

    def places(self, slots: Tensor | None, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return where tokens of these slots, by default one of each of the first, are kept: for `write`."""
        numbers = torch.arange(len(positions), device=positions.device) if slots is None else slots
        heads = torch.arange(self._heads, device=positions.device)
        return numbers[:, None] * self._heads + heads, positions[:, None]

    def write(self, layer: int, places: tuple[Tensor, Tensor], keys: Tensor, values: Tensor) -> None:
        """Keep the keys and values of tokens, (N, heads, head size)."""
        self._keys[layer][places] = keys
        self._values[layer][places] = values

    def first(self, layer: int, slots: int, length: int) -> tuple[Tensor, Tensor]:
        """Return the beginning of the first slots: (slots · heads, length, head size)."""
        count = slots * self._heads
        return self._keys[layer][:count, :length], self._values[layer][:count, :length]

    def row(self, layer: int, slot: int, length: int) -> tuple[Tensor, Tensor]:
        """Return the beginning of one slot, (heads, length, head size)."""
        mine = slice(slot * self._heads, (slot + 1) * self._heads)
        return self._keys[layer][mine, :length], self._values[layer][mine, :length]

    def _move(self, source: int, target: int) -> None:
        """Copy a slot to where another is, as far as that one is filled."""
        length, heads = self.lengths[target], self._heads
        for each in (*self._keys, *self._values):
            each[target * heads : (target + 1) * heads, :length] = each[source * heads : (source + 1) * heads, :length]

    def _grow(self, count: int, length: int) -> None:
        heads = self._heads
        for tensors in (self._keys, self._values):
            for i, old in enumerate(tensors):
                tensors[i] = self._zeros(count, length)
                for number, filled in enumerate(self.lengths):
                    if filled:
                        mine = slice(number * heads, (number + 1) * heads)
                        tensors[i][mine, :filled] = old[mine, :filled]
        self._length = length

    def _begin(self) -> None:
        layers, heads, _ = self._shape
        self._length = FIRST_LENGTH
        self._keys, self._values = ([self._zeros(heads, FIRST_LENGTH) for _ in range(layers)] for _ in range(2))

    def _zeros(self, count: int, length: int) -> Tensor:
        shape = (count, length, self._shape[2])
        if self._like.device.type != "cpu":
            return self._like.new_zeros(shape)
        memory = mmap.mmap(-1, math.prod(shape) * self._like.itemsize)
        return torch.frombuffer(memory, dtype=self._like.dtype).view(shape)
