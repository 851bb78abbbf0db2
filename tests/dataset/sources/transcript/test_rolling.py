"""Captions that roll: every word once, and captions that only repeat a word as they are."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset.sources.transcript.cues import Cue, Spoken
from pen_backend.dataset.sources.transcript.rolling import rolls, unrolled


def shown(*captions: list[str], timed: bool = False) -> list[Cue]:
    return [Cue(number, number + 1, [Spoken(number, None, line) for line in lines], timed)
            for number, lines in enumerate(captions)]


def words(cues: list[Cue]) -> list[str]:
    return [one.text for cue in unrolled(cues) if isinstance(cue, Cue) for one in cue.spoken]


def test_each_line_is_kept_once() -> None:
    cues = shown(["a b"], ["a b"], ["a b", "c d"], ["c d"], ["c d", "e"], timed=True)
    assert rolls(cues)
    assert words(cues) == ["a b", "c d", "e"]


def test_a_word_that_is_said_twice_stays() -> None:
    assert words(shown(["no"], ["no", "no"], ["no"], ["no", "yes"])) == ["no", "no", "yes"]


def test_captions_that_grow_word_by_word_are_undone_too() -> None:
    cues = shown(["a"], ["a b"], ["a b c"])
    assert rolls(cues)
    assert words(cues) == ["a", "b", "c"]


def test_ordinary_captions_do_not_roll() -> None:
    assert not rolls(shown(["a"], ["b"], ["b"], ["c"], ["d"]))
    assert not rolls(shown(["a"]))
    assert not rolls([])


@given(st.lists(st.integers(0, 10_000).map(str), min_size=3, max_size=20, unique=True))
def test_whatever_rolls_comes_out_straight(lines: list[str]) -> None:
    captions = [[lines[0]]]
    for before, line in pairwise(lines):
        captions += [[before], [before, line]]
    assert rolls(shown(*captions))
    assert words(shown(*captions)) == lines
