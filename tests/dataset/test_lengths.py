"""Examples with too many tokens: dropped, cut at the prompt's start, split into pieces, or an error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_backend.dataset.lengths import Lengths
from pen_backend.dataset.statistics import Counter
from pen_backend.errors import TooLargeError
from pen_backend.prompts.training import ExampleSpec
from pen_backend.records import Example, Origin, Segment, make_example
from pen_backend.tokens import Encoder, encoding
from tests.dataset import Bytes

ORIGIN = Origin("f", "", "line 7")
TEXTS = st.text("ab \n\u00e9\u65e5\U0001f388", max_size=60)


def example(*texts: str, role: str | None = None) -> Example:
    weights = [*[0.0] * (len(texts) - 1), 1.0]
    return make_example([Segment(text, weight, role) for text, weight in zip(texts, weights, strict=True)],
                        origin=ORIGIN)


def fitted(one: Example, most: int, overlong: str, encoder: Encoder | None = None, end: str = "") -> list[list[str]]:
    count = Counter(encoder or Bytes())
    lengths = Lengths(ExampleSpec.model_validate({"max-tokens": most, "overlong": overlong}), encoder or Bytes(), count,
                      end)
    found = lengths.fit(one, count(one.segments))
    assert all(tokens == count(each.segments) for each, tokens in found)
    assert all(sum(tokens) <= most for _, tokens in found)
    return [[segment.text for segment in each.segments] for each, _ in found]


def test_a_long_example_is_dropped() -> None:
    assert fitted(example("x" * 90, "yes"), 20, "drop") == []


def test_a_prompt_is_cut_at_its_start_and_a_completion_never() -> None:
    assert fitted(example("0123456789 end\n", "yes"), 10, "truncate") == [["89 end\n", "yes"]]
    assert fitted(example("p", "x" * 90), 20, "truncate") == []


def test_the_prompts_end_is_never_cut() -> None:
    assert fitted(example("words words ###\n", "yes"), 10, "truncate", end=" ###\n") == [["ds ###\n", "yes"]]
    assert fitted(example("words words ###\n", "yes"), 8, "truncate", end=" ###\n") == []


def test_a_character_is_never_cut_in_two() -> None:
    ((prompt, completion),) = fitted(example("\U0001f388\U0001f388 ?", "yes"), 10, "truncate")
    assert (prompt, completion) == ("\U0001f388 ?", "yes")
    assert fitted(example("\U0001f388" * 3), 9, "split") == [["\U0001f388" * 2], ["\U0001f388"]]
    assert fitted(example("\U0001f388" * 3), 3, "split") == []


def test_a_data_string_is_split_behind_line_breaks_and_spaces() -> None:
    assert fitted(example("one two\nthree four five"), 12, "split") == [["one two\n"], ["three four "], ["five"]]


@given(TEXTS, st.integers(4, 20))
def test_the_pieces_of_a_text_are_the_text(text: str, most: int) -> None:
    one = make_example([Segment(text)], origin=ORIGIN)
    if len(text.encode()) > most:
        assert "".join(piece for (piece,) in fitted(one, most, "split")) == text


@settings(max_examples=30)
@given(st.text("ab \n\u00e9\U0001f388", min_size=30, max_size=200), st.integers(2, 8))
def test_pieces_fit_with_a_real_vocabulary(text: str, most: int) -> None:
    encoder = encoding("cl100k_base")
    if encoder.count(text) > most:
        pieces = fitted(example(text), most, "split", encoder)
        assert not pieces or "".join(piece for (piece,) in pieces) == text


@settings(max_examples=30)
@given(st.text("ab \n\u00e9\U0001f388", min_size=30, max_size=200), st.integers(3, 8))
def test_a_cut_prompt_is_an_end_of_the_prompt(text: str, most: int) -> None:
    encoder = encoding("r50k_base")
    if encoder.count(text) + 1 > most:
        for prompt, completion in fitted(example(text, "yes"), most, "truncate", encoder):
            assert text.endswith(prompt)
            assert completion == "yes"


def test_only_a_text_alone_is_split_and_only_texts_are_cut() -> None:
    assert fitted(example("x" * 30, "y" * 30), 20, "split") == []
    assert fitted(example("x" * 30, "yes", role="user"), 20, "truncate") == []
    assert fitted(example("x" * 30, role="assistant"), 20, "split") == []


def test_an_error_names_the_place_and_both_numbers() -> None:
    with pytest.raises(TooLargeError, match="93 tokens, more than 20") as caught:
        fitted(example("x" * 90, "yes"), 20, "error")
    assert caught.value.where == "f:7"


def test_a_megabyte_without_a_space_is_split_in_time_that_grows_with_it() -> None:
    pieces = fitted(example("x" * 1_000_000), 1000, "split")
    assert len(pieces) == 1000
