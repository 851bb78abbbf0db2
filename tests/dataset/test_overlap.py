"""Texts of one collection in another: exactly those that comparing every pair finds."""

from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset.near import Shingles, pairs
from pen_backend.dataset.overlap import Collection

TEXTS = st.lists(st.lists(st.sampled_from("abcde"), max_size=10).map(" ".join), max_size=12)


@given(TEXTS, TEXTS, st.sampled_from([0.3, 0.5, 0.7, 1.0]))
def test_the_pairs_are_those_of_the_whole_join(some: list[str], others: list[str], threshold: float) -> None:
    collection = Collection(some, threshold)
    found = {(index, number) for number, text in enumerate(others) for index in collection.look(text)}
    near = {(one, two - len(some)) for one, two in pairs(Shingles([*some, *others]), threshold)
            if one < len(some) <= two}
    same = {(index, number) for index, one in enumerate(some) for number, two in enumerate(others)
            if one.replace(" ", "") == two.replace(" ", "")}
    assert found == near | same
    assert collection.equal == {index for index, _ in same}
    assert collection.near == {index for index, _ in near - same}


def test_equal_means_the_same_letters_and_digits() -> None:
    collection = Collection(["Why? Because!", "\U0001f388"], None)
    assert collection.look("why because") == [0]
    assert collection.look("\U0001f388") == [1]
    assert collection.look("\U0001f3b8") == ()
    assert (collection.equal, len(collection)) == ({0, 1}, 2)


def test_eight_words_in_a_row_are_noticed() -> None:
    shared = "one two three four five six seven eight"
    collection = Collection([f"{shared} and much else follows here", "nothing of it"], 0.9)
    assert collection.look(f"quite another beginning, then {shared}") == ()
    assert collection.eight == {0}
    collection = Collection([f"{shared} and much else follows here"], 0.9)
    collection.look(f"seven words: {shared[:-6]} but not the eighth")
    assert collection.eight == set()


def test_a_text_that_repeats_itself_is_compared_by_its_different_words() -> None:
    collection = Collection(["ha ha ha ha ha"], 0.5)
    assert collection.look("ha ha ha " * 50) == [0]
