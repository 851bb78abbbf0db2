from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset.prepare.sides import sides_of
from tests.dataset.prepare import Pair, rows


def test_a_fifth_is_held_out() -> None:
    sides = sides_of(rows([(f"ticket {number}", f" {number % 3}") for number in range(2_000)]))
    assert 330 < sides.count("valid") < 470


def test_no_more_than_about_a_thousand_are_held_out() -> None:
    sides = sides_of(rows([(f"ticket {number}", f" {number % 3}") for number in range(20_000)]))
    assert 880 < sides.count("valid") < 1_120


@pytest.mark.parametrize("classes", [2, 10, 87])
def test_every_class_is_on_both_sides(classes: int) -> None:
    pairs = rows([(f"ticket {number}", f" {number % classes}") for number in range(classes * 3)])
    count = Counter((row.completion, side) for row, side in zip(pairs, sides_of(pairs), strict=True))
    assert len(count) == classes * 2


def test_rows_that_come_later_move_no_others() -> None:
    pairs = [(f"ticket {number}", f" {number % 3}") for number in range(900)]
    assert sides_of(rows(pairs[:300])) == sides_of(rows(pairs))[:300]


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["1", "2", "3"])), min_size=1, max_size=20))
def test_equal_prompts_stay_together_and_a_class_is_never_only_held_out(pairs: list[Pair]) -> None:
    sides = sides_of(rows(pairs))
    by_prompt: dict[str, set[str]] = {}
    for (prompt, _), side in zip(pairs, sides, strict=True):
        by_prompt.setdefault(prompt, set()).add(side)
    assert all(len(each) == 1 for each in by_prompt.values())
    trained = {label for (_, label), side in zip(pairs, sides, strict=True) if side == "train"}
    assert trained == {label for _, label in pairs}
