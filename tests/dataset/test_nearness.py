"""What the dedupe step remembers for the split is what the split would find by itself."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset.dedupe import near_links, nearly
from pen_backend.dataset.keys import split_key
from pen_backend.dataset.nearness import Nearness, nearness_of
from pen_backend.dataset.record import Item, Pulse
from pen_backend.prompts.training import Dedupe, TrainingSpec
from pen_backend.records import Origin
from tests.dataset import files, run

PULSE = Pulse(None, None)
WORDS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=9).map(" ".join)


def items(texts: list[str]) -> list[Item]:
    return [Item(text, {}, Origin("f", "", f"line {number}")) for number, text in enumerate(texts, 1)]


@given(st.lists(WORDS, unique=True, max_size=20), st.sampled_from([0.3, 0.5, 0.7]), st.sampled_from([0.2, 0.5, 0.8]),
       st.integers(0, 3))
def test_remembered_pairs_are_those_of_a_join(texts: list[str], dedupe: float, split: float, dropped: int) -> None:
    remembered = Nearness(split)
    kept = list(nearly(items(texts), Dedupe(near=dedupe), lambda one: None, PULSE, nearness=remembered))
    kept = kept[dropped:]  # a later step may drop some
    links = remembered.links([split_key(item.text) for item in kept])
    assert links is not None
    assert sorted(map(sorted, links)) == sorted(map(sorted, near_links(kept, split, PULSE)))


def test_too_many_pairs_are_looked_for_again() -> None:
    remembered = Nearness(0.1, limit=2)
    texts = [f"one two three {word} four five six" for word in "abcdefgh"]
    list(nearly(items(texts), Dedupe(near=1.0), lambda one: None, PULSE, nearness=remembered))
    assert remembered.links([split_key(text) for text in texts]) is None


@pytest.mark.parametrize(("steps", "remembers"), [
    ([{"dedupe": {"near": 0.7}}], True), ([{"dedupe": {"near": 0.7}}, {"sample": {"n": 3}}], True), ([], False),
    ([{"dedupe": {"near": 0.7}}, "normalise"], False), (["normalise", {"dedupe": {}}], False),
])
def test_a_step_that_changes_texts_ends_the_memory(steps: list[object], remembers: bool) -> None:
    spec = TrainingSpec.model_validate({"steps": steps})
    assert (nearness_of(spec) is not None) == remembers
    assert nearness_of(TrainingSpec.model_validate({"steps": steps, "split": {"by": ["record"]}})) is None


def test_builds_with_and_without_it_are_the_same(tmp_path: Path) -> None:
    texts = [f"what do you call the {name} {noun} in the {place}" for name in ("big", "old", "red")
             for noun in ("dog", "cat", "cow") for place in ("house", "garden", "pond")]
    steps = "steps: [{dedupe: {near: 0.9}}%s], example: {build: continuation}"
    one, other = (run(tmp_path / name, "\n".join(texts), training="{" + steps % more + "}")
                  for name, more in (("remembered", ""), ("again", ", normalise")))
    for name in ("train.jsonl", "valid.jsonl"):
        assert files(one.directory)[name] == files(other.directory)[name]
