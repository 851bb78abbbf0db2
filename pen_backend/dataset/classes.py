"""The classes of a training set: which label a record has, the file of labels that only grows, and their checks."""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pen_backend.dataset.checks import Checks
from pen_backend.dataset.items import Wanted, example_item, plain_text, text_of
from pen_backend.dataset.output import disk_error
from pen_backend.dataset.record import SIDES, Item, Side
from pen_backend.errors import Finding, TooLargeError
from pen_backend.files import Disk, locked, write_atomic
from pen_backend.prompts import first_token, template
from pen_backend.prompts.classes import read_labels
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.training import TrainingSpec
from pen_backend.records import Example, Segment, make_example
from pen_backend.tokens import Encoder
from pen_backend.words import count

LIMIT = 1_000_000
_SHOWN = 5

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


def with_new_labels(definition: Definition, labels: Iterable[str], disk: Disk) -> Definition:
    """Append labels that the definition's `labels-file` lacks, in the order they come, and return it with all of them.

    Lines that are there stay, so that numbers never move when data grows.
    """
    path, classes = definition.labels_path, definition.class_map
    if path is None or classes is None:
        return definition
    found = dict.fromkeys(label for label in labels if label and label.splitlines() == [label])
    if len(found) > LIMIT:
        raise TooLargeError(f"There are more than {LIMIT:,} different labels.", where=definition.where("classes"),
                            hint="Is the right variable the label?")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.parent):
            known = read_labels(path)
            new = [label for label in found if label not in frozenset(known)]
            if new:
                _append(path, new, disk)
    except OSError as error:
        raise disk_error(error, path) from error
    return definition.with_classes(replace(classes, labels=(*known, *new)))


def _append(path: Path, labels: Iterable[str], disk: Disk) -> None:
    old, mode = b"", 0o644  # it is a part of the project, which others read
    with contextlib.suppress(FileNotFoundError):
        old, mode = path.read_bytes(), path.stat().st_mode & 0o777
    end = b"" if not old or old.endswith(b"\n") else b"\n"
    write_atomic(path, old + end + "".join(f"{label}\n" for label in labels).encode(), disk)
    path.chmod(mode)


def findings(definition: Definition, spec: TrainingSpec, checks: Checks, counts: Counts) -> Iterator[Finding]:
    """Check the classes of both sides: their number, their sizes, and labels that are the same to a reader."""
    if definition.class_map is None:
        return
    where = definition.where("classes")
    if checks.level("class-count") != "off":
        yield from _number_findings(definition, spec, checks, counts, where)
    least = checks.limit("class-min")
    small = [label for label in counts["train"] if counts["train"][label] < least]
    if small and checks.level("class-min") != "off":
        small.sort(key=lambda label: counts["train"][label])
        train, valid = counts["train"], counts["valid"]
        shown = ", ".join(f"'{label}' {train[label]} and {valid[label]}" for label in small[:_SHOWN])
        yield checks.finding(
            "class-min", f"{count(len(small), 'class', 'classes')} with fewer than {least:g} examples to train on; "
            f"trained on and held out: {shown}{', …' if len(small) > _SHOWN else ''}", where, "add examples of them")
    if checks.level("label-clean") != "off":
        alike: dict[str, list[str]] = defaultdict(list)
        for label in dict.fromkeys((*(definition.class_map.labels or ()), *counts["train"], *counts["valid"])):
            alike[" ".join(label.casefold().split())].append(label)
        same = [labels for labels in alike.values() if len(labels) > 1]
        if same:
            yield checks.finding("label-clean", f"{count(len(same), 'label')} written in several ways, as in "
                                 f"{_quoted(same[0])}", where, "write them one way, with a `relabel` step")


def first_token_findings(definition: Definition, checks: Checks, counts: Counts, encoder: Encoder,
                         prompt: str) -> Iterator[Finding]:
    """Check that classes can be told apart by the first token after PROMPT, one that was rendered for training."""
    classes = definition.class_map
    if classes is None or checks.level("first-token") == "off" or definition.messages is not None:
        return
    form = definition.format
    labels = [label for label in (classes.labels or tuple(counts["train"])) if label in counts["train"]]
    end = form.completion_end or ""
    shared = first_token.shared(encoder, prompt, {
        label: form.completion_start + classes.encode(label) + end for label in labels})
    if shared:
        largest = max(shared, key=len)
        yield checks.finding(
            "first-token", f"with the vocabulary of {encoder.name} {sum(map(len, shared))} of {len(labels)} labels "
            f"share their first token with another, as {_quoted(largest)} do", definition.where("classes"),
            "one of: " + " · ".join(first_token.remedies(encoder, prompt, labels, form.completion_start, end)))


def to_manifest(definition: Definition, counts: Counts) -> dict[str, object] | None:
    """Return the class map as the manifest remembers it, so that numbers can be read as labels wherever they go."""
    classes = definition.class_map
    if classes is None:
        return None
    return {**classes.to_json(), "counts": {side: dict(sorted(counts[side].items())) for side in SIDES}}


def _number_findings(definition: Definition, spec: TrainingSpec, checks: Checks, counts: Counts,
                     where: str) -> Iterator[Finding]:
    known = definition.class_map.labels if definition.class_map is not None else None
    train, valid = counts["train"], counts["valid"]
    every = known if known is not None else tuple(dict.fromkeys((*train, *valid)))
    for side, has in (("to train on", train), ("held out", valid)):
        if (missing := [label for label in every if label not in has]) and (has or side == "to train on"):
            hint = "add examples of them, or take them out of the labels"
            if side == "held out":
                hint = "set `split: {stratify: label}`, or hold out more" if spec.split.stratify is None else (
                    "add examples: a class needs two that are not alike, one for each side")
            yield checks.finding("class-count", f"{len(missing)} of {count(len(every), 'class', 'classes')} without an "
                                 f"example {side}: {_quoted(missing)}", where, hint)
    asked = spec.hyperparameters.get("classification")
    number = asked.get("n_classes", asked.get("n-classes")) if isinstance(asked, Mapping) else None
    if number is not None and number != len(train):
        yield checks.finding("class-count", f"the job is told of {count(number, 'class', 'classes')}, and {len(train)} "
                             "are trained on",
                             definition.where("training", "job", "classification"), f"write n_classes: {len(train)}")


def _quoted(labels: Iterable[str]) -> str:
    names = [f"'{label}'" for label in labels]
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
