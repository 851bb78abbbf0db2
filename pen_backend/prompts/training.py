"""The `training:` block: sources, steps, examples, split, checks, output and the job's defaults.

The schema of datasets.md section 2, validated here; `dataset/` executes it.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from pen_backend.prompts import sources
from pen_backend.prompts.schema import (
    Count,
    Expect,
    Flag,
    IntRange,
    Many,
    Model,
    Name,
    Names,
    Natural,
    Number,
    Problem,
    Share,
    ShareRange,
    Text,
    named,
    no_variable,
    regex_problem,
    show,
    unknown,
)
from pen_backend.prompts.sources import Condition, Source
from pen_backend.prompts.yaml import Path
from pen_backend.records import HYPERPARAMETERS
from pen_backend.words import count

CheckName = Literal["class-count", "class-min", "first-token", "label-clean", "length", "boundary-tokens", "end-inside",
                    "join-inside", "leak", "contamination", "all-masked", "chat"]
CHECKS: tuple[str, ...] = get_args(CheckName)
Duration = Annotated[str, Field(pattern=r"^[0-9]+(s|m|h|d)$"), Expect("a duration such as 30s, 2m, 6h or 1d")]
Mask = Literal["mask", "keep"]
StepName = Literal["normalise", "anonymise", "filter", "dedupe", "sample", "relabel"]
CheckLevel = Literal["off", "warn", "error"]


class Normalise(Model):
    """Make texts comparable; CRLF becomes LF always."""

    unicode: Literal["NFC", "keep"] = "NFC"
    invisible: Literal["strip", "keep"] = "strip"
    space: Literal["collapse", "keep"] = "collapse"
    newlines: Literal["keep", "space", "blank"] = "keep"


class Replacement(Model):
    """A pattern whose matches are replaced."""

    regex: Name
    as_: Text


class Anonymise(Model):
    """Replace people and numbers before any text is written anywhere (datasets.md, section 12)."""

    people: Literal["pseudonym", "mask", "keep"] = "pseudonym"
    names: Names = ()
    phone: Mask = "mask"
    email: Mask = "mask"
    url: Mask = "keep"
    numbers: Many[Replacement] = ()
    key: Name | None = None


class Filter(Model):
    """Keep records whose text is in the ranges given."""

    field: Name | None = None
    chars: IntRange | None = None
    words: IntRange | None = None
    tokens: IntRange | None = None
    words_file: Name | None = None
    script: Literal["latin"] | None = None
    where: dict[str, Condition] = Field(default_factory=dict)


class Largest(Model):
    """Of equal records, keep the one with the largest field."""

    max: Name


def _keep(value: object) -> object:
    return value if value != "first" else None


class Dedupe(Model):
    """Drop equal and nearly equal records; `keep` None is the first."""

    exact: Literal["casefold", "bytes"] = "casefold"
    near: Share | None = None
    keep: Annotated[Largest | None, BeforeValidator(_keep, json_schema_input_type=Largest | Literal["first"])] = None


class Sample(Model):
    """Keep some records, by hash order."""

    n: Count | None = None
    share: Share | None = None


def _step(value: object) -> object:
    """Read `normalise` as `normalise: {}`."""
    if isinstance(value, str):
        return {value: {}}
    return {key: {} if inner is None else inner for key, inner in value.items()} if isinstance(value, dict) else value


class Step(Model):
    """One step: exactly one of its fields is set."""

    normalise: Normalise | None = None
    anonymise: Anonymise | None = None
    filter: Filter | None = None
    dedupe: Dedupe | None = None
    sample: Sample | None = None
    relabel: dict[str, Text] | None = None

    @property
    def name(self) -> str:
        """Say which step it is."""
        return next(iter(self.model_fields_set), "")


class Opening(Model):
    """Group texts by their first N words."""

    opening: Count


class ExampleSpec(Model):
    """How records become examples (datasets.md, section 5); weights are one a segment, None is the job's default."""

    build: Literal["row", "continuation", "turns", "as-is"] = "row"
    items: Name = "text"
    group_by: Annotated[Opening | Name | None, Expect("a field's name or {opening: N}")] = None
    count: IntRange = (2, 8)
    share: ShareRange = (0.3, 0.7)
    reply_by: Name | None = None
    context: Natural = 6
    gap: Duration = "6h"
    merge_within: Duration = "2m"
    loss_weights: Annotated[Many[int | float] | None, Expect("a list of numbers")] = None
    max_tokens: Count | None = None
    min_tokens: dict[str, Natural] = Field(default_factory=dict)
    overlong: Literal["drop", "truncate", "split", "error"] = "drop"
    boundary: Literal["check", "repair", "keep"] = "check"


class Valid(Model):
    """How much is held out; `most` lowers the share as data grows."""

    share: Share = 0.1
    most: Count | None = None


def _valid(value: object) -> object:
    return {"share": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


class Split(Model):
    """What is held out, and what must not be torn apart."""

    valid: Annotated[Valid, BeforeValidator(_valid, json_schema_input_type=Valid | Share)] = Valid()
    by: Many[Literal["group", "near", "record"]] = ("near",)
    near: Share = 0.5
    stratify: Literal["label"] | None = None


class CheckSpec(Model):
    """What a check does when it finds something, and from which number on."""

    do: CheckLevel
    limit: Annotated[float, Number(0)] | None = None


def _checks(value: object) -> object:
    """Read `NAME: LEVEL` as `NAME: {do: LEVEL}`."""
    if not isinstance(value, dict):
        return value
    return {key: {"do": item} if isinstance(item, str) else item for key, item in value.items()}


class Output(Model):
    """What is written, and where."""

    dir: Name | None = None
    format: Literal["text-list", "prompt-completion", "chat", "preference"] = "text-list"
    lossy: Literal["error", "zero-one"] = "error"
    shard_mb: Count = 256


class Budget(Model):
    """How much may be spent; decides how much data is kept."""

    amount: Annotated[float, Number(0)]
    model: Name
    epochs: Count
    exact: Flag = False


DEFAULT_STEPS = (Step(normalise=Normalise()), Step(dedupe=Dedupe()))


class TrainingSpec(Model):
    """The whole block; `job` has the names of `records.HYPERPARAMETERS` with hyphens."""

    sources: Many[Source] = ()
    steps: Many[Annotated[Step, BeforeValidator(_step, json_schema_input_type=Step | StepName)]] = DEFAULT_STEPS
    example: ExampleSpec = ExampleSpec()
    split: Split = Split()
    checks: Annotated[dict[str, CheckSpec], BeforeValidator(
        _checks, json_schema_input_type=dict[CheckName, CheckSpec | CheckLevel])] = Field(default_factory=dict)
    on_bad: Literal["quarantine", "skip", "stop"] = "quarantine"
    max_bad: Share = 0.01
    output: Output = Output()
    budget: Budget | None = None
    job: dict[str, Any] = Field(default_factory=dict)
    seed: Natural = 0

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """The job's defaults by the names of `records.HYPERPARAMETERS`."""
        return {key.replace("-", "_"): value for key, value in self.job.items()}

    @property
    def prompt_loss_weight(self) -> float:
        """The job's loss weight of prompts that bring none."""
        weight = self.hyperparameters.get("prompt_loss_weight")
        return float(weight) if isinstance(weight, int | float) else 0.0


def problems(training: TrainingSpec, variables: tuple[str, ...] | None, segments: int | None,
             around: Path = ("training",)) -> Iterator[Problem]:
    """Check what needs more than one key of the block, which stands at the path AROUND.

    VARIABLES and SEGMENTS are those of its prompt; None where that is not known.
    """
    items = training.example.items if training.example.build == "continuation" else None
    filled = variables if variables is None or items is None else (*variables, items)  # what a column can be mapped to
    yield from sources.problems(training.sources, filled, (*around, "sources"))
    for index, step in enumerate(training.steps):
        yield from _step_problems(step, (*around, "steps", index))
    yield from _example_problems(training.example, variables, segments, (*around, "example"))
    for check in training.checks:
        if check not in CHECKS:
            yield Problem("unknown-key", (*around, "checks", check), unknown(check, CHECKS), at_key=True)
    for key, value in training.job.items():
        yield from _job_problems(key, value, (*around, "job", key))


def _step_problems(step: Step, path: Path) -> Iterator[Problem]:
    name = named(path)
    if len(step.model_fields_set) != 1:
        yield Problem("step", path, f"{name}: a step has one key, its name, got {len(step.model_fields_set) or 'none'}")
    if step.sample and (step.sample.n is None) == (step.sample.share is None):
        yield Problem("step", path, f"{name}: sample takes either n or share")
    for number, replacement in enumerate(step.anonymise.numbers if step.anonymise else ()):
        if wrong := regex_problem(replacement.regex):
            yield Problem("type", (*path, "anonymise", "numbers", number, "regex"), f"regex: {wrong}")
    for key in ("chars", "words", "tokens"):
        bounds = getattr(step.filter, key, None)
        if bounds and bounds[0] > bounds[1]:
            yield Problem("type", (*path, "filter", key), f"{name}.filter.{key}: {list(bounds)} is empty",
                          "write [LOW, HIGH]")


def _example_problems(example: ExampleSpec, variables: tuple[str, ...] | None, segments: int | None,
                      around: Path) -> Iterator[Problem]:
    name, weights = named(around), example.loss_weights
    if weights is not None:
        message = weights_problem(weights, len(weights) if segments is None else segments)
        if message:
            yield Problem("weights", (*around, "loss-weights"), f"{name}.loss-weights: {message}")
    for key, (low, high) in (("count", example.count), ("share", example.share)):
        if low > high:
            yield Problem("type", (*around, key), f"{name}.{key}: [{low:g}, {high:g}] is empty",
                          "write [LOW, HIGH]")
    if example.build == "continuation" and example.count[0] < 2:
        yield Problem("type", (*around, "count"), f"{name}.count: a continuation needs at least 2 items, one "
                      f"for the prompt and one for the completion, got {example.count[0]}")
    for variable in example.min_tokens if variables is not None else ():
        if variable not in (variables or ()):
            yield no_variable(variable, variables or (), (*around, "min-tokens", variable))


def weights_problem(weights: tuple[int | float, ...], segments: int) -> str | None:
    """Say what is wrong with loss weights: one finite number >= 0 a segment, not all of them 0."""
    if len(weights) != segments:
        return f"expected {count(segments, 'weight')}, one for each text, got {show(list(weights))}"
    if not all(0 <= weight < float("inf") for weight in weights):
        return f"a weight is a finite number of at least 0, got {show(list(weights))}"
    if not any(weights):
        return f"at least one weight must be above 0, got {show(list(weights))}"
    return None


def _job_problems(key: str, value: object, path: Path) -> Iterator[Problem]:
    option = HYPERPARAMETERS.get(key.replace("-", "_")) if "_" not in key else None
    if option is None:
        known = [name.replace("_", "-") for name in HYPERPARAMETERS]
        yield Problem("unknown-key", path, unknown(key, known), at_key=True)
        return
    message = option.problem(value)
    if message:
        yield Problem("type", path, f"{named(path)}: {message}")
