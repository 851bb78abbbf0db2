import doctest
from typing import Any

import pytest

from pen_backend.errors import BadParamsError
from pen_backend.jobs import classic
from pen_backend.jobs.classic import Parameters, batch_size, job_options

PLAIN = {"n_epochs": 4, "batch_size": 1, "prompt_loss_weight": 0.01, "results": "classic"}
CLASSES = {"valid": "v", "compute_classification_metrics": True}


@pytest.mark.parametrize(("given", "job"), [
    ({}, {}),
    ({"n_epochs": 2}, {"n_epochs": 2}),
    ({"batch_size": 8}, {"batch_size": 8}),
    ({"learning_rate_multiplier": 0.05}, {"learning_rate_multiplier": 0.5}),
    ({"learning_rate_multiplier": 0.2}, {"learning_rate_multiplier": 2.0}),
    ({"prompt_loss_weight": 0.1}, {"prompt_loss_weight": 0.1}),
    ({"suffix": "puns"}, {"suffix": "puns"}),
    ({**CLASSES, "classification_n_classes": 7}, {"classification": {"n_classes": 7}}),
    ({**CLASSES, "classification_positive_class": " yes", "classification_betas": [0.5, 2]},
     {"classification": {"positive_class": " yes", "betas": [0.5, 2]}}),
    ({**CLASSES, "classification_positive_class": " yes", "classification_n_classes": 2},
     {"classification": {"positive_class": " yes", "n_classes": 2}}),
])
def test_a_parameter_is_an_option_of_the_job(given: dict[str, Any], job: dict[str, Any]) -> None:
    assert job_options(Parameters("t", **given), 100) == {**PLAIN, **job}


@pytest.mark.parametrize(("examples", "expected"), [
    (0, 1), (1, 1), (999, 1), (1_000, 2), (1_999, 2), (2_000, 4), (9_000, 16), (64_000, 128), (128_000, 256),
    (10_000_000, 256),
])
def test_a_batch_is_a_power_of_two_below_a_five_hundredth(examples: int, expected: int) -> None:
    assert batch_size(examples) == expected


def test_a_batch_of_unknown_examples_is_left_to_the_engine() -> None:
    assert "batch_size" not in job_options(Parameters("t"), None)


@pytest.mark.parametrize(("given", "said"), [
    ({"classification_n_classes": 3}, "compute_classification_metrics is not"),
    ({"compute_classification_metrics": True, "classification_n_classes": 3}, "needs a validation file"),
    (CLASSES, "needs to know the classes"),
    ({**CLASSES, "classification_n_classes": 3, "classification_betas": [1]}, "for two classes"),
    ({"suffix": "a" * 41}, "1 to 40 characters, got 41"),
])
def test_what_does_not_fit_together_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadParamsError, match=said):
        Parameters("t", **given)


def test_the_examples_of_the_module_are_true() -> None:
    assert doctest.testmod(classic) == (0, 1)
