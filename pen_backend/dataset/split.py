"""Decide what is held out: by hash, so that rows which come later move no old ones, and never half of a cluster."""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from pen_backend.dataset.record import SIDES, Side
from pen_backend.prompts.training import Valid

TRAIN, VALID = range(2)  # the places of the sides in SIDES
ANY = 2  # the side of a record whose source demands none


@dataclass(frozen=True, slots=True)
class Units:
    """What must stay together, a few bytes a member: there may be millions.

    `first` names each member's unit by the unit's first member, `wanted` is the side that a member's source demands.
    """

    keys: Sequence[int]
    first: Sequence[int]
    wanted: Sequence[int]

    def __iter__(self) -> Iterator[int]:
        """Yield the name of each unit, in order."""
        return (index for index, first in enumerate(self.first) if first == index)

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self.first)

    def demands(self) -> Sequence[int]:
        """Return the side that each unit has to be on, at its name.

        It goes where its members' sources say, as a whole; held out wins over trained on.
        """
        if self.wanted.count(ANY) == len(self):
            return self.wanted
        found = bytearray(self.wanted)
        for first, wanted in zip(self.first, self.wanted, strict=True):
            if wanted != found[first]:
                found[first] = VALID if VALID in (wanted, found[first]) else ANY
        return found

    def place(self, unit: int, seed: int) -> float:
        """Return the place of a unit in [0, 1): its first member's."""
        return fraction(seed, name_of(self.keys[unit]))

    def sizes(self) -> Counter[int]:
        """Count the members of each unit."""
        return Counter(self.first)


def name_of(key: int) -> str:
    """Write a key as 16 hex digits."""
    return f"{key:016x}"


def fraction(seed: int, key: str) -> float:
    """Place a key in [0, 1), always at the same place for one seed."""
    hashed = _begun(seed).copy()
    hashed.update(key.encode())
    return int.from_bytes(hashed.digest(), "big") / 2**64


@lru_cache(8)
def _begun(seed: int) -> blake2b:
    """Hash what comes before each key."""
    return blake2b(f"split\0{seed}\0".encode(), digest_size=8)


def threshold(count: int, spec: Valid) -> float:
    """Return the place below which a unit is held out; `most` lowers it as data grows to COUNT records."""
    return min(spec.share, spec.most / count) if spec.most and count else spec.share


def split(units: Units, spec: Valid, seed: int, *, least: int = 1) -> bytearray:
    """Return the side of each unit, at its name.

    A unit is held out if its place is below the share. Where that leaves a side with fewer than LEAST members, the
    units nearest to the threshold come over, as long as the other side keeps LEAST: a set too small for two sides is
    trained on whole.
    """
    share, demands = threshold(len(units), spec), units.demands()
    sides = bytearray(len(units))
    for unit in units:
        sides[unit] = (VALID if units.place(unit, seed) < share else TRAIN) if demands[unit] == ANY else demands[unit]
    if share > 0:
        enough = [_fill(side, sides, units, seed, share, least) for side in (TRAIN, VALID)]
        for unit in () if all(enough) else units:
            sides[unit] = TRAIN if demands[unit] == ANY else demands[unit]
    return sides


def of_members(units: Units, sides: bytearray) -> bytes:
    """Return the side of each member, of the sides of its units."""
    return bytes(map(sides.__getitem__, units.first))


def stratified(units: Units, given: bytearray, labels: Sequence[str], spec: Valid, seed: int) -> bytearray:
    """Return the sides with every class on both, as far as it has two units to be parted.

    LABELS are those of the members. A class that one side lacks gets its unit nearest to the threshold there, if no
    class loses its last one on the other side by it; to be trained on comes before being held out. Classes are not
    parted exactly: that would move rows when data grows.
    """
    share, sides, demands = threshold(len(units), spec), bytearray(given), units.demands()
    has: dict[int, set[str]] = {}
    for first, label in zip(units.first, labels, strict=True):
        has.setdefault(first, set()).update((label,) if label else ())
    classes: dict[str, list[int]] = {}
    for unit in units:
        for label in sorted(has[unit]):
            classes.setdefault(label, []).append(unit)
    on = [Counter(label for unit in units for label in has[unit] if sides[unit] == side) for side in (TRAIN, VALID)]
    for label, members in classes.items():
        for side, other in ((TRAIN, VALID), (VALID, TRAIN)):
            if on[side][label]:
                continue
            for unit in sorted(members, key=lambda unit: (abs(units.place(unit, seed) - share), units.keys[unit])):
                spares = all(on[other][each] > 1 for each in has[unit])
                if demands[unit] == ANY and (spares or (side == TRAIN and len(members) > 1)):
                    sides[unit] = side
                    on[side].update(has[unit])
                    on[other].subtract(has[unit])
                    break
    return sides


def keys_of(units: Units, sides: bytearray) -> dict[Side, "array[int]"]:
    """Return the keys of the units on each side, in order of the keys."""
    found = {side: array("Q") for side in SIDES}
    for unit in units:
        found[SIDES[sides[unit]]].append(units.keys[unit])
    return {side: array("Q", sorted(keys)) for side, keys in found.items()}


def _fill(side: int, sides: bytearray, units: Units, seed: int, share: float, least: int) -> bool:
    """Bring units to a side that is too small; say whether it has enough now."""
    other = TRAIN if side == VALID else VALID
    has = of_members(units, sides).count(side)
    if has >= least:
        return True
    sizes, demands, left = units.sizes(), units.demands(), len(units) - has
    nearest = sorted((abs(units.place(unit, seed) - share), units.keys[unit], unit)
                     for unit in units if sides[unit] == other and demands[unit] == ANY)
    moved = []
    for _, _, unit in nearest:
        if has < least and left - sizes[unit] >= least:
            moved.append(unit)
            has += sizes[unit]
            left -= sizes[unit]
    for unit in moved if has >= least else ():
        sides[unit] = side
    return has >= least
