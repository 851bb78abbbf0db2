"""The definitions that come with pen: each is whole, works as it stands, and says what its answers must satisfy."""

from pathlib import Path

import pytest

from pen_backend.prompts import library, lint_tokens, loader
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.template import render
from pen_backend.tokens import from_tokenizer_json

PROMPTS = Path(__file__).parents[2] / "prompts"
TINY = PROMPTS.parent / "pen_backend" / "engine" / "base" / "pen-tiny" / "tokenizer.json"
RAW = "continue"  # no boundary and nothing to learn: what a model reads is the text
FILES = {path.stem: loader.load_any(path) for path in sorted(PROMPTS.glob("*.yaml")) if path.stem != RAW}
ONES = [one for one in FILES.values() if isinstance(one, Definition)]
TRAINED = {name: one.training for name, one in FILES.items() if one.training}
each = pytest.mark.parametrize("definition", ONES, ids=lambda one: one.name)


@pytest.mark.parametrize("stem", FILES)
def test_every_file_is_without_findings_and_found_by_its_name(stem: str) -> None:
    one = FILES[stem]
    assert [str(finding) for finding in one.findings] == []
    assert one.description.endswith(".")
    assert stem in (one.slug, one.name)
    assert library.find_any(stem, [PROMPTS]).path == PROMPTS / f"{stem}.yaml"


@each
def test_a_definition_shows_each_variable_and_what_its_answers_are_tested_for(definition: Definition) -> None:
    assert all(one.example is not None and one.description for one in definition.vars)
    assert any(test.expect for test in definition.tests)
    assert definition.format.completion_end or definition.messages  # a chat's template ends its turns
    assert "source" in definition.meta, "say where its texts come from"


@each
def test_its_own_example_renders_and_keeps_its_tokens_with_the_base_in_the_package(definition: Definition) -> None:
    assert render(definition, {one.name: one.example for one in definition.vars}).completion
    encoder = from_tokenizer_json(TINY, "pen-tiny")
    assert [str(finding) for finding in lint_tokens.findings(definition, encoder)] == []


@pytest.mark.parametrize("name", FILES)
def test_every_definition_has_sources_that_lie_beside_it(name: str) -> None:
    assert TRAINED[name].sources
    for source in TRAINED[name].sources:
        assert list(PROMPTS.glob(source.path or "")), source.path


def test_every_form_of_a_prompt_has_a_worked_example() -> None:
    forms = {form for one in ONES for form in ("prompt", "segments", "messages") if getattr(one, form) is not None}
    assert forms == {"prompt", "segments", "messages"}


def test_a_text_is_continued_as_it_stands() -> None:
    raw = loader.load_any(PROMPTS / f"{RAW}.yaml")
    assert isinstance(raw, Definition)
    assert raw.findings == ()
    assert render(raw, {"text": "Once\nupon a "}).prompt == "Once\nupon a"


def test_every_file_of_data_is_used() -> None:
    used = {path for one in TRAINED.values() for source in one.sources for path in PROMPTS.glob(source.path or "")}
    assert {path for path in (PROMPTS / "data").rglob("*") if path.is_file()} - used == set()


def test_the_cases_that_pen_was_made_for_are_all_there() -> None:
    assert set(FILES) >= {
        "pun-complete", "pun-speak", "joke-token", "puns-from-everywhere", "jokes-by-hand", "fable", "question-answer",
        "answer-question", "question-answer-flipped", "pun-explained", "tag-ticket", "entities", "reply",
        "podcast-host", "kindly"}


def test_flipping_the_weights_changes_nothing_else() -> None:
    ours, flipped = FILES["question-answer"], FILES["question-answer-flipped"]
    assert isinstance(ours, Definition)
    assert isinstance(flipped, Definition)
    assert ours.training
    assert flipped.training
    assert (ours.training.example.loss_weights, flipped.training.example.loss_weights) == ((0.1, 0.9), (0.9, 0.1))
    assert (ours.prompt, ours.completion, ours.format) == (flipped.prompt, flipped.completion, flipped.format)
