import pytest

from pen_backend.dataset.prepare.found import Length, Rules
from tests.dataset.prepare import Pair, examined, found, pairs_of


def words(text: str) -> int:
    return len(text.split())


def test_fewer_than_a_hundred_rows_are_remarked() -> None:
    many = [(f"prompt {number}", f"number {number}") for number in range(100)]
    assert found(examined(many), 1) is None
    few = found(examined(many[:99]), 1)
    assert few is not None
    assert few.level == "note"


@pytest.mark.parametrize("completion", ["", " ", "\n\t "])
def test_a_completion_of_white_space_is_no_completion(completion: str) -> None:
    done = examined([("a", "one"), ("b", completion), ("c", "two"), ("d", "three")])
    dropped = found(done, 5)
    assert dropped is not None
    assert (dropped.fix, dropped.rows) == ("necessary", (2,))
    assert len(done.rows) == 3


def test_no_completion_at_all_is_an_error() -> None:
    assert examined([("a", ""), ("b", " ")]).refused


@pytest.mark.parametrize(("pairs", "kind"), [
    ([("", "a"), (" ", "b")], "open-ended"),
    ([("a", "1"), ("b", "2")], "conditional"),
    ([("a", "1"), ("b", "1"), ("c", "1")], "conditional"),
    ([("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")], "classification"),
    ([(letter, f" {index % 2}") for index, letter in enumerate("abcdefg")], "classification"),
])
def test_the_kind_of_task_is_what_the_rows_look_like(pairs: list[Pair], kind: str) -> None:
    assert examined(pairs).kind == kind


def test_equal_rows_are_dropped_but_for_the_first() -> None:
    done = examined([("a", "1"), ("b", "2"), ("a", "1"), ("a", "3")])
    dropped = found(done, 7)
    assert dropped is not None
    assert (dropped.fix, dropped.rows) == ("recommended", (3,))
    assert [row.line for row in done.rows] == [1, 2, 4]


def test_declined_duplicates_stay() -> None:
    done = examined([("a", "1"), ("b", "2"), ("a", "1")], Rules(frozenset((7,))))
    assert found(done, 7) is not None
    assert len(done.rows) == 3


def test_long_is_counted_in_tokens() -> None:
    pairs = [("a", "x" * 50), ("b", "1 2 3 4 5 6 7 8 9 10"), ("c", "d")]
    dropped = found(examined(pairs, Rules(length=Length(8, words))), 8)
    assert dropped is not None
    assert dropped.rows == (2,)


def test_without_a_vocabulary_long_is_counted_in_characters_and_said_so() -> None:
    dropped = found(examined([("a", "x" * 10_001), ("b", "c" * 9_000), ("c", "d")]), 8)
    assert dropped is not None
    assert dropped.rows == (1,)
    assert "no vocabulary" in dropped.message


def test_a_text_by_itself_may_be_long() -> None:
    assert found(examined([("", "x y " * 9_000), ("", "b")], Rules(length=Length(8, words))), 8) is None


@pytest.mark.parametrize(("number", "pairs", "lowered"), [
    (9, [("HELLO ->", " a b\n"), ("World ->", " b c\n")], [("hello ->", " a b\n"), ("world ->", " b c\n")]),
    (10, [("a ->", " GOOD END"), ("b ->", " Bad END")], [("a ->", " good END"), ("b ->", " bad END")]),
])
def test_capitals_are_lowered_but_not_the_boundary(number: int, pairs: list[Pair], lowered: list[Pair]) -> None:
    done = examined(pairs)
    assert found(done, number) is not None
    assert pairs_of(done) == lowered


def test_the_usual_mixture_of_letters_stays() -> None:
    done = examined([("Hello You", "One Two"), ("World Wide Web", "Three")])
    assert (found(done, 9), found(done, 10)) == (None, None)


def test_capitals_that_have_no_small_letter_are_none() -> None:
    assert found(examined([("𝐀𝐁𝐂 one", "a"), ("𝐃𝐄𝐅 two", "b")]), 9) is None
