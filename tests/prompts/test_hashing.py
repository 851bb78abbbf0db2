from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.prompts.definition import Definition
from pen_backend.prompts.hashing import changes, format_hash, hashed
from tests.prompts.files import SHORT, define

HASHED: Mapping[str, str] = {
    "prompt": "prompt: <a>!", "completion": "completion: <b>!", "vars": "vars: [a, b: {type: text}]",
    "format": 'format: {prompt-end: "\\n\\n", completion-end: END}', "literals": "literals: [<x>]",
    "no_trim_start": "no-trim-start: on", "no_trim_end": "no-trim-end: on",
    "classes": "classes: {labels: [x, y]}", "repeater": "repeater: '<a> {}'", "prompt_filter": "prompt-filter: [strip]",
}
NOT_HASHED: Mapping[str, str] = {
    "title": "title: Other", "own_name": "name: other", "aliases": "aliases: [other]", "description": "description: x",
    "prompt_version": "prompt-version: 2", "in_development": "in-development: on", "meta": "meta: {a: 1}",
    "model": "model: m", "temperature": "temperature: 1", "top_p": "top-p: 1", "seed": "seed: 1",
    "frequency_penalty": "frequency-penalty: 1", "presence_penalty": "presence-penalty: 1",
    "max_tokens": "max-tokens: 1",
    "n_completions": "n-completions: 2", "best_of": "best-of: 2", "n_collate": "n-collate: 2",
    "stop_sequences": "stop-sequences: [x]", "insertion": "insertion: on", "filter": "filter: on",
    "completion_at_point": "completion-at-point: on", "conversation_mode": "conversation-mode: on",
    "cache": "cache: on",
    "training": "training: {example: {loss-weights: [0.3, 0.7]}}", "evaluation": "evaluation: {n: 5}",
    "tests": "tests: [{vars: {a: x}}]", "kind": "kind: prompt", "pen": "pen: 1",
    "postprocessor": "postprocessor: [strip]",
}


def changed(line: str) -> Definition:
    key = line.partition(":")[0]
    return define("\n".join([*(one for one in SHORT.splitlines() if one.partition(":")[0] != key), line]))


@pytest.mark.parametrize("line", HASHED.values(), ids=HASHED)
def test_the_format_hash_changes_with_a_hashed_field(line: str) -> None:
    assert format_hash(changed(line)) != format_hash(define(SHORT))


@pytest.mark.parametrize("line", NOT_HASHED.values(), ids=NOT_HASHED)
def test_the_format_hash_stays_with_any_other_field(line: str) -> None:
    assert format_hash(changed(line)) == format_hash(define(SHORT))


def test_every_field_is_either_hashed_or_not() -> None:
    forms = {"include", "segments", "messages"}  # below: they change more than one key
    assert set(HASHED) | set(NOT_HASHED) | forms == set(Definition.model_fields)


@pytest.mark.parametrize(("field", "differs"), [
    ("type: text", True), ("type: list", True), ("description: x", False), ("default: x", False),
    ("from: region", False), ("example: x", False), ("preprocessor: [strip]", True),
])
def test_of_a_variable_only_what_shapes_its_text_is_hashed(field: str, differs: bool) -> None:
    other = changed(f"vars: [a: {{{field}}}, b]")
    assert (format_hash(other) != format_hash(define(SHORT))) is differs


@given(st.text(max_size=5), st.text(max_size=5))
def test_the_format_hash_of_two_definitions_is_equal_exactly_if_they_render_alike(one: str, other: str) -> None:
    first, second = (define(SHORT).model_copy(update={"prompt": f"<a>{text}"}) for text in (one, other))
    assert (format_hash(first) == format_hash(second)) == (one == other)


def test_the_format_hash_is_pinned() -> None:
    # A model keeps it for years: if this test fails, every trained model would seem to be out of step.
    assert format_hash(define(SHORT)) == "4322a8b18714f267b4f8d0b15fee8c5a219523a57e53a9bc6e43518ef3bf613f"
    assert hashed(define(SHORT))["format"] == {"prompt-end": "\n", "completion-start": "", "completion-end": "END"}


FORMS = {
    "segments": "segments: [{text: <a>}, {text: <b>, generate: on}]",
    "text": "segments: [{text: <a>!}, {text: <b>, generate: on}]",
    "generate": "segments: [{text: <a>}, {text: <b>}]", "messages": "messages: [{role: user, content: <a><b>}]",
    "role": "messages: [{role: user, content: x}, {role: user, content: <a><b>}]",
}


def test_every_form_has_a_hash_of_its_own() -> None:
    texts = [f"pen: 1\ntitle: T\nvars: [a, b]\n{form}" for form in FORMS.values()]
    assert len({format_hash(define(text)) for text in texts}) == len(FORMS)
    weighted = define(texts[0].replace("generate: on", "generate: on, weight: 0.5"))
    assert format_hash(weighted) == format_hash(define(texts[0]))  # how much a text counts is training


def test_changes_name_the_key_in_the_file() -> None:
    then = hashed(define(SHORT))
    assert list(changes(then, hashed(changed("vars: [a, b: {type: text}]")))) == [
        (("vars", 1, "b", "type"), "string", "text")]
    assert list(changes(then, hashed(changed('format: {prompt-end: "\\n\\n", completion-end: END}')))) == [
        (("format", "prompt-end"), "\n", "\n\n")]
    assert next(changes(then, hashed(changed("vars: [b, a]"))))[0] == ("vars",)
    assert list(changes(then, then)) == []
    assert list(changes(None, then)) == []
