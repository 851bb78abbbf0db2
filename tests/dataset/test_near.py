"""The join finds exactly the pairs that comparing everything with everything finds."""

import gzip
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_backend.dataset.near import Shingles, clusters, pairs
from tests.shared import shared

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=9).map(" ".join)


def triples(text: str) -> set[str]:
    words = text.casefold().split()
    return {" ".join(words[at:at + 3]) for at in range(max(len(words) - 2, 1))} if words else set()


def by_hand(texts: list[str], threshold: float) -> list[tuple[int, int]]:
    sets = [triples(text) for text in texts]
    return [(one, other) for one in range(len(texts)) for other in range(one + 1, len(texts))
            if sets[one] and sets[other]
            and len(sets[one] & sets[other]) / len(sets[one] | sets[other]) >= threshold]


@settings(max_examples=60)
@given(st.lists(WORDS, max_size=14), st.sampled_from([0.1, 0.3, 0.5, 0.6, 0.7, 0.9, 1.0]))
def test_the_join_is_exact(texts: list[str], threshold: float) -> None:
    assert sorted(pairs(Shingles(texts), threshold)) == by_hand(texts, threshold)


def test_real_texts_give_the_same_pairs_as_by_hand() -> None:
    with gzip.open(shared("data/jokes/taivop_stupidstuff.json.gz")) as stream:
        bodies = [joke["body"] for joke in json.load(stream) if joke["body"].strip()]
    shingles = Shingles(bodies)
    first = [pair for pair in pairs(shingles, 0.5) if pair[1] < 400]
    sets = [set(shingles.of(index)) for index in range(400)]
    expected = [(one, other) for one in range(400) for other in range(one + 1, 400) if sets[one] and sets[other]
                and len(sets[one] & sets[other]) / len(sets[one] | sets[other]) >= 0.5]
    assert sorted(first) == expected
    assert expected


def test_letter_case_and_signs_do_not_count() -> None:
    assert list(pairs(Shingles(["One two, three!", "one TWO three"]), 1.0)) == [(0, 1)]


def test_texts_without_words_are_near_to_nothing() -> None:
    assert list(pairs(Shingles(["!!", "!!", ""]), 0.1)) == []


def test_two_words_are_compared_as_a_whole() -> None:
    assert list(pairs(Shingles(["one two", "one two", "one"]), 0.5)) == [(0, 1)]


@given(st.integers(1, 12), st.randoms(use_true_random=False))
def test_a_cluster_is_named_by_its_first_member_in_any_order_of_pairs(count: int, chance: random.Random) -> None:
    links = [(chance.randrange(count), chance.randrange(count)) for _ in range(count)]
    named = clusters(count, links)
    shuffled = chance.sample(links, len(links))
    assert clusters(count, shuffled) == named
    assert all(named[one] == named[other] for one, other in links)
    assert all(named[name] == name <= index for index, name in enumerate(named))


@pytest.mark.parametrize("threshold", [0.5, 0.7])
def test_a_thousand_templates_of_one_kind_are_joined_quickly(threshold: float) -> None:
    texts = [f"what do you call a {index} that fell into the {index} yesterday at noon" for index in range(1000)]
    assert len(clusters(1000, pairs(Shingles(texts), threshold))) == 1000
