"""Put every item on a side: clusters of near texts and groups stay together."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pen_backend.dataset.dedupe import near_links
from pen_backend.dataset.kept import Kept
from pen_backend.dataset.keys import split_key
from pen_backend.dataset.near import clusters
from pen_backend.dataset.nearness import Nearness
from pen_backend.dataset.record import SIDES, Item, Pulse, Side
from pen_backend.dataset.split import ANY, Units, fraction, keys_of, name_of, of_members, split, stratified
from pen_backend.prompts.training import TrainingSpec


@dataclass(frozen=True, slots=True)
class Sides:
    """The side and the key of every item, and the keys of the units on each side."""

    places: Sequence[int]  # of the items' sides in SIDES
    keys: Sequence[int]
    units: Mapping[Side, Sequence[int]]
    torn: int  # items whose source demands another side than their cluster's

    def of(self, index: int) -> Side:
        """Return the side of an item."""
        return SIDES[self.places[index]]

    def name(self, index: int) -> str:
        """Return the key of an item as text."""
        return name_of(self.keys[index])


class Straight:
    """Puts items on their sides one by one, as they come: where each is a unit of its own, only its hash decides.

    Until both sides have an item it may still be that one has to be filled; then nobody waits for the last item.
    """

    def __init__(self, spec: TrainingSpec) -> None:
        self._share = spec.split.valid.share
        self._seed = spec.seed
        self._keys = {side: array("Q") for side in SIDES}
        self.both = False  # whether both sides have an item
        self.finished = 0  # how many items are examples that came as they are

    @staticmethod
    def of(spec: TrainingSpec) -> "Straight | None":
        """Return one if nothing in a definition binds items together, or asks for their number."""
        split = spec.split
        folds = any(step.dedupe and step.dedupe.exact == "casefold" for step in spec.steps)
        alone = folds and set(split.by) == {"record"} and split.stratify is None and split.valid.most is None
        return Straight(spec) if alone and split.valid.share > 0 and spec.example.build != "continuation" else None

    def __len__(self) -> int:
        """Return the number of items."""
        return sum(map(len, self._keys.values()))

    def put(self, item: Item) -> Side:
        """Put an item on its side."""
        key = split_key(item.text)
        side = self._side(item, key)
        self._keys[side].append(key)
        if not self.both:
            self.both = all(self._keys.values())
        if item.example is not None:
            self.finished += 1
        return side

    def of_item(self, item: Item) -> Side:
        """Return the side of an item."""
        return self._side(item, split_key(item.text))

    def sides(self) -> Sides:
        """Return what was decided."""
        return Sides(b"", array("Q"), {side: array("Q", sorted(keys)) for side, keys in self._keys.items()}, 0)

    def _side(self, item: Item, key: int) -> Side:
        return item.side or ("valid" if fraction(self._seed, name_of(key)) < self._share else "train")


def decide(kept: Kept, spec: TrainingSpec, pulse: Pulse, nearness: Nearness | None = None) -> Sides:
    """Decide what is held out; NEARNESS has the pairs of near texts if an earlier step has found them."""
    links: list[tuple[int, int]] = []
    demanded = kept.wanted.count(ANY) < len(kept)
    if spec.split.valid.share > 0 or demanded:
        if "near" in spec.split.by:
            found = nearness.links(kept.keys) if nearness is not None else None
            links += near_links(kept.items, spec.split.near, pulse) if found is None else found
        if "group" in spec.split.by:
            links += _equal(kept.groups or ())
        links += kept.equal
    units = Units(kept.keys, clusters(len(kept), links) if links else range(len(kept)), kept.wanted)
    least = spec.example.count[0] if spec.example.build == "continuation" else 1
    sides = split(units, spec.split.valid, spec.seed, least=least)
    if kept.labels is not None and spec.split.valid.share > 0:
        sides = stratified(units, sides, kept.labels, spec.split.valid, spec.seed)
    places = of_members(units, sides)
    torn = sum(wanted not in (ANY, place) for wanted, place in zip(kept.wanted, places, strict=True)) if demanded else 0
    return Sides(places, kept.keys, keys_of(units, sides), torn)


def _equal(names: Sequence[str]) -> list[tuple[int, int]]:
    """Link every index to the first one of the same name; nameless ones stand alone."""
    first: dict[str, int] = {}
    links = []
    for index, name in enumerate(names):
        if name and first.setdefault(name, index) != index:
            links.append((first[name], index))
    return links
