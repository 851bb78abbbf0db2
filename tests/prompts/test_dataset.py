from pathlib import Path
from textwrap import dedent

import pytest

from pen_backend.errors import NotFoundError, PromptError
from pen_backend.prompts import library, loader
from pen_backend.prompts.dataset import DatasetSpec
from pen_backend.prompts.training import TrainingSpec
from tests.prompts.files import SHORT

PLACES = """\
pen: 1
kind: dataset
name: from-everywhere
description: Two sources.
prompt: short
seed: 7
sources:
- {id: one, reader: jsonl, path: one.jsonl, fields: {a: x}}
- {id: two, reader: table, path: two.csv, side: valid, terms: research only}
steps: [normalise]
example: {loss-weights: [0, 1], min-tokens: {b: 2}}
checks: {leak: error}
job: {n-epochs: 2}
"""


def write(directory: Path, text: str, prompt: str = SHORT) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "short.yaml").write_text(prompt)
    path = directory / "set.yaml"
    path.write_text(dedent(text))
    return path


def say(path: Path) -> list[str]:
    _, findings = loader.check(path.read_bytes(), path.name, path, [])
    return [str(finding) for finding in findings]


def test_a_training_set_has_its_own_keys_and_its_prompts_texts(tmp_path: Path) -> None:
    spec = loader.load_any(write(tmp_path, PLACES))
    assert isinstance(spec, DatasetSpec)
    assert [source.id for source in spec.sources] == ["one", "two"]
    definition = spec.definition
    assert (definition.name, definition.set_name, definition.prompt) == ("short", "from-everywhere", "<a>")
    assert definition.training == spec.training
    assert type(definition.training) is TrainingSpec
    assert (spec.training.seed, spec.training.hyperparameters) == (7, {"n_epochs": 2})
    assert definition.where("training", "example", "loss-weights").endswith("set.yaml:11:25")
    assert definition.where("format", "prompt-end").endswith("short.yaml:6:22")


def test_the_prompts_own_training_is_never_merged(tmp_path: Path) -> None:
    prompt = SHORT + "training: {sources: [{path: other.txt}], seed: 9, on-bad: skip}\n"
    path = write(tmp_path, "pen: 1\nkind: dataset\nname: s\nprompt: short\n", prompt)
    spec = loader.load_any(path)
    assert isinstance(spec, DatasetSpec)
    assert spec.definition.training == TrainingSpec()


def test_paths_are_relative_to_the_training_set(tmp_path: Path) -> None:
    path = write(tmp_path / "sets", PLACES)
    (tmp_path / "sets" / "short.yaml").rename(tmp_path / "short.yaml")
    spec = loader.load_any(path, [tmp_path])
    assert isinstance(spec, DatasetSpec)
    assert spec.definition.directory == tmp_path / "sets"
    assert spec.definition.path == tmp_path / "short.yaml"


@pytest.mark.parametrize(("change", "message"), [
    (("seed: 7", "seeds: 7"), "set.yaml:6:1: unknown key 'seeds'; did you mean 'seed'?"),
    (("name: from-everywhere\n", ""), "set.yaml:1:1: key 'name' is missing"),
    (("prompt: short\n", ""), "set.yaml:1:1: key 'prompt' is missing"),
    (("prompt: short", "prompt: shirt"), "set.yaml:5:9: there is no prompt 'shirt'; did you mean 'short'?"),
    (("prompt: short", "prompt: 5"), "set.yaml:5:9: prompt: expected text that is not empty, got 5; put it in quotes"),
    (("fields: {a: x}", "fields: {aa: x}"), "set.yaml:8:54: sources[0].fields: 'aa' is not a variable"),
    (("[0, 1]", "[0, 0]"), "set.yaml:11:25: example.loss-weights: at least one weight must be above 0, got [0, 0]"),
    (("[0, 1]", "[0, 1, 1]"), "set.yaml:11:25: example.loss-weights: expected 2 weights"),
    (("leak: error", "leek: error"), "set.yaml:12:10: unknown key 'leek'; did you mean 'leak'?"),
    (("n-epochs: 2", "n-epochs: 0"), "set.yaml:13:17: job.n-epochs: expected a whole number from 1 to 50 or auto"),
    (("steps: [normalise]", "steps: [{sample: {}}]"), "set.yaml:10:9: steps[0]: sample takes either n or share"),
    (("steps: [normalise]", "steps:"), "set.yaml:10:7: steps is empty; give it a value, or remove the key"),
    (("seed: 7", "format: {prompt-end: x}"), "set.yaml:6:1: key 'format' belongs in the prompt's file; a "),
    (("seed: 7", "separator: x"), "set.yaml:6:1: unknown key 'separator'"),
    (("kind: dataset", "kind: datasets"), "set.yaml:2:7: kind: expected prompt or dataset, got 'datasets'"),
])
def test_a_wrong_training_set_is_one_sentence(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    found = say(write(tmp_path, PLACES.replace(*change)))
    assert any(one.startswith(message) for one in found), found
    assert change[1].startswith("kind") or len(found) == 1


@pytest.mark.parametrize(("prompt", "message"), [
    (SHORT.replace("completion: <b>\n", ""), "prompt 'short' has no completion template to train on"),
    (SHORT.replace(", completion-end: END", ""), "prompt 'short' has no format.completion-end"),
    (SHORT + "temprature: 1\n", "prompt 'short' cannot be used: "),
])
def test_the_prompt_must_be_one_that_can_be_trained(tmp_path: Path, prompt: str, message: str) -> None:
    text = "pen: 1\nkind: dataset\nname: s\nprompt: short\nsources: [{path: a.txt}]\n"
    found = say(write(tmp_path, text, prompt))
    assert [one.partition(": ")[0] for one in found] == ["set.yaml:4:9"] * len(found)
    assert any(message in one for one in found)


def test_a_training_set_is_no_prompt_and_is_found_as_what_it_is(tmp_path: Path) -> None:
    write(tmp_path, PLACES)
    places = {"project": tmp_path, "config_dir": None, "builtin": tmp_path / "none"}
    with pytest.raises(PromptError) as caught:
        library.find("from-everywhere", **places)
    assert "from-everywhere is a training set, not a prompt. Its prompt is 'short'." in str(caught.value)
    assert library.find_training("from-everywhere", **places).set_name == "from-everywhere"
    assert library.find_training("short", **places).set_name == "short"
    assert [type(one).__name__ for one in library.everything(**places)] == ["DatasetSpec", "Definition"]
    assert len(library.definitions(**places)) == 1
    with pytest.raises(NotFoundError):
        library.find_training("nowhere", **places)


def test_a_prompt_and_a_training_set_cannot_share_a_name(tmp_path: Path) -> None:
    write(tmp_path, PLACES.replace("name: from-everywhere", "name: short"))
    with pytest.raises(PromptError, match="would both be the command 'short'"):
        library.find_training("short", project=tmp_path)
