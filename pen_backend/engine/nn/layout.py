"""Which tokens of a batch attend to each other: documents of like length, side by side.

Rows that are one document each attend as they stand. Rows that hold several are taken apart: a document costs what it
costs alone, and needs neither mask nor positions of its own, since every one begins where its row begins.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

SPREAD = 1.2
"""How many times as long as the shortest of a group a document may be, give or take a few tokens."""
FEW = 8


@dataclass(frozen=True, slots=True)
class Group:
    """Documents side by side, (D, T): numbers of their tokens in the batch, (D · T,); None if they are its rows.

    `exist` tells which of these are no padding, None where all are.
    """

    count: int
    length: int
    tokens: Tensor | None = None
    exist: Tensor | None = None

    def gather(self, rows: Tensor, *, zeros: bool = False) -> Tensor:
        """Pick the group's rows (D · T, …) out of the batch's; those of padding are any others, or ZEROS."""
        if self.tokens is None:
            return rows
        found = rows.index_select(0, self.tokens)
        return found.mul_(self.exist[:, None]) if zeros and self.exist is not None else found


@dataclass(frozen=True, slots=True)
class Layout:
    """The groups of a batch, and where in them, one behind the other, each of its tokens is, (B · T,)."""

    groups: tuple[Group, ...]
    places: Tensor | None = None

    @property
    def longest(self) -> int:
        """Count the tokens of the longest document."""
        return max(group.length for group in self.groups)

    def scatter(self, parts: list[Tensor]) -> Tensor:
        """Bring what the groups have made back into the order of the batch."""
        return parts[0] if self.places is None else torch.cat(parts).index_select(0, self.places)


def rows_alone(ids: Tensor) -> Layout:
    """Let each row of ids (B, T) attend as it stands."""
    return Layout((Group(*ids.shape),))


def documents_apart(documents: Tensor) -> Layout:
    """Group the documents of a batch by length; (B, T) says which one a token is of, numbered in order."""
    _, counts = torch.unique_consecutive(documents.flatten(), return_counts=True)
    starts, lengths = counts.cumsum(0) - counts, counts.tolist()
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    places = torch.empty(documents.numel(), dtype=torch.long)
    groups: list[Group] = []
    behind = 0
    while order:
        most = SPREAD * lengths[order[0]] + FEW
        size = next((i for i, one in enumerate(order) if lengths[one] > most), len(order))
        chosen, order = order[:size], order[size:]
        within = torch.arange(lengths[chosen[-1]])
        exist = within < counts[chosen, None]  # (D, T)
        tokens = torch.where(exist, starts[chosen, None] + within, 0)
        places[tokens[exist]] = behind + exist.flatten().nonzero()[:, 0]
        behind += exist.numel()
        groups.append(Group(size, len(within), tokens.flatten(), None if exist.all() else exist.flatten()))
    return Layout(tuple(groups), places)
