"""Training sets as they are written: with a definition, and in a file of their own."""

import pytest

from pen_backend.config import builtin_prompts
from pen_backend.prompts import loader, yaml
from pen_backend.prompts.dataset import DatasetSpec
from pen_backend.prompts.definition import Definition
from pen_backend.service.trainings import TrainingDetail, TrainingSetting, TrainingSource, flow, training_detail


def detail(name: str) -> TrainingDetail:
    loaded = loader.load_any(builtin_prompts() / f"{name}.yaml")
    definition = loaded.definition if isinstance(loaded, DatasetSpec) else loaded
    assert isinstance(definition, Definition)
    assert definition.training
    return training_detail(definition.training, definition.name)


def test_a_set_of_its_own_says_every_source_with_its_keys_and_licence() -> None:
    found = detail("puns-from-everywhere")
    assert found.prompt == "pun-complete"
    assert len(found.sources) == 4
    assert found.sources[1] == TrainingSource("data/jokes/reddit.json", "jokes", "written for pen",
                                              "where: {score: {min: 2}}")
    assert found.steps == ["normalise {newlines: space}", "filter {field: joke, chars: [10, 300]}",
                           "dedupe {exact: casefold, near: 0.7}"]
    assert found.settings[0].name == "example"
    assert "loss-weights: [0.3, 0.7]" in found.settings[0].value


def test_only_what_is_written_is_said_but_the_steps_that_are_taken_anyhow() -> None:
    found = detail("question-answer")
    assert found.steps == ["normalise", "dedupe"]
    assert found.settings == [TrainingSetting("example", "{loss-weights: [0.1, 0.9]}"),
                              TrainingSetting("split", "{valid: {share: 0.2}}")]


@pytest.mark.parametrize("value", [
    "plain text", "a: b", "", "- x", "1", "1e4", "true", "No", "#", "é", True, None, 0.5, -3, ["a", {"b": ["c d"]}],
    {"regex": "^\\s*$"},
])
def test_a_value_on_one_line_reads_as_itself(value: object) -> None:
    text = flow({"key": value})
    assert "\n" not in text
    document = yaml.read(text.encode(), "f")
    assert document.findings == []
    read = document.value
    assert isinstance(read, dict)
    assert read["key"] == value
