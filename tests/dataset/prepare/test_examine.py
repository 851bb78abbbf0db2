from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset.prepare.examine import examine
from pen_backend.dataset.prepare.found import Boundary, Length, Row, Rules
from tests.dataset.prepare import Pair, examined, found, pairs_of

PIECES = st.sampled_from([
    "a", "b", "A", "Z", " ", "  ", "\n", ".", "?", ":", "->", " ->", "END", " END", "###", "\n\n###\n\n", "\r\n", "-",
    "the answer is ", "maybe", "not", "C#", "***", "[END]", "é", "ß", "\t", "Translate this long text: ", "𝐀"])
TEXT = st.lists(PIECES, max_size=6).map("".join)
BOUNDARIES = st.none() | st.builds(
    Boundary, st.sampled_from(["", "\n", " ->", "\n\n###\n\n"]), st.sampled_from(["", " "]),
    st.sampled_from(["", "\n", " END", "\nEND"]))


@given(pairs=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8), around=st.tuples(TEXT, TEXT, TEXT, TEXT),
       boundary=BOUNDARIES, prompted=st.booleans())
def test_preparing_prepared_rows_finds_nothing(pairs: list[Pair], around: tuple[str, str, str, str],
                                               boundary: Boundary | None, prompted: bool) -> None:
    rules = Rules(boundary=boundary, length=Length(12, lambda text: len(text.split())))
    given_rows = [Row(number, number + 1, around[0] + prompt + around[1] if prompted else "",
                      around[2] + completion + around[3]) for number, (prompt, completion) in enumerate(pairs)]
    once = examine(given_rows, rules)
    if once.refused:
        return
    twice = examine(once.rows, rules)
    assert [one for one in twice.found if one.id != 1] == []
    assert twice.rows == once.rows
    assert (twice.kind, twice.boundary) == (once.kind, once.boundary)


@given(pairs=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8), declined=st.sets(st.integers(1, 15)))
def test_what_is_declined_is_not_done(pairs: list[Pair], declined: set[int]) -> None:
    rules = Rules(frozenset(declined))
    done = examine([Row(number, number + 1, *pair) for number, pair in enumerate(pairs)], rules)
    everything = examine(done.rows, rules) if not done.refused else done
    assert everything.rows == done.rows
    if declined >= set(range(7, 16)) and not done.refused:
        kept = [pair for pair in pairs if pair[1].strip()]
        assert [(prompt, completion.rstrip()) for prompt, completion in pairs_of(done)] == [
            (prompt, completion.rstrip()) for prompt, completion in kept]


def test_findings_come_in_the_order_of_the_checks() -> None:
    done = examined([("HELLO THERE", "ONE"), ("HELLO THERE", "ONE"), ("WORLD", "TWO"), ("X", "")])
    assert [one.id for one in done.found] == [1, 5, 7, 9, 10, 11, 14, 15]


def test_texts_that_are_equal_in_small_letters_are_dropped_too() -> None:
    done = examined([("HELLO", "ONE TWO"), ("hello", "one two"), ("BYE", "THREE")])
    assert len(done.rows) == 2


def test_rows_keep_their_lines_when_others_are_dropped() -> None:
    done = examined([("a", ""), ("b", "one"), ("b", "one"), ("c", "x " * 6_000), ("d", "two"), ("e", "no")])
    dropped = {one.id: one.rows for one in done.found if one.rows}
    assert (dropped[5], dropped[7], dropped[8], dropped[15]) == ((1,), (3,), (4,), (2, 5, 6))


def test_the_kind_is_judged_again_when_rows_have_gone() -> None:
    done = examined([("a", "1 x"), ("b", "2 y")] + [("c", "3 z")] * 8)
    assert done.kind == "conditional"
    changed = found(done, 6)
    assert changed is not None
    assert "classification" in changed.message


def test_a_class_with_blanks_behind_it_is_the_same_class() -> None:
    done = examined([(f"ticket {number} ->", (" cat", " cat ", " dog")[number % 3]) for number in range(9)])
    assert {completion for _, completion in pairs_of(done)} == {" cat", " dog"}
