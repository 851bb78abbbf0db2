"""One spelling of every text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset.normalise import normaliser
from pen_backend.prompts.training import Normalise

TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \t\n\r\u200b\xa0\u2028"))
NEWLINES = ["keep", "space", "blank"]


@pytest.mark.parametrize(("given_", "expected"), [
    ("a  b\t c", "a b c"), ("  a \r\n b ", "a\nb"), ("a\rb", "a\nb"), ("a\u200bb\u200e", "ab"), ("e\u0301", "\u00e9"),
    ("a\xa0b", "a b"), ("a\u2028b", "a\nb"), ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"), ("", ""),
    ("a\x1cb\x1fc", "a\nb c"), ("a\n\n\n\nb", "a\n\n\n\nb"), ("plain text", "plain text"),
])
def test_the_default_keeps_lines_and_little_else(given_: str, expected: str) -> None:
    assert normaliser(Normalise())(given_) == expected


def test_newlines_become_spaces_or_one_blank_line() -> None:
    assert normaliser(Normalise(newlines="space"))("a \n\n b\r\nc") == "a b c"
    assert normaliser(Normalise(newlines="blank"))("a\n\n \n\nb\n\nc\nd") == "a\n\nb\n\nc\nd"


def test_what_is_kept_is_kept() -> None:
    keep = Normalise(unicode="keep", invisible="keep", space="keep", newlines="keep")
    assert normaliser(keep)(" e\u0301\u200b  \t\r\n") == " e\u0301\u200b  \t\n"


@pytest.mark.parametrize("newlines", NEWLINES)
@given(text=TEXT)
def test_normalising_twice_changes_nothing_more(newlines: str, text: str) -> None:
    normalise = normaliser(Normalise.model_validate({"newlines": newlines}))
    once = normalise(text)
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == once.strip()
    assert newlines != "space" or "\n" not in once


@given(TEXT)
def test_the_quick_way_gives_what_the_thorough_one_gives(text: str) -> None:
    # A zero-width joiner is kept and not printable, so it sends a text the thorough way.
    for newlines in NEWLINES:
        normalise = normaliser(Normalise.model_validate({"newlines": newlines, "unicode": "keep"}))
        assert normalise(f"a{text}b\u200d") == normalise(f"a{text}b") + "\u200d"


@given(TEXT)
def test_the_edges_of_a_finished_example_stay(text: str) -> None:
    assert normaliser(Normalise(newlines="space"), keep_edges=True)(f" x{text}y\n\n").startswith(" x")
    assert normaliser(Normalise(newlines="space"), keep_edges=True)(f" x{text}y\n\n").endswith("y\n\n")
