"""What is held out: decided by hash, whole clusters, and neither side empty if that can be helped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset.record import SIDES
from pen_backend.dataset.split import (
    ANY,
    TRAIN,
    VALID,
    Units,
    fraction,
    keys_of,
    name_of,
    of_members,
    split,
    stratified,
)
from pen_backend.prompts.training import Valid

KEYS = st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=60)


def alone(keys: list[int], wanted: bytes | None = None) -> Units:
    return Units(keys, range(len(keys)), bytes([ANY]) * len(keys) if wanted is None else wanted)


def sides(keys: list[int], share: float = 0.1, seed: int = 0, **more: int) -> dict[int, str]:
    found = split(alone(keys), Valid(share=share), seed, **more)
    return {key: SIDES[side] for key, side in zip(keys, found, strict=True)}


@given(KEYS, KEYS, st.integers(0, 5))
def test_rows_that_come_later_move_no_old_ones(old: list[int], new: list[int], seed: int) -> None:
    # Of sets so small that a side had to be filled by hand this is not promised: two anchors keep both sides filled.
    anchors = [next(n for n in range(1000) if (fraction(seed, name_of(n)) < 0.1) == valid) for valid in (True, False)]
    old = [key for key in old if key not in anchors]
    before = sides([*anchors, *old], seed=seed)
    after = sides([*anchors, *old, *(key for key in new if key not in before)], seed=seed)
    assert {key: after[key] for key in before} == before


def test_about_the_share_is_held_out() -> None:
    held_out = sum(side == "valid" for side in sides(list(range(5000))).values())
    assert 420 < held_out < 580


def test_another_seed_holds_out_others() -> None:
    keys = list(range(200))
    assert sides(keys, seed=1) != sides(keys, seed=2)


@given(KEYS, st.integers(1, 3))
def test_no_side_is_empty_if_there_is_enough_for_both(keys: list[int], least: int) -> None:
    found = list(sides(keys, least=least).values())
    if len(keys) >= 2 * least:
        assert found.count("valid") >= least
        assert found.count("train") >= least
    else:  # too few for two sides: all of it is trained on
        assert found.count("train") == len(keys)


def test_a_share_of_zero_holds_nothing_out() -> None:
    assert set(sides(list(range(50)), share=0.0).values()) == {"train"}


def test_most_lowers_the_share() -> None:
    held_out = split(alone(list(range(5000))), Valid(share=0.2, most=100), 0).count(VALID)
    assert 60 < held_out < 140


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 9))
def test_a_cluster_goes_whole_where_its_first_member_goes(clusters: list[int], seed: int) -> None:
    first = [clusters.index(cluster) for cluster in clusters]
    keys = [seed * 1000 + index for index in range(len(first))]
    units = Units(keys, first, bytes([ANY]) * len(first))
    found = of_members(units, split(units, Valid(share=0.5), seed))
    assert all(found[index] == found[unit] for index, unit in enumerate(first))
    by_side = keys_of(units, split(units, Valid(share=0.5), seed))
    assert sorted([*by_side["train"], *by_side["valid"]]) == sorted(keys[unit] for unit in set(first))


@pytest.mark.parametrize(("wanted", "side"), [
    ([TRAIN, ANY], ANY), ([ANY, TRAIN], ANY), ([VALID, ANY], VALID), ([ANY, VALID], VALID), ([TRAIN, VALID], VALID),
    ([TRAIN, TRAIN], TRAIN), ([ANY, ANY], ANY), ([TRAIN, ANY, VALID], VALID), ([TRAIN, ANY, TRAIN], ANY),
])
def test_a_source_may_put_a_cluster_on_a_side(wanted: list[int], side: int) -> None:
    units = Units(range(len(wanted)), [0] * len(wanted), bytes(wanted))
    assert units.demands()[0] == side
    if side != ANY:
        assert set(of_members(units, split(units, Valid(), 0))) == {side}


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=40), st.integers(0, 9))
def test_every_class_of_two_units_is_on_both_sides(labels: list[str], seed: int) -> None:
    units = alone(list(range(len(labels))))
    given = split(units, Valid(share=0.2), seed)
    found = stratified(units, given, labels, Valid(share=0.2), seed)
    for label in set(labels):
        there = {side for side, each in zip(found, labels, strict=True) if each == label}
        assert len(there) == min(labels.count(label), 2)
