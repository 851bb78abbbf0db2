"""What each check does when it finds something: nothing, a warning, or an error (datasets.md, section 9).

A check of one row that is an error drops the row and counts it; a check of the whole set refuses to publish it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pen_backend.errors import DataError, Finding
from pen_backend.prompts.training import CheckLevel, CheckSpec, TrainingSpec

DEFAULTS: Mapping[str, CheckSpec] = {
    "class-count": CheckSpec(do="error"),
    "class-min": CheckSpec(do="warn", limit=100),  # examples of a class
    "first-token": CheckSpec(do="warn"),  # an error if class metrics are asked for
    "label-clean": CheckSpec(do="warn"),
    "length": CheckSpec(do="error"),
    "boundary-tokens": CheckSpec(do="warn", limit=0.005),  # of the rows
    "end-inside": CheckSpec(do="error"),
    "join-inside": CheckSpec(do="error"),
    "leak": CheckSpec(do="error"),
    "contamination": CheckSpec(do="warn"),
    "all-masked": CheckSpec(do="error"),
    "chat": CheckSpec(do="warn"),
}


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of one build, by name."""

    specs: Mapping[str, CheckSpec]

    def level(self, name: str) -> CheckLevel:
        """Say what a check does."""
        return self.specs[name].do

    def limit(self, name: str) -> float:
        """Return the number from which on a check finds something; its own default if the definition names none."""
        limit = self.specs[name].limit
        return (DEFAULTS[name].limit or 0) if limit is None else limit

    def finding(self, name: str, message: str, where: str | None = None, hint: str | None = None) -> Finding:
        """Make the finding of a check that is on, at its level."""
        return Finding(name, message, where, hint, "error" if self.level(name) == "error" else "warning")


def checks_of(spec: TrainingSpec) -> Checks:
    """Return the checks of a training set: the defaults, and what its definition says instead."""
    defaults = dict(DEFAULTS)
    if asks_class_metrics(spec):
        defaults["first-token"] = CheckSpec(do="error")
    return Checks({**defaults, **spec.checks})


def asks_class_metrics(spec: TrainingSpec) -> bool:
    """Say whether the job is to measure classes, which hosted jobs and ours do by their first tokens."""
    return spec.hyperparameters.get("classification") is not None


def refuse(findings: Iterable[Finding]) -> None:
    """Raise DataError if one of the findings about a whole set is an error; nothing is published then."""
    errors = [finding for finding in findings if finding.level == "error"]
    if errors:
        first = errors[0]
        more = {1: "", 2: " There is 1 more error."}.get(len(errors), f" There are {len(errors) - 1} more errors.")
        hint = first.hint[:1].upper() + first.hint[1:] + "." if first.hint else None
        raise DataError(f"{first.message[:1].upper()}{first.message[1:]}; nothing was published.{more}",
                        where=first.where, hint=hint, findings=errors)
