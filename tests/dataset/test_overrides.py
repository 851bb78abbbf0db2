"""What a caller gives a build takes the place of what its definition says, and of nothing else."""

from pathlib import Path

import pytest

from pen_backend.dataset.overrides import effective
from pen_backend.errors import BadParamsError, PromptError
from pen_backend.prompts.sources import Source
from pen_backend.prompts.training import TrainingSpec
from tests.dataset import REPLY, ROWS, definition

TRAINING = "{sources: [{path: own.jsonl}], seed: 3, job: {n-epochs: 2, prompt-loss-weight: 0.5}}"


def told(where: Path, prompt: str = ROWS, training: str = TRAINING, **overrides: object) -> TrainingSpec:
    return effective(definition(where, prompt, training), None, None, overrides)


def test_without_overrides_the_definition_stands(tmp_path: Path) -> None:
    one = definition(tmp_path, ROWS, TRAINING)
    assert effective(one, None, None, {"valid_share": None, "job": None}) == one.training


def test_given_sources_and_a_seed_replace_the_definitions(tmp_path: Path) -> None:
    spec = effective(definition(tmp_path, ROWS, TRAINING), [Source(text="a", id="region")], 9, {})
    assert ([one.id for one in spec.sources], spec.seed) == (["region"], 9)


def test_each_override_changes_its_key(tmp_path: Path) -> None:
    spec = told(tmp_path, valid_share=0.25, loss_weights=[0.5, 1.0], author="Ann")
    assert spec.split.valid.share == 0.25
    assert spec.example.loss_weights == (0.5, 1.0)
    assert [one.user for one in spec.sources] == ["Ann"]
    assert spec.seed == 3


def test_the_author_of_turns_is_who_replies(tmp_path: Path) -> None:
    spec = told(tmp_path, REPLY, "{sources: [{path: chat.txt}], example: {build: turns}}", author="Ann")
    assert spec.example.reply_by == "Ann"
    assert spec.sources[0].user is None


def test_the_models_length_yields_to_the_definitions_and_a_given_one_does_not(tmp_path: Path) -> None:
    assert told(tmp_path / "a", max_tokens=500).example.max_tokens == 500
    limited = "{sources: [{path: own.jsonl}], example: {max-tokens: 80}}"
    assert told(tmp_path / "b", training=limited, max_tokens=500).example.max_tokens == 80
    assert told(tmp_path / "c", training=limited, max_tokens=500, longest=90).example.max_tokens == 90


def test_options_of_the_job_are_laid_over_those_there(tmp_path: Path) -> None:
    spec = told(tmp_path, job={"prompt_loss_weight": 0.1})
    assert spec.job["prompt-loss-weight"] == 0.1
    assert spec.job["n-epochs"] == 2


def test_anonymising_is_added_where_the_definition_has_no_such_step(tmp_path: Path) -> None:
    assert told(tmp_path / "a", anonymise=True).steps[0].name == "anonymise"
    has = "{sources: [{path: own.jsonl}], steps: [{normalise: {}}, {anonymise: {names: [Ann]}}]}"
    spec = told(tmp_path / "b", training=has, anonymise=True)
    assert [step.name for step in spec.steps] == ["normalise", "anonymise"]


@pytest.mark.parametrize(("name", "value"), [("valid_share", 1.0), ("valid_share", "half"), ("max_tokens", 0),
                                             ("loss_weights", 0.5), ("job", ["n-epochs"]), ("colour", "blue")])
def test_what_cannot_be_is_refused_by_its_name(name: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(BadParamsError, match=f"{name} cannot be"):
        effective(definition(tmp_path, ROWS, TRAINING), None, None, {name: value})


def test_nothing_to_learn_and_nothing_to_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="names no sources"):
        told(tmp_path / "a", training="{}")
    asks = "pen: 1\ntitle: Ask\nprompt: \"Q: <question>\"\nvars: [question: {type: text}]\n"
    with pytest.raises(PromptError, match="no completion to train on"):
        told(tmp_path / "b", asks, "")
