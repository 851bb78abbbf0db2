"""The steps of a definition, each a function from items to items; what they drop is rejected with a reason."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pen_backend.dataset.classes import relabelled
from pen_backend.dataset.dedupe import exact, nearly
from pen_backend.dataset.filters import refusal
from pen_backend.dataset.items import Reject, Wanted, emptiness, example_item, text_of
from pen_backend.dataset.nearness import Nearness
from pen_backend.dataset.normalise import normaliser
from pen_backend.dataset.record import Item, Pulse
from pen_backend.dataset.split import fraction
from pen_backend.dataset.spool import Spool
from pen_backend.dataset.unlabelled import is_unlabelled
from pen_backend.errors import PromptError
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.training import Filter, Normalise, Sample, Step
from pen_backend.records import Segment, make_example
from pen_backend.tokens import Encoder

NAMES = ("normalise", "anonymise", "filter", "dedupe", "sample", "relabel")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What steps need besides the items."""

    definition: Definition
    want: Wanted
    encoder: Encoder
    base: Path
    seed: int
    reject: Reject
    pulse: Pulse
    spool: Callable[[], Spool] = Spool
    nearness: Nearness | None = None


def apply(step: Step, items: Iterable[Item], around: Surroundings) -> Iterator[Item]:
    """Run one step; PromptError for one that there is not."""
    if step.normalise is not None:
        return _normalise(step.normalise, items, around)
    if step.anonymise is not None:
        return iter(items)  # done as they were read, before anything else could see them
    if step.filter is not None:
        return _filter(step.filter, items, around)
    if step.dedupe is not None:
        spec = step.dedupe
        items = exact(items, spec, around.reject, around.spool)
        return items if spec.near is None else _of_labelled(items, around.want, lambda some: nearly(
            some, spec, around.reject, around.pulse, around.spool, around.nearness))
    if step.sample is not None:
        sample = step.sample
        return _of_labelled(items, around.want, lambda some: _sample(sample, some, around))
    if step.relabel is not None:
        return _relabel(step.relabel, items, around)
    raise PromptError(f"There is no step '{step.name}'.", hint=f"There are {', '.join(NAMES)}.")


def _of_labelled(items: Iterable[Item], want: Wanted, step: Callable[[Iterable[Item]], Iterator[Item]]
                 ) -> Iterator[Item]:
    """Apply a step to the labelled items alone: one that waits for its label must not push out one that has it."""
    aside: list[Item] = []

    def labelled() -> Iterator[Item]:
        for item in items:
            if is_unlabelled(item, want):
                aside.append(item)
            else:
                yield item

    yield from step(labelled())
    yield from aside


def _relabel(names: Mapping[str, str], items: Iterable[Item], around: Surroundings) -> Iterator[Item]:
    for item in items:
        yield relabelled(around.definition, item, around.want, names)


def _normalise(spec: Normalise, items: Iterable[Item], around: Surroundings) -> Iterator[Item]:
    change, inside = normaliser(spec), normaliser(spec, keep_edges=True)
    want = around.want
    for item in items:
        if item.example is None:
            given = fields = item.fields
            for name in want.texts:
                value = given.get(name)
                changed = change(value) if type(value) is str else _changed(value, change)
                if changed is not value:
                    fields = {**fields, name: changed}
            if fields is given:
                yield item
                continue
            new = Item(text_of(fields, want), fields, item.origin, item.side, item.weights)
        else:
            new = _normalised_example(item, inside)
        if refused := emptiness(new, want):
            around.reject(refused)
        else:
            yield new


def _changed(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    return [_changed(each, change) for each in value] if isinstance(value, list | tuple) else value


def _normalised_example(item: Item, inside: Callable[[str], str]) -> Item:
    old = item.example
    if old is None:
        return item
    texts = [inside(segment.text) for segment in old.segments]
    if all(text == segment.text for text, segment in zip(texts, old.segments, strict=True)) and old.rejected is None:
        return item
    segments = [Segment(text, each.weight, each.role, each.name, each.extra)
                for text, each in zip(texts, old.segments, strict=True)]
    refused = None if old.rejected is None else [
        Segment(inside(each.text), each.weight, each.role, each.name, each.extra) for each in old.rejected]
    return example_item(make_example(segments, origin=old.origin, label=old.label, group=old.group, meta=old.meta,
                                     rejected=refused, tools=old.tools), item.side)


def _filter(spec: Filter, items: Iterable[Item], around: Surroundings) -> Iterator[Item]:
    why = refusal(spec, around.encoder, around.base)
    for item in items:
        text = item.text
        if spec.field is not None and item.example is None:
            value = item.fields.get(spec.field)
            text = value if isinstance(value, str) else ""
        if reason := why(text, item.fields):
            around.reject(item.reject("filtered", reason))
        else:
            yield item


def _sample(spec: Sample, items: Iterable[Item], around: Surroundings) -> Iterator[Item]:
    """Keep the items that come first in hash order, in their own order."""
    with closing(around.spool()) as every:
        places = array("d", (fraction(around.seed, f"sample\0{item.text}") for item in every.through(items)))
        number = spec.n if spec.n is not None else round(len(every) * (spec.share or 0))
        chosen = set(sorted(range(len(every)), key=lambda index: (places[index], index))[:number])
        for index, item in enumerate(every):
            if index in chosen:
                yield item
            else:
                around.reject(item.reject("filtered", "the record is not in the sample"))
