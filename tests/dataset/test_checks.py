"""Checks by name: each has a default, each may be off, a warning or an error, and errors publish nothing."""

import pytest

from pen_backend.dataset.checks import DEFAULTS, checks_of, refuse
from pen_backend.errors import DataError, Finding
from pen_backend.prompts.training import CHECKS, TrainingSpec


def test_every_check_of_the_schema_has_a_default() -> None:
    assert set(DEFAULTS) == set(CHECKS)


def test_a_definition_changes_level_and_limit() -> None:
    spec = TrainingSpec.model_validate({"checks": {"leak": "warn", "class-min": {"do": "error", "limit": 3}}})
    checks = checks_of(spec)
    assert (checks.level("leak"), checks.level("end-inside")) == ("warn", "error")
    assert (checks.limit("class-min"), checks_of(TrainingSpec()).limit("class-min")) == (3, 100)
    assert checks_of(TrainingSpec.model_validate({"checks": {"class-min": "off"}})).limit("class-min") == 100


def test_first_tokens_matter_where_class_metrics_are_asked_for() -> None:
    assert checks_of(TrainingSpec()).level("first-token") == "warn"
    asked = TrainingSpec(job={"classification": {"n_classes": 2}})
    assert checks_of(asked).level("first-token") == "error"
    told = asked.model_copy(update={"checks": TrainingSpec.model_validate({"checks": {"first-token": "off"}}).checks})
    assert checks_of(told).level("first-token") == "off"


def test_the_first_error_is_told_and_the_others_are_counted() -> None:
    refuse([Finding("leak", "only a warning", level="warning")])
    errors = [Finding("leak", "two texts are equal", "x.yaml:3", "look"), Finding("class-count", "one is missing")]
    with pytest.raises(DataError, match=r"Two texts are equal; nothing .* There is 1 more error\.") as caught:
        refuse([Finding("reader", "a note", level="note"), *errors])
    assert caught.value.findings == tuple(errors)
    assert (caught.value.where, caught.value.hint) == ("x.yaml:3", "Look.")
