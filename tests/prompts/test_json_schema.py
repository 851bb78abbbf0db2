"""The JSON Schema says what the loader says: what loads is valid, and a file with one wrong key or value is not."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no type hints

from pen_backend.prompts import json_schema, yaml
from tests.prompts.files import SHORT, codes
from tests.shared import shared

PROMPTS = Path(__file__).resolve().parents[2] / "prompts"
VALIDATOR = Draft202012Validator(json_schema.schema())
SHORTHANDS = SHORT.replace("vars: [a, b]", "vars: [a, b: {type: int, default: 5}]") + """\
insertion: on
max-tokens: <a>
tests: [{vars: {a: 1}}]
meta: {anything: [null]}
training:
  sources:
  - {reader: whatsapp, path: c.txt, user: A, remove: B, fields: {a: x, b: [y, z]}}
  steps: [normalise, dedupe: , anonymise: {names: Ada}, dedupe: {keep: first}, dedupe: {keep: {max: score}}]
  split: {valid: 0.2}
  checks: {leak: off, class-min: {do: warn, limit: 20}}
  example: {loss-weights: [0, 1], group-by: {opening: 3}}
  job: {n-epochs: auto, learning-rate-multiplier: 2}
"""


def valid(text: str) -> bool:
    return bool(VALIDATOR.is_valid(yaml.read(text.encode(), "t.yaml").value))


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema.schema())


@pytest.mark.parametrize("path", sorted(PROMPTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_definition_is_valid_and_names_the_schema(path: Path) -> None:
    text = path.read_text()
    value = yaml.read(path.read_bytes(), path.name).value
    assert [error.message for error in VALIDATOR.iter_errors(value)] == []
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")


def test_every_shorthand_that_loads_is_valid() -> None:
    assert [one for one in codes(SHORTHANDS) if one != "unused-var"] == []
    assert valid(SHORTHANDS)


@pytest.mark.parametrize("line", [
    "temprature: 1", "temperature: hot", "temperature: 3", "top-p: 1.5", "n-completions: 0", "insertion: maybe",
    "name: Not A Slug", "aliases: one", "stop-sequences: ['']", "format: {prompt_end: x}", "vars: [{a: {typ: int}}]",
    "vars: [{a: {type: integer}}]", "vars: [{a: {}, b: {}}]", "training: {steps: [normalize]}",
    "training: {steps: [{dedupe: {near: 2}}]}", "training: {checks: {leek: off}}", "training: {job: {n_epochs: 3}}",
    "training: {job: {n-epochs: 90}}", "training: {split: {valid: 2}}", "training: {sources: [{reader: nope}]}",
    "evaluation: {expect: [{max-lines: 0}]}", "tests: [{vars: {a: {b: c}}}]", "literals: [joke]", "model: null",
])
def test_what_the_loader_refuses_is_not_valid(line: str) -> None:
    text = "\n".join([*(one for one in SHORT.splitlines() if one.split(":")[0] != line.split(":")[0]), line, ""])
    assert any(code in ("type", "unknown-key") for code in codes(text))
    assert not valid(text)


@pytest.mark.parametrize("line", [
    "prompt-filter: [lines, {first: 2}]", "prompt-filter: uniq", "postprocessor: {join: ', '}",
    "vars: [a: {preprocessor: [strip]}, b]", "classes: {labels: [x, y]}", "vars: [a, b: , c]",
])
def test_what_the_loader_reads_is_valid(line: str) -> None:
    text = "\n".join([*(one for one in SHORT.splitlines() if one.split(":")[0] != line.split(":")[0]), line, ""])
    assert [code for code in codes(text) if code != "unused-var"] == []
    assert valid(text)


def test_other_filters_are_not_valid() -> None:
    assert not valid(SHORT + "prompt-filter: [sort -u]\n")
    assert not valid(SHORT + "prompt-filter: [{first: x}]\n")


def test_a_training_set_of_its_own_is_valid_with_its_own_keys_only() -> None:
    text = "pen: 1\nkind: dataset\nname: mine\nprompt: pun-complete\nsources: [{reader: org, path: a.org}]\n"
    assert valid(text)
    assert not valid(text + "title: Mine\n")
    assert not valid(text.replace("prompt: pun-complete\n", ""))


def test_a_prompt_needs_a_text_or_something_to_include() -> None:
    assert not valid("pen: 1\ntitle: T\n")
    assert valid("pen: 1\ntitle: T\ninclude: pun-complete\n")


def test_a_file_without_pen_never_fails_for_its_keys() -> None:
    assert valid("title: old\nprompt: x\nlm-command: anything\nvars: [a]\ncompletion: on\n")


def test_the_keys_of_older_files_say_what_they_became() -> None:
    older = json_schema.schema()["$defs"]["Older"]["properties"]
    assert older["response-length"] == {"deprecated": True, "description": "now max-tokens"}
    assert older["doc"]["description"] == "now description"
    assert "deprecated" not in older["title"]


def test_every_file_of_pen_el_is_valid() -> None:
    for path in sorted(shared("data/ancestor-prompts").glob("*.prompt")):
        assert valid(path.read_text(encoding="utf-8")), path.name


def test_every_key_says_what_it_is_for() -> None:
    prompt = json_schema.schema()["$defs"]["Prompt"]
    assert all(len(value["description"]) > 5 for value in prompt["properties"].values())
    assert set(prompt["required"]) >= {"pen", "title"}


def test_the_committed_file_is_the_schema() -> None:
    assert (PROMPTS / "schema.json").read_text() == json_schema.text(), "run `make stubs`"

