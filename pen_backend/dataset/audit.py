"""Check a whole training set from its written files: leaks, contamination, classes (datasets.md, section 9)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pen_backend.dataset import class_audit, written
from pen_backend.dataset.checks import Checks, checks_of
from pen_backend.dataset.classes import Counts
from pen_backend.dataset.inputs import Inputs
from pen_backend.dataset.items import plain_text
from pen_backend.dataset.overlap import Collection
from pen_backend.dataset.record import SYSTEM, Item, Pulse, Side
from pen_backend.dataset.written import Values
from pen_backend.errors import Finding
from pen_backend.prompts.definition import Definition
from pen_backend.words import count

Pairs = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found, and how many texts of one side stand in the other."""

    findings: tuple[Finding, ...]
    overlaps: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The rows of `evaluation.data`, or why they cannot be read."""

    items: tuple[Item, ...] = ()
    problem: str | None = None

    def texts(self, values: Values) -> Iterator[str]:
        """Yield what the rows say; VALUES takes the definition's own words out of one that is finished."""
        for item in self.items:
            if item.example is None:
                yield item.text
            else:
                yield from (learned for _, learned in values([one.text for one in item.example.segments
                                                              if one.role not in SYSTEM]))


def audit(inputs: Inputs, files: Mapping[Side, Sequence[Path]], *, lists: bool, evaluation: Evaluation,
          labels: Counts, pulse: Pulse) -> Audit:
    """Check the rows that stand in FILES.

    LISTS says that the rows are lists, whose items are compared one by one; LABELS are the numbers of each class that
    were written.
    """
    definition, spec, checks = inputs.definition, inputs.spec, checks_of(inputs.spec)
    threshold = spec.split.near if "near" in spec.split.by else None
    asked = list(_tests(definition, lists=lists)) if checks.level("contamination") != "off" else []
    tests = Collection((text for _, text in asked), spec.split.near)
    # The definition's own words make rows alike; where only equal rows matter, they need not be taken out.
    bare = bool(lists or threshold is not None or tests or evaluation.items)
    values = written.values_of(definition, lists=lists) if bare else written.whole
    rows = Collection(evaluation.texts(values), spec.split.near)

    def pairs(side: Side) -> Pairs:
        return (pair for texts in written.rows(files[side], system=not bare) for pair in values(texts))

    leaks = Collection((learned for _, learned in pairs("valid")) if checks.level("leak") != "off" else (), threshold)
    if leaks or tests or rows:
        _look(pairs("train"), leaks, tests, rows, pulse)
    findings: list[Finding] = []
    overlaps: dict[str, int] = {}
    if leaks:
        overlaps = {"held_out": len(leaks), "equal": len(leaks.equal)}
        if threshold is not None:
            overlaps |= {"near": len(leaks.near - leaks.equal), "eight_words": len(leaks.eight)}
        findings += _leaks(checks, leaks)
    if tests or rows:
        met = sorted({asked[index][0] for index in tests.equal | tests.near})
        overlaps |= {"tests": len(met), "evaluation": len(rows.equal | rows.near)}
        findings += _contamination(definition, checks, met, len(rows.equal | rows.near))
    findings += _uncompared(definition, checks, evaluation)
    findings += class_audit.findings(definition, spec, checks, labels)
    if definition.class_map is not None:
        prompt = "".join(next(written.rows(files["train"]), [""])[:-1])
        findings += class_audit.first_token_findings(definition, checks, labels, inputs.encoder, prompt)
    return Audit(tuple(findings), overlaps)


def _look(pairs: Pairs, leaks: Collection, tests: Collection, rows: Collection, pulse: Pulse) -> None:
    """Look for the texts of all collections in the training rows, in one pass."""
    for done, (asked, learned) in enumerate(pairs):
        pulse.beat("texts compared", done)
        if leaks:
            leaks.look(learned)
        if tests:
            tests.look(asked)
        if rows:
            rows.look(learned)


def _tests(definition: Definition, *, lists: bool) -> Iterator[tuple[int, str]]:
    """Yield the texts that the prompt's tests ask about, each with the number of its test."""
    for index, test in enumerate(definition.tests):
        given = [test.vars[variable.name] for variable in definition.asked if variable.name in test.vars]
        texts = [item for value in given for item in (
            value.splitlines() if isinstance(value, str) else value)] if lists else [" ".join(map(plain_text, given))]
        yield from ((index, text) for text in texts if text.strip())


def _leaks(checks: Checks, leaks: Collection) -> Iterator[Finding]:
    near = len(leaks.near - leaks.equal)
    if leaks.equal or near:
        found = " and ".join(f"{number} {how}" for number, how in ((len(leaks.equal), "equal"), (near, "nearly equal"))
                             if number)
        yield checks.finding("leak", f"of {count(len(leaks), 'held-out text')}, {found} to one that is trained on",
                             hint="does a filter or preprocessor of the definition make texts alike? "
                             "`checks: {leak: warn}` publishes all the same")


def _contamination(definition: Definition, checks: Checks, tests: Sequence[int], rows: int) -> Iterator[Finding]:
    if tests:
        yield checks.finding("contamination", f"{count(len(tests), 'test')} of {definition.name} {_stand(len(tests))}: "
                             "the model will know what is asked", definition.where("tests", tests[0]),
                             "test with texts of your own")
    if rows:
        yield checks.finding("contamination", f"{count(rows, 'row')} of evaluation.data {_stand(rows)}",
                             definition.where("evaluation", "data"), "leave them out of the sources")


def _uncompared(definition: Definition, checks: Checks, evaluation: Evaluation) -> Iterator[Finding]:
    if evaluation.problem is not None:
        yield checks.finding("contamination", "evaluation.data cannot be compared with the training set: "
                             f"{evaluation.problem.removesuffix('.')}", definition.where("evaluation", "data"))


def _stand(number: int) -> str:
    """Say of a number of texts that they are trained on."""
    one = "stands in the training set or nearly does"
    return one if number == 1 else "stand in the training set or nearly do"
