"""Decide what is held out: by hash, so that rows which come later move no old ones, and never half of a cluster."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from pen_backend.dataset.record import SIDES, Side
from pen_backend.prompts.training import Valid


@dataclass(frozen=True, slots=True)
class Unit:
    """What must stay together: the key of its first member, all members, and a side that a source demands."""

    key: str
    members: tuple[int, ...]
    side: Side | None = None


def units(keys: Sequence[str], representatives: Sequence[int], sides: Sequence[Side | None]) -> list[Unit]:
    """Group members by their representative (an index), in order of first appearance.

    A unit with a member that a source puts on a side goes there as a whole; held out wins over trained on.
    """
    members: dict[int, list[int]] = {}
    for index, representative in enumerate(representatives):
        members.setdefault(representative, []).append(index)
    found = []
    for representative, group in members.items():
        wanted = {sides[index] for index in group}
        side: Side | None = "valid" if "valid" in wanted else "train" if wanted == {"train"} else None
        found.append(Unit(keys[representative], tuple(group), side))
    return found


def fraction(seed: int, key: str) -> float:
    """Place a key in [0, 1), always at the same place for one seed."""
    digest = blake2b(f"split\0{seed}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def threshold(found: Sequence[Unit], spec: Valid) -> float:
    """Return the place below which a unit is held out; `most` lowers it as data grows."""
    count = sum(len(unit.members) for unit in found)
    return min(spec.share, spec.most / count) if spec.most and count else spec.share


def stratified(found: Sequence[Unit], sides: Sequence[Side], labels: Sequence[str], spec: Valid,
               seed: int) -> list[Side]:
    """Return the sides with every class on both, as far as it has two units to be parted.

    LABELS are those of the members. A class that one side lacks gets its unit nearest to the threshold there, if no
    class loses its last one on the other side by it. Classes are not parted exactly: that would move rows when data
    grows.
    """
    share, result = threshold(found, spec), list(sides)
    classes: dict[str, list[int]] = {}
    of_unit = []
    for index, unit in enumerate(found):
        of_unit.append({labels[member] for member in unit.members} - {""})
        for label in sorted(of_unit[index]):
            classes.setdefault(label, []).append(index)
    on = {side: Counter(label for index, has in enumerate(of_unit) for label in has if result[index] == side)
          for side in SIDES}
    near = [(abs(fraction(seed, unit.key) - share), unit.key) for unit in found]
    for label, indices in classes.items():
        for side, other in (SIDES, SIDES[::-1]):
            if on[side][label]:
                continue
            for index in sorted(indices, key=near.__getitem__):
                if found[index].side is None and all(on[other][each] > 1 for each in of_unit[index]):
                    result[index] = side
                    on[side].update(of_unit[index])
                    on[other].subtract(of_unit[index])
                    break
    return result


def split(found: Sequence[Unit], spec: Valid, seed: int, *, least: int = 1) -> list[Side]:
    """Return each unit's side.

    A unit is held out if its place is below the share. Where that leaves a side with fewer than LEAST members, the
    units nearest to the threshold come over, as long as the other side keeps LEAST: a set too small for two sides is
    trained on whole.
    """
    share = threshold(found, spec)
    places = [fraction(seed, unit.key) for unit in found]
    sides: list[Side] = [unit.side or ("valid" if place < share else "train")
                         for unit, place in zip(found, places, strict=True)]
    if share > 0:
        enough = [_fill(side, sides, found, places, share, least) for side in SIDES]
        if not all(enough):
            return [unit.side or "train" for unit in found]
    return sides


def _fill(side: Side, sides: list[Side], found: Sequence[Unit], places: Sequence[float], share: float,
          least: int) -> bool:
    """Bring units to a side that is too small; say whether it has enough now."""
    sizes = {each: sum(len(unit.members) for unit, at in zip(found, sides, strict=True) if at == each)
             for each in SIDES}
    other: Side = "train" if side == "valid" else "valid"
    nearest = sorted((abs(place - share), unit.key, index)
                     for index, (unit, place) in enumerate(zip(found, places, strict=True))
                     if sides[index] == other and unit.side is None)
    moved = []
    for _, _, index in nearest:
        if sizes[side] >= least:
            break
        size = len(found[index].members)
        if sizes[other] - size >= least:
            moved.append(index)
            sizes[side] += size
            sizes[other] -= size
    if sizes[side] < least:
        return False
    for index in moved:
        sides[index] = side
    return True
