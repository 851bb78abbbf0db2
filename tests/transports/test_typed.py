import pytest

from pen_backend.transports.typed import wording


@pytest.mark.parametrize(("arguments", "line", "said"), [
    (["--n-epochs", "0"], "pen: n_epochs: expected a whole number", "pen: --n-epochs: expected a whole number"),
    (["--n_epochs=0"], "pen: n_epochs: expected a whole number", "pen: --n_epochs: expected a whole number"),
    (["--epochs", "0"], "pen: n_epochs must be a number from 1 to 50.", "pen: --epochs must be a number from 1 to 50."),
    (["--max-tokens", "0"], "pen: max-tokens must be at least 1.", "pen: --max-tokens must be at least 1."),
    (["--valid-share", "3"], "pen: valid_share cannot be 3.0. `valid_share` is a share from 0 to below 1.",
     "pen: --valid-share cannot be 3.0. --valid-share is a share from 0 to below 1."),
    (["--learning-rate", "1", "--learning-rate-multiplier", "1"],
     "pen: learning_rate and learning_rate_multiplier exclude each other; give one of them",
     "pen: --learning-rate and --learning-rate-multiplier exclude each other; give one of them"),
    (["--seed", "-1"], "pen: seed: expected a whole number", "pen: --seed: expected a whole number"),
    (["--rows", "-1"], "pen: rows must be at least 0.", "pen: --rows must be at least 0."),
])
def test_a_parameter_is_called_as_it_was_typed(arguments: list[str], line: str, said: str) -> None:
    assert wording(["finetune", "x", *arguments])(line) == said


@pytest.mark.parametrize(("arguments", "line"), [
    ([], "pen: n_epochs: expected a whole number"),
    (["--model", "x"], "pen: There is no model 'x'. The base model is pen-tiny."),
    (["--seed", "1"], "pen: the seed is 1, and seed must be said twice."),
    (["--n-epochs", "1"], "notes/n_epochs.yaml:3: n_epochs_max: unknown key 'my-n_epochs'"),
    (["-"], "pen: standard input is empty."),
])
def test_what_nobody_typed_and_what_only_looks_like_it_stays(arguments: list[str], line: str) -> None:
    assert wording(arguments)(line) == line
