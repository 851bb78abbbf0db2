"""Filters: what each does to a text, and what is no filter."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pen_backend.prompts import filters
from tests.prompts.files import SHORT, codes, say

_CASES: list[tuple[str | dict[str, str | int], str, str]] = [
    ("strip", "  a\n b \n", "a\n b"),
    ("lines", "\n a \n\n  b\n \n", "a\nb"),
    ("uniq", "b\na\nb\nc\na", "b\na\nc"),
    ("unbullet", "- a\n  * b\n• c\n12. d\n3) e\nf - g\n-h\n1.5 i", "a\nb\nc\nd\ne\nf - g\n-h\n1.5 i"),
    ("plain-lines", "good one\nbad: two\n\nété-3", "good one\nété-3"),
    ("number", "a\n\nb", "1. a\n2. b"),
    ("squeeze", "a \t b\n  c", "a b\n c"),
    ("upcase", "aß", "ASS"),
    ("downcase", "ÀB", "àb"),
    ("ascii", "“Œuvre” – naïve… 日 Łódź e\u0301", '"OEuvre" - naive... ? Lodz e'),
    ("fill", "a\nb\n\n\nc\n \n" + "word " * 15, "a b\n\nc\n\n" + " ".join(["word"] * 14) + "\nword"),
    ("one-line", " a \n\n b\nc ", "a b c"),
    ({"join": ", "}, "a\n\nb\n", "a, b"),
    ({"split": ","}, "a,b, c", "a\nb\n c"),
    ({"first": 2}, "a\nb\nc", "a\nb"),
    ({"first": 2}, "a", "a"),
    ({"strip-prefix": "> "}, "> a\n>b\n> > c", "a\n>b\n> c"),
]


@pytest.mark.parametrize(("named", "before", "after"), _CASES)
def test_a_filter_does_one_thing_to_a_text(named: object, before: str, after: str) -> None:
    assert filters.apply(filters.read([named]), before) == after


def test_every_filter_is_tried_above() -> None:
    names = {named if isinstance(named, str) else next(iter(named)) for named, _, _ in _CASES}
    assert names == {*filters.NAMES, *filters.ARGUMENTS}


def test_filters_run_in_the_order_they_are_written() -> None:
    text = "- b\n- a\n- b"
    assert filters.apply(filters.read(["unbullet", "uniq", {"join": "+"}]), text) == "b+a"
    assert filters.apply(filters.read(["uniq", {"first": 1}, "upcase", "unbullet"]), text) == "B"


def test_one_filter_needs_no_list() -> None:
    assert filters.read("strip") == ("strip",)


def test_filters_are_written_as_they_were_read() -> None:
    values: list[str | dict[str, str | int]] = ["strip", {"join": ""}, {"first": 3}, {"strip-prefix": "A: "}]
    assert filters.written(filters.read(values)) == values


@pytest.mark.parametrize("value", [
    "sed 's/x/y/'", "uniqnosort", "(pen-selected-text)", "$(id)", "", "rm -rf ~", "stripp", "join", "first", 3, None,
    True, [], {}, {"join": 1}, {"split": ""}, {"first": 0}, {"first": True}, {"first": "2"}, {"exec": "id"},
    {"strip": 1}, {"join": "a", "first": 2}, {"strip-prefix": ""},
])
def test_what_is_no_filter_is_refused(value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        filters.read([value])
    assert len(caught.value.errors()) == 1


@pytest.mark.parametrize(("value", "hint"), [
    ("stripp", "did you mean 'strip'?"), ({"uniq": 1}, "write uniq"), ({"frist": 2}, "did you mean 'first'?"),
    ("cat | sort", f"write one of {filters.BUILT_IN} instead"), ("", f"write one of {filters.BUILT_IN} instead"),
    ("uniqnosort", "write [uniq] instead"), ("pen-s join ', '", 'write [{"join": ", "}] instead'),
    ("sort | uniq -c | head -n 7", "write [uniq, {first: NUMBER}] instead"), ("cat", "remove it: it does nothing"),
    ("(upcase-region 1 2)", f"write one of {filters.BUILT_IN} instead"), ({"exec": "id"},
                                                                        f"write one of {filters.BUILT_IN}"),
])
def test_a_refusal_names_what_to_write(value: object, hint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        filters.read([value])
    assert caught.value.errors()[0]["ctx"]["hint"] == hint


_ANY = [*filters.NAMES, {"join": ", "}, {"split": ","}, {"first": 3}, {"strip-prefix": "- "}]


@given(st.lists(st.sampled_from(_ANY), max_size=4), st.text(max_size=200))
def test_no_filter_fails_on_any_text(named: list[object], text: str) -> None:
    assert isinstance(filters.apply(filters.read(named), text), str)


@given(st.sampled_from(["strip", "lines", "uniq", "plain-lines", "squeeze", "ascii", "fill", "one-line"]),
       st.text(alphabet="ab- \t\n.1é“", max_size=80))
def test_a_cleaning_filter_has_nothing_left_to_do(name: str, text: str) -> None:
    once = filters.apply(filters.read([name]), text)
    assert filters.apply(filters.read([name]), once) == once


@pytest.mark.parametrize("text", [" " * 200_000 + "x", "\n" * 200_000 + "x", "- " * 100_000, "\n \t" * 70_000,
                                  "e" + "\u0301\u0323" * 100_000, "a" * 200_000])
def test_no_filter_takes_more_than_linear_time(text: str) -> None:
    started = time.process_time()
    for named in _ANY:
        filters.apply(filters.read([named]), text)
    assert time.process_time() - started < 5  # a quadratic one takes minutes


def test_a_definition_refuses_a_program_with_its_line_and_the_filter_to_write() -> None:
    assert say(SHORT + "postprocessor: \"sed 's/- //' | uniqnosort\"\nprompt-filter: [strip, stripp]\n") == [
        "t.yaml:7:16: postprocessor: pen runs no shell and no elisp; write [unbullet, uniq] instead",
        "t.yaml:8:24: prompt-filter[1]: there is no filter 'stripp'; did you mean 'strip'?"]


def test_a_preprocessor_is_a_filter_too() -> None:
    assert codes(SHORT.replace("vars: [a, b]", "vars: [a, b: {preprocessor: [rm -rf ~]}]")) == ["filter-refused"]
