"""Job creations: every spelling, every place where an option travels, every refusal."""

from typing import Any

import pytest

from pen_backend.engine.wire.errors import ApiError
from pen_backend.engine.wire.jobs import read_creation
from pen_backend.engine.wire.options import Options
from pen_backend.records import HYPERPARAMETERS

MINIMAL = {"model": "tiny", "training_file": "file-x"}


def supervised(**hyperparameters: Any) -> dict[str, Any]:
    return {"method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}}


def test_the_smallest_request_has_all_defaults() -> None:
    creation = read_creation(MINIMAL)
    assert creation.hyperparameters.n_epochs == "auto"
    assert creation.options == Options.model_validate({})


@pytest.mark.parametrize("place", [
    {"pen": {"snapshots_every": 5}},
    {"hyperparameters": {"snapshots_every": 5}},
    supervised(snapshots_every=5),
    {"metadata": {"pen.snapshots_every": "5"}}])
def test_an_option_is_read_from_each_place(place: dict[str, Any]) -> None:
    assert read_creation({**MINIMAL, **place}).options.snapshots_every == 5


def test_the_same_option_twice_is_fine_if_it_is_equal() -> None:
    body = {**MINIMAL, "pen": {"tune": "lora"}, "metadata": {"pen.tune": "lora"}}
    assert read_creation(body).options.tune == "lora"


def test_the_same_option_with_two_values_is_refused() -> None:
    with pytest.raises(ApiError, match="twice"):
        read_creation({**MINIMAL, "pen": {"tune": "lora"}, "metadata": {"pen.tune": "full"}})


def test_metadata_that_is_no_option_stays_metadata() -> None:
    creation = read_creation({**MINIMAL, "metadata": {"pen.format_hash": "abc", "mine": "1"}})
    assert creation.request.metadata == {"pen.format_hash": "abc", "mine": "1"}


def test_the_deprecated_spelling_is_the_same() -> None:
    old = read_creation({**MINIMAL, "hyperparameters": {"n_epochs": 2}})
    assert old.hyperparameters == read_creation({**MINIMAL, **supervised(n_epochs=2)}).hyperparameters


def test_preferences_have_a_beta() -> None:
    creation = read_creation({**MINIMAL, "method": {"type": "dpo", "dpo": {"hyperparameters": {
        "beta": 0.5, "n_epochs": 2, "snapshots_every": 5}}}})
    assert creation.method == "dpo"
    assert creation.hyperparameters.model_dump() == {
        "batch_size": "auto", "learning_rate_multiplier": "auto", "n_epochs": 2, "beta": 0.5}
    assert creation.options.snapshots_every == 5
    assert read_creation({**MINIMAL, "method": {"type": "dpo"}}).hyperparameters.model_dump()["beta"] == "auto"


def test_the_body_handed_in_is_not_changed() -> None:
    body = {**MINIMAL, **supervised(snapshots_every=5)}
    read_creation(body)
    assert body == {**MINIMAL, **supervised(snapshots_every=5)}


@pytest.mark.parametrize(("changes", "param", "code"), [
    ({"pen": {"snapshot_every": 5}}, "pen.snapshot_every", "unknown_parameter"),
    (supervised(n_epoch=2), "method.supervised.hyperparameters.n_epoch", "unknown_parameter"),
    ({"sufix": "x"}, "sufix", "unknown_parameter"),
    (supervised(n_epochs=51), "method.supervised.hyperparameters.n_epochs", "invalid_value"),
    (supervised(n_epochs="2"), "method.supervised.hyperparameters.n_epochs", "invalid_value"),
    ({"hyperparameters": {"n_epochs": 2}, **supervised(n_epochs=3)}, "hyperparameters", "invalid_value"),
    ({"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 2.1}}}}, "method.dpo.hyperparameters.beta",
     "invalid_value"),
    ({"method": {"type": "dpo", "dpo": {"hyperparameters": {"bet": 1}}}}, "method.dpo.hyperparameters.bet",
     "unknown_parameter"),
    (supervised(beta=0.1), "method.supervised.hyperparameters.beta", "unknown_parameter"),
    ({"method": {"type": "dpo"}, "hyperparameters": {"n_epochs": 2}}, "hyperparameters", "invalid_value"),
    ({"method": {"type": "dpo"}, "pen": {"packing": "window"}}, "pen.packing", "invalid_value"),
    ({"method": {"type": "dpo"}, "validation_file": "file-v", "pen": {"classification": {"n_classes": 2}}},
     "pen.classification", "invalid_value"),
    ({"method": {**supervised(n_epochs=2)["method"], "dpo": {"hyperparameters": {"beta": 0.5}}}}, "method.dpo",
     "invalid_value"),
    ({"method": {"type": "supervised", "dpo": {}}}, "method.dpo", "invalid_value"),
    ({"method": {"type": "dpo", "supervised": {"hyperparameters": {"n_epochs": 2}}}}, "method.supervised",
     "invalid_value"),
    ({"method": {"type": "supervised", "reinforcement": {"grader": {}}}}, "method.reinforcement", "invalid_value"),
    ({"method": {"type": "reinforcement"}}, "method.type", "unsupported_parameter"),
    ({"method": {}}, "method.type", "missing_required_parameter"),
    ({"integrations": [{"type": "wandb"}]}, "integrations", "unsupported_parameter"),
    ({"suffix": ""}, "suffix", "invalid_value"),
    ({"suffix": "x" * 65}, "suffix", "invalid_value"),
    ({"seed": -1}, "seed", "invalid_value"),
    ({"metadata": {str(i): "" for i in range(17)}}, "metadata", "invalid_value"),
    ({"metadata": {"k" * 65: ""}}, "metadata", "invalid_value"),
    ({"metadata": {"k": "v" * 513}}, "metadata", "invalid_value"),
    ({"metadata": {"k": 1}}, "metadata", "invalid_value"),
    ({"pen": 5}, "pen", "invalid_value"),
    ({"pen": {"prompt_loss_weight": 1.1}}, "pen.prompt_loss_weight", "invalid_value"),
    ({"pen": {"lora": {"rank": 2}}}, "pen.lora.rank", "unknown_parameter"),
    ({"pen": {"lora": {"r": 0}}}, "pen.lora.r", "invalid_value"),
    ({"pen": {"lora": {"r": 4}, "tune": "full"}}, "pen.lora", "invalid_value"),
    ({"pen": {"completion_prompts": ["x"] * 17}}, "pen.completion_prompts", "invalid_value"),
    ({"pen": {"packing": "windows"}}, "pen.packing", "invalid_value"),
    ({"pen": {"classification": {"n_classes": 2}}}, "pen.classification", "invalid_value"),
    ({"pen": {"early_stopping": 2}}, "pen.early_stopping", "invalid_value"),
    ({"pen": {"schedule": "step"}}, "pen.schedule", "invalid_value"),
    ({"validation_file": "file-v", "pen": {"classification": {}}}, "pen.classification", "invalid_value"),
    ({"validation_file": "file-v", "pen": {"classification": {"n_classes": 3, "positive_class": "a"}}},
     "pen.classification", "invalid_value"),
    ({"validation_file": "file-v", "pen": {"classification": {"n_classes": 3, "betas": [1]}}}, "pen.classification",
     "invalid_value"),
    ({"validation_file": "file-v", "pen": {"classification": {"n_classes": 1}}}, "pen.classification.n_classes",
     "invalid_value"),
    ({"validation_file": "file-v", "pen": {"classification": {"n_classes": 2}, "packing": "window"}},
     "pen.classification", "invalid_value"),
    ({"pen": {"learning_rate": 1e-3}, **supervised(learning_rate_multiplier=2)}, "pen.learning_rate",
     "invalid_value")])
def test_refusals_name_the_parameter(changes: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        read_creation({**MINIMAL, **changes})
    assert (caught.value.param, caught.value.code, caught.value.status) == (param, code, 400)


def test_an_unknown_option_comes_with_the_nearest_name() -> None:
    with pytest.raises(ApiError, match="did you mean 'snapshots_every'"):
        read_creation({**MINIMAL, "pen": {"snapshot_every": 5}})


def test_limits_are_inclusive() -> None:
    body = {**MINIMAL, "suffix": "x" * 64, "metadata": {"k" * 64: "v" * 512}, **supervised(n_epochs=50, batch_size=256)}
    assert read_creation(body)


def test_options_are_those_of_the_one_table() -> None:
    assert set(Options.model_fields) <= {*HYPERPARAMETERS, "checkpoint_seconds"}
    assert set(HYPERPARAMETERS) - set(Options.model_fields) <= {
        "n_epochs", "batch_size", "learning_rate_multiplier", "beta", "method", "suffix", "seed", "model"}
