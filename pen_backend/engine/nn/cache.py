"""What a decoder has read of its rows: keys and values, each row in a slot of its own, in memory taken beforehand.

The used slots are always the first ones, so that a step sees them as one tensor: when a row leaves, the last one moves
into its place. Slots and their lengths double when they do not suffice; between that nothing is allocated.
"""

import torch
from torch import Tensor

from pen_backend.engine.nn.generation import Row

FIRST_LENGTH = 256


class SlotCache:
    """Keys and values by layer, (slots · heads, length, head size); `lengths` are how much of each slot is filled.

    What is not filled is some number: 0 times what memory happened to hold need not be 0.
    """

    def __init__(self, layers: int, heads: int, head_dim: int, *, like: Tensor) -> None:
        self._heads = heads
        self._rows: list[Row] = []
        self._numbers: dict[Row, int] = {}
        self.lengths: list[int] = []
        self._length = FIRST_LENGTH
        self._keys, self._values = ([like.new_zeros(heads, FIRST_LENGTH, head_dim) for _ in range(layers)]
                                    for _ in range(2))

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
        for tensors in (self._keys, self._values):
            for i, old in enumerate(tensors):
                tensors[i] = old.new_zeros(count, length, old.shape[2])
                tensors[i][: old.shape[0], : old.shape[1]] = old
        self._length = length
