"""Finished examples against a definition's format: fits, or repaired as people's rows need it."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.dataset.boundary import fits, repaired
from pen_backend.records import Origin, Segment, make_example
from tests.dataset import ROWS, definition

ORIGIN = Origin("f", "", "line 1")
ENTITIES = """\
pen: 1
title: Entities
prompt: <message>
completion: "named=<named>"
vars: [message: {type: text}, named: {}]
format: {prompt-end: "\\n\\n###\\n\\n", completion-start: " ", completion-end: "\\nEND"}
"""
WORDS = st.text(st.sampled_from("ab A:\n#END"), max_size=12)


@pytest.mark.parametrize(("prompt", "completion"), [
    ("Q: why\nA:", " so\n"), ("Q: why", "so"), ("Q: why ", " so "), ("Q: why\nA: ", "so\n\n"),
    ("Q: why\n\nA:\n", " so")])
def test_every_spelling_becomes_the_definitions_own(prompt: str, completion: str, tmp_path: Path) -> None:
    one = definition(tmp_path, ROWS)
    example = make_example([Segment(prompt, 0.0), Segment(completion)], origin=ORIGIN)
    mended = repaired(one, example)
    assert fits(one, mended)
    assert mended.segments[1].text == " so\n"
    assert mended.segments[0].text.startswith("Q: why")
    assert repaired(one, mended) == mended


@pytest.mark.parametrize(("completion", "written"), [
    (" named=Ada\nEND", " named=Ada\nEND"), ("named=", " named=\nEND"), ("named=Ada", " named=Ada\nEND"),
    ("named=Ada\nEND", " named=Ada\nEND"),
    ("named=Ada END", " named=Ada\nEND"), ("named=Ada\nEND\nEND", " named=Ada\nEND"),
    ("named=WEEKEND", " named=WEEKEND\nEND")])
def test_an_end_is_recognised_however_it_was_written(completion: str, written: str, tmp_path: Path) -> None:
    one = definition(tmp_path, ENTITIES)
    for prompt in ("10:12 - hi", "10:12 - hi\n\n###\n\n", "10:12 - hi ###"):
        mended = repaired(one, make_example([Segment(prompt, 0.0), Segment(completion)], origin=ORIGIN))
        assert [segment.text for segment in mended.segments] == ["10:12 - hi\n\n###\n\n", written]


def test_a_start_that_is_a_word_is_not_taken_off_a_longer_word(tmp_path: Path) -> None:
    one = definition(tmp_path, ROWS.replace('completion-start: " "', 'completion-start: " The "'))
    texts = [repaired(one, make_example([Segment("Q: w", 0.0), Segment(text)], origin=ORIGIN)).segments[1].text
             for text in ("The end", "Theory")]
    assert texts == [" The end\n", " The Theory\n"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=WORDS, completion=WORDS, text=st.sampled_from([ROWS, ENTITIES]))
def test_what_is_repaired_fits_and_stays(prompt: str, completion: str, text: str, tmp_path: Path) -> None:
    one = definition(tmp_path, text)
    mended = repaired(one, make_example([Segment(prompt, 0.0), Segment(completion)], origin=ORIGIN))
    assert fits(one, mended)
    assert repaired(one, mended) == mended


def test_a_single_text_needs_only_its_end(tmp_path: Path) -> None:
    one = definition(tmp_path, ROWS)
    example = make_example([Segment("all of it")], origin=ORIGIN)
    assert not fits(one, example)
    assert repaired(one, example).segments[0].text == "all of it\n"


def test_a_chat_has_no_boundary(tmp_path: Path) -> None:
    example = make_example([Segment("a", 1.0, "assistant")], origin=ORIGIN)
    assert fits(definition(tmp_path, ROWS), example)
