"""Put every item on a side: clusters of near texts and groups stay together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pen_backend.dataset.dedupe import bytes_key, folded_key, near_groups
from pen_backend.dataset.examples import group_of
from pen_backend.dataset.near import clusters
from pen_backend.dataset.record import Item, Pulse, Side
from pen_backend.dataset.split import split, stratified, units
from pen_backend.prompts.training import TrainingSpec


@dataclass(frozen=True, slots=True)
class Sides:
    """The side and the key of every item, and the side of every unit by its key."""

    sides: Sequence[Side]
    keys: Sequence[str]
    side_of_units: Mapping[str, Side]
    torn: int  # items whose source demands another side than their cluster's


def decide(items: Sequence[Item], spec: TrainingSpec, pulse: Pulse,
           label: Callable[[Item], str] = lambda item: "") -> Sides:
    """Decide what is held out; LABEL names the class of an item, for `stratify`."""
    keys = [bytes_key(item.text).hex()[:16] for item in items]
    links: list[tuple[int, int]] = []
    if spec.split.valid.share > 0 or any(item.side for item in items):
        if "near" in spec.split.by:
            groups = near_groups([item.text for item in items], spec.split.near, pulse)
            links += [(first, index) for index, first in enumerate(groups) if first != index]
        if "group" in spec.split.by:
            links += _equal([group_of(item, spec.example) for item in items])
        if not any(step.dedupe and step.dedupe.exact == "casefold" for step in spec.steps):
            links += _equal([folded_key(item.text).hex() for item in items])
    found = units(keys, clusters(len(items), links), [item.side for item in items])
    least = spec.example.count[0] if spec.example.build == "continuation" else 1
    sides = split(found, spec.split.valid, spec.seed, least=least)
    if spec.split.stratify == "label" and spec.split.valid.share > 0:
        sides = stratified(found, sides, [label(item) for item in items], spec.split.valid, spec.seed)
    of_items: list[Side] = ["train"] * len(items)
    for unit, side in zip(found, sides, strict=True):
        for index in unit.members:
            of_items[index] = side
    torn = sum(item.side is not None and item.side != side for item, side in zip(items, of_items, strict=True))
    return Sides(of_items, keys, {unit.key: side for unit, side in zip(found, sides, strict=True)}, torn)


def _equal(names: Sequence[str]) -> list[tuple[int, int]]:
    """Link every index to the first one of the same name; nameless ones stand alone."""
    first: dict[str, int] = {}
    links = []
    for index, name in enumerate(names):
        if name and first.setdefault(name, index) != index:
            links.append((first[name], index))
    return links
