"""Put every item on a side: clusters of near texts and groups stay together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pen_backend.dataset.dedupe import near_links
from pen_backend.dataset.kept import Kept
from pen_backend.dataset.near import clusters
from pen_backend.dataset.nearness import Nearness
from pen_backend.dataset.record import SIDES, Pulse, Side
from pen_backend.dataset.split import ANY, Units, keys_of, name_of, of_members, split, stratified
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
