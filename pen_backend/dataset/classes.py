"""The classes of a training set: which label a record has."""

from collections import Counter
from collections.abc import Mapping

from pen_backend.dataset.items import Wanted, example_item, plain_text, text_of
from pen_backend.dataset.record import SIDES, Item, Side
from pen_backend.prompts import template
from pen_backend.prompts.definition import Definition
from pen_backend.records import Example, Segment, make_example

LIMIT = 1_000_000

Counts = Mapping[Side, Counter[str]]


def label_of(definition: Definition, item: Item, variable: str | None) -> str:
    """Return the label of an item, stripped; an empty text if it has none."""
    if item.example is not None:
        return example_label(definition, item.example) or ""
    return plain_text(item.fields.get(variable)).strip() if variable is not None else ""


def example_label(definition: Definition, example: Example) -> str | None:
    """Return the label of an example: its own, else what its completion is read as; None if it has none."""
    if example.label is not None or definition.class_map is None or len(example.segments) < 2:
        return example.label
    return template.read(definition, example.segments[-1].text, None).label


def relabelled(definition: Definition, item: Item, want: Wanted, names: Mapping[str, str]) -> Item:
    """Give an item the label that NAMES has for its own."""
    variable = want.label
    if item.example is None:
        if variable is None or (new := names.get(label_of(definition, item, variable))) is None:
            return item
        fields = {**item.fields, variable: new}
        return Item(text_of(fields, want), fields, item.origin, item.side, item.weights)
    old, form = item.example, definition.format
    *before, last = old.segments
    core = last.text.removesuffix(form.completion_end or "").removeprefix(form.completion_start).strip()
    new = names.get(core)
    if not before or not core or new is None:
        return item
    begin = last.text.index(core)
    text = last.text[:begin] + new + last.text[begin + len(core):]
    segments = [*before, Segment(text, last.weight, last.role, last.name, last.extra)]
    return example_item(make_example(segments, origin=old.origin, label=None if old.label is None else new,
                                     group=old.group, meta=old.meta, rejected=old.rejected, tools=old.tools), item.side)


def to_manifest(definition: Definition, counts: Counts) -> dict[str, object] | None:
    """Return the class map as the manifest remembers it, so that numbers can be read as labels wherever they go."""
    classes = definition.class_map
    if classes is None:
        return None
    return {**classes.to_json(), "counts": {side: dict(sorted(counts[side].items())) for side in SIDES}}
