"""Finished examples against a definition's format: fits, or repaired as people's rows need it."""

from pathlib import Path

import pytest

from pen_backend.dataset.boundary import fits, repaired
from pen_backend.records import Origin, Segment, make_example
from tests.dataset import ROWS, definition

ORIGIN = Origin("f", "", "line 1")


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


def test_a_single_text_needs_only_its_end(tmp_path: Path) -> None:
    one = definition(tmp_path, ROWS)
    example = make_example([Segment("all of it")], origin=ORIGIN)
    assert not fits(one, example)
    assert repaired(one, example).segments[0].text == "all of it\n"


def test_a_chat_has_no_boundary(tmp_path: Path) -> None:
    example = make_example([Segment("a", 1.0, "assistant")], origin=ORIGIN)
    assert fits(definition(tmp_path, ROWS), example)
