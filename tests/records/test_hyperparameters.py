"""Job options: one table that definitions, the command line and the engine check against."""

import math

import pytest

from pen_backend.errors import DataError
from pen_backend.records import HYPERPARAMETERS, auto_epochs, check_hyperparameters


@pytest.mark.parametrize(("name", "value"), [
    ("n_epochs", 0), ("n_epochs", "2"), ("n_epochs", True), ("batch_size", 1.5), ("learning_rate", 0),
    ("learning_rate_multiplier", math.inf), ("tune", "half"), ("suffix", "x" * 65), ("completion_prompts", ["a"] * 17),
    ("completion_prompts", [1]), ("lora", 3), ("seed", -1), ("prompt_loss_weight", 1.1), ("epochs", 3),
])
def test_a_wrong_job_option_is_refused(name: str, value: object) -> None:
    with pytest.raises(DataError, match=name):
        check_hyperparameters({name: value})


def test_right_job_options_pass_with_hyphens_too() -> None:
    check_hyperparameters({"n-epochs": "auto", "batch_size": 4, "learning-rate-multiplier": 2, "checkpoint_seconds": 0,
                           "completion_prompts": ["a"], "tune": "lora", "seed": None})


def test_every_default_is_a_value_its_option_takes() -> None:
    assert [name for name, option in HYPERPARAMETERS.items() if option.problem(option.default)] == []


def test_all_wrong_options_are_named_at_once() -> None:
    with pytest.raises(DataError) as caught:
        check_hyperparameters({"n_epoch": 1, "seed": -1, "learning_rate": 0.1, "learning_rate_multiplier": 2})
    assert len(caught.value.findings) == 3
    assert "n_epochs" in str(caught.value.findings[0])


@pytest.mark.parametrize(("examples", "epochs"), [
    (0, 3), (1, 25), (4, 25), (10, 10), (33, 3), (34, 3), (270, 3), (8333, 3), (9000, 2), (25_000, 1), (90_000, 1)])
def test_epochs_follow_the_number_of_examples(examples: int, epochs: int) -> None:
    assert auto_epochs(examples) == epochs
