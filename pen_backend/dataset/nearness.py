"""Remember which texts the dedupe step found near but not near enough, for the split, whose threshold is lower.

A join costs more than all of a build but the tokeniser; this way one answers both.
"""

from array import array
from collections.abc import Sequence

from pen_backend.dataset.keys import split_key
from pen_backend.dataset.record import Item
from pen_backend.prompts.training import TrainingSpec

_CHANGE_NO_TEXT = ("filter", "sample", "dedupe")


class Nearness:
    """Pairs of texts whose similarity is at least LEAST and below the threshold of the dedupe step.

    Where there are more than LIMIT, the split has to look for them again.
    """

    def __init__(self, least: float, limit: int = 2_000_000) -> None:
        self.least = least
        self._limit = limit
        self._found = array("I")  # of the join that runs, two by two
        self._keys: array[int] | None = None

    def begin(self) -> None:
        """Forget what an earlier step found."""
        self._found, self._keys = array("I"), None

    def add(self, one: int, two: int) -> None:
        """Remember two items by their numbers."""
        if len(self._found) <= 2 * self._limit:
            self._found.append(one)
            self._found.append(two)

    def end(self, items: Sequence[Item]) -> None:
        """Remember the pairs by their texts, because items lose their numbers on the way."""
        if len(self._found) <= 2 * self._limit:
            keys = {number: split_key(items[number].text) for number in sorted(set(self._found))}
            self._keys = array("Q", map(keys.__getitem__, self._found))
        self._found = array("I")

    def links(self, keys: Sequence[int]) -> list[tuple[int, int]] | None:
        """Return the pairs among texts with these keys, as places in the list; None if all have to be compared."""
        if self._keys is None:
            return None
        asked = frozenset(self._keys)
        places = {key: place for place, key in enumerate(keys) if key in asked}
        pairs = zip(self._keys[::2], self._keys[1::2], strict=True)
        return [(places[one], places[two]) for one, two in pairs if one in places and two in places]


def nearness_of(spec: TrainingSpec) -> Nearness | None:
    """Return what remembers for the split of a build; None if a step after the last near dedupe changes texts."""
    if "near" not in spec.split.by:
        return None
    names = [step.name for step in spec.steps]
    last = max((number for number, step in enumerate(spec.steps) if step.dedupe and step.dedupe.near), default=None)
    if last is None or any(name not in _CHANGE_NO_TEXT for name in names[last + 1:]):
        return None
    return Nearness(spec.split.near)
