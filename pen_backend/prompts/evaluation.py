"""The `evaluation:` block, and the expectations it shares with `tests:` (prompts.md, section 8)."""

import re
from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field

from pen_backend.prompts.schema import Bound, Count, Flag, Many, Model, Name, Names, Natural, Problem, regex_problem
from pen_backend.prompts.variables import Given
from pen_backend.prompts.yaml import Path

Group = Literal["likelihood", "generation", "copying", "classification"]
Metric = Literal["nll", "perplexity", "bits-per-byte", "stop-rate", "expect-rate", "distinct-1", "distinct-2", "rep-4",
                 "copy-exact", "copy-half", "copy-any", "prompt-copy", "accuracy", "f1-macro", "f1-weighted",
                 "invalid-rate", "precision", "recall", "f-beta", "auroc", "auprc"]


class Expectation(Model):
    """What one generated text must satisfy: exactly one of its fields is set; `unmet` says whether it does."""

    contains: Name | None = None
    regex: Name | None = None
    not_regex: Name | None = None
    one_of: Names = ()
    max_lines: Count | None = None
    max_chars: Count | None = None
    stopped: Flag | None = None


class Requirement(Model):
    """A figure that must be met, against another model or a number."""

    metric: Metric
    model: Name
    below: Name | None = None
    above: Name | None = None
    min: Bound | None = None
    max: Bound | None = None


class EvaluationSpec(Model):
    """How base and tuned model are compared."""

    compare: Names = ("base", "tuned")
    data: Name | None = None
    n: Count = 50
    samples: Count = 1
    seed: Natural = 1
    few_shot: Natural = 0
    metrics: Many[Group] | None = None
    expect: Many[Expectation] = ()
    require: Many[Requirement] = ()
    bootstrap: Count = 10_000


class PromptTest(Model):
    """Values to render with, and what the model's answer must satisfy."""

    vars: dict[str, Given] = Field(default_factory=dict)
    expect: Many[Expectation] = ()


def unmet(expectations: Iterable[Expectation], text: str, *, stopped: bool) -> Iterator[str]:
    """Say in words what an answer does not satisfy; STOPPED is whether it ended by itself."""
    for one in expectations:
        if one.contains is not None and one.contains not in text:
            yield f"it does not contain {one.contains!r}"
        if one.regex is not None and not re.search(one.regex, text):
            yield f"it does not match {one.regex!r}"
        if one.not_regex is not None and re.search(one.not_regex, text):
            yield f"it matches {one.not_regex!r}"
        if one.one_of and text not in one.one_of:
            yield f"it is none of {', '.join(one.one_of)}"
        if one.max_lines is not None and (lines := text.count("\n") + 1) > one.max_lines:
            yield f"it has {lines} lines, more than {one.max_lines}"
        if one.max_chars is not None and len(text) > one.max_chars:
            yield f"it has {len(text)} characters, more than {one.max_chars}"
        if one.stopped is not None and stopped is not one.stopped:
            yield "it did not end by itself" if one.stopped else "it ended by itself"


def problems(expectations: tuple[Expectation, ...], around: Path, named: str) -> Iterator[Problem]:
    """Check that each expectation says exactly one thing."""
    for index, expectation in enumerate(expectations):
        if len(expectation.model_fields_set) != 1:
            yield Problem("type", (*around, index), f"{named}[{index}]: an expectation has one key, got "
                          f"{len(expectation.model_fields_set) or 'none'}")
        for key, pattern in (("regex", expectation.regex), ("not-regex", expectation.not_regex)):
            if pattern is not None and (wrong := regex_problem(pattern)):
                yield Problem("type", (*around, index, key), f"{named}[{index}].{key}: {wrong}")


def require_problems(requirements: tuple[Requirement, ...]) -> Iterator[Problem]:
    """Check that each requirement compares with exactly one thing."""
    for index, requirement in enumerate(requirements):
        bounds = {"below", "above", "min", "max"} & requirement.model_fields_set
        if len(bounds) != 1:
            yield Problem("type", ("evaluation", "require", index), f"evaluation.require[{index}]: expected one of "
                          f"below, above, min and max, got {len(bounds) or 'none'}")
