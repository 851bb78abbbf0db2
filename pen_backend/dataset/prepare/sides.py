"""Hold rows of a classification out: by hash, equal prompts together, every class on both sides."""

from collections import Counter
from collections.abc import Sequence

from pen_backend.dataset.keys import split_key
from pen_backend.dataset.prepare.found import Row
from pen_backend.dataset.record import SIDES, Side
from pen_backend.dataset.split import ANY, TRAIN, Units, of_members, split, stratified
from pen_backend.prompts.training import Valid

HELD_OUT = Valid(share=0.2, most=1000)
_SEED = 0


def sides_of(rows: Sequence[Row]) -> list[Side]:
    """Put every row on a side; a class that has but one prompt is trained on, and not held out."""
    first: dict[str, int] = {}
    same = [first.setdefault(" ".join(row.prompt.casefold().split()), index) for index, row in enumerate(rows)]
    keys = [split_key(f"{row.prompt}\0{row.completion}") for row in rows]
    labels = [row.completion.strip() for row in rows]
    count = Counter(label for _, label in set(zip(same, labels, strict=True)))
    alone = {unit for unit, label in zip(same, labels, strict=True) if count[label] == 1}
    units = Units(keys, same, bytes(TRAIN if unit in alone else ANY for unit in same))
    chosen = stratified(units, split(units, HELD_OUT, _SEED), labels, HELD_OUT, _SEED)
    return [SIDES[place] for place in of_members(units, chosen)]
