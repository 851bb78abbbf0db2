"""Check the classes of a training set: how many there are, how large, and whether they can be told apart."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from pen_backend.dataset.checks import Checks
from pen_backend.dataset.classes import Counts
from pen_backend.errors import Finding
from pen_backend.prompts import first_token
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.training import TrainingSpec
from pen_backend.tokens import Encoder
from pen_backend.words import count

_SHOWN = 5


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
