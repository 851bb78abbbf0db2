"""Bundles: every item once, each bundle of one kind, sizes and shares within their ranges."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset.examples import bundles, group_of, lists_of, weights_of
from pen_backend.dataset.record import Item
from pen_backend.errors import PromptError
from pen_backend.prompts.training import ExampleSpec, Opening, TrainingSpec
from pen_backend.records import Origin
from tests.dataset import CONTINUATION, ROWS, definition

GROUPS = st.lists(st.sampled_from("abc"), max_size=40)


def spec(**keys: object) -> ExampleSpec:
    return ExampleSpec.model_validate({"build": "continuation", **keys})


@given(GROUPS, st.integers(2, 5), st.integers(0, 6), st.integers(0, 3))
def test_every_item_is_used_once_or_left_over(groups: list[str], least: int, more: int, seed: int) -> None:
    keys = [str(index) for index in range(len(groups))]
    found, left = bundles(range(len(groups)), keys, groups, spec(count=[least, least + more]), seed, "train")
    used = [index for bundle in found for index in bundle.items]
    assert sorted([*used, *left]) == list(range(len(groups)))
    for bundle in found:
        assert least <= len(bundle.items) <= least + more
        assert 1 <= bundle.prompt < len(bundle.items)
        assert not bundle.group or {groups[index] for index in bundle.items} == {bundle.group}
    assert more == 0 or len(left) < 2 * least + 3 * more


def test_at_least_one_bundle_comes_of_enough_items() -> None:
    found, left = bundles(range(2), ["1", "2"], ["a", "b"], spec(), 0, "valid")
    assert (len(found), left) == (1, [])


def test_the_same_items_give_the_same_bundles_and_another_seed_others() -> None:
    keys = [str(number * 7) for number in range(50)]
    arguments = (range(50), keys, [""] * 50, spec())
    assert bundles(*arguments, 1, "train") == bundles(*arguments, 1, "train")
    assert bundles(*arguments, 1, "train") != bundles(*arguments, 2, "train")


def test_bundles_do_not_grow_beyond_max_tokens() -> None:
    keys = [str(number) for number in range(40)]
    found, _ = bundles(range(40), keys, [""] * 40, spec(**{"max-tokens": 100}), 0, "train", [30] * 40)
    assert max(len(bundle.items) for bundle in found) == 3


def test_a_group_is_an_opening_or_a_field() -> None:
    item = Item("What do  YOU call it?", {"kind": "x"}, Origin("f", "", "line 1"))
    assert group_of(item, spec(**{"group-by": {"opening": 3}})) == "what do you"
    assert group_of(item, spec(**{"group-by": "kind"})) == "x"
    assert group_of(item, spec()) == ""
    assert Opening(opening=3)


def test_weights_are_the_definitions_or_the_jobs(tmp_path: Path) -> None:
    one = definition(tmp_path, ROWS)
    assert weights_of(one, TrainingSpec()) == (0.0, 1.0)
    assert weights_of(one, TrainingSpec(job={"prompt-loss-weight": 0.1})) == (0.1, 1.0)
    assert weights_of(one, TrainingSpec(example=ExampleSpec.model_validate({"loss-weights": [0.3, 0.7]}))) == (0.3, 0.7)


def test_a_continuation_needs_two_lists(tmp_path: Path) -> None:
    assert [one.name for one in lists_of(definition(tmp_path / "a", CONTINUATION))] == ["jokes", "more"]
    with pytest.raises(PromptError, match="one list variable in the prompt"):
        lists_of(definition(tmp_path / "b", ROWS))
