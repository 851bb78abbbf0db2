"""Hold rows of a classification out: by hash, equal prompts together, every class on both sides."""

from collections import Counter
from collections.abc import Sequence

from pen_backend.dataset.dedupe import bytes_key
from pen_backend.dataset.prepare.found import Row
from pen_backend.dataset.record import SIDES, Side
from pen_backend.dataset.split import Unit, fraction, split, units
from pen_backend.prompts.training import Valid

HELD_OUT = Valid(share=0.2, most=1000)
_SEED = 0


def sides_of(rows: Sequence[Row]) -> list[Side]:
    """Put every row on a side; a class that has but one prompt is trained on, and not held out."""
    first: dict[str, int] = {}
    same = [first.setdefault(" ".join(row.prompt.casefold().split()), index) for index, row in enumerate(rows)]
    keys = [bytes_key(f"{row.prompt}\0{row.completion}").hex()[:16] for row in rows]
    found = units(keys, same, [None] * len(rows))
    chosen = split(found, HELD_OUT, _SEED)
    _cover([row.completion.strip() for row in rows], found, chosen)
    sides: list[Side] = ["train"] * len(rows)
    for unit, side in zip(found, chosen, strict=True):
        for member in unit.members:
            sides[member] = side
    return sides


def _cover(labels: Sequence[str], found: Sequence[Unit], sides: list[Side]) -> None:
    """Bring a unit of every class to a side that has none of it: the nearest to the threshold that can be spared."""
    of_class: dict[str, list[int]] = {}
    for index, unit in enumerate(found):
        for label in dict.fromkeys(labels[member] for member in unit.members):
            of_class.setdefault(label, []).append(index)
    places = [fraction(_SEED, unit.key) for unit in found]
    left = Counter((label, sides[index]) for label, indices in of_class.items() for index in indices)
    for label, indices in sorted(of_class.items()):
        for side in SIDES:
            if left[label, side] or len(indices) < 2:
                continue
            for index in sorted(indices, key=lambda one: (abs(places[one] - HELD_OUT.share), found[one].key)):
                held = {labels[member] for member in found[index].members}
                if all(left[one, sides[index]] > 1 for one in held):
                    left.subtract((one, sides[index]) for one in held)
                    left.update((one, side) for one in held)
                    sides[index] = side
                    break
