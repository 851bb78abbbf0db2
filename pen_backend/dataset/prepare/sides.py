"""Hold rows of a classification out: by hash, equal prompts together, every class on both sides."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pen_backend.dataset.dedupe import bytes_key
from pen_backend.dataset.prepare.found import Row
from pen_backend.dataset.record import Side
from pen_backend.dataset.split import split, stratified, units
from pen_backend.prompts.training import Valid

HELD_OUT = Valid(share=0.2, most=1000)
_SEED = 0


def sides_of(rows: Sequence[Row]) -> list[Side]:
    """Put every row on a side; a class that has but one prompt is trained on, and not held out."""
    first: dict[str, int] = {}
    same = [first.setdefault(" ".join(row.prompt.casefold().split()), index) for index, row in enumerate(rows)]
    keys = [bytes_key(f"{row.prompt}\0{row.completion}").hex()[:16] for row in rows]
    labels = [row.completion.strip() for row in rows]
    found = units(keys, same, [None] * len(rows))
    count = Counter(label for unit in found for label in {labels[member] for member in unit.members})
    found = [replace(unit, side="train") if any(count[labels[member]] == 1 for member in unit.members) else unit
             for unit in found]
    chosen = stratified(found, split(found, HELD_OUT, _SEED), labels, HELD_OUT, _SEED)
    sides: list[Side] = ["train"] * len(rows)
    for unit, side in zip(found, chosen, strict=True):
        for member in unit.members:
            sides[member] = side
    return sides
