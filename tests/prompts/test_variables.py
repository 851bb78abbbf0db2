from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.errors import DataError
from pen_backend.prompts.variables import Variable, by_reference, items_of, slug, text_of


def variable(name: str = "v", **fields: Any) -> Variable:
    return Variable.model_validate({"name": name, **fields})


@given(st.lists(st.text(max_size=6), max_size=5), st.text(min_size=1, max_size=3))
def test_a_joined_list_splits_back_into_its_items(items: list[str], join: str) -> None:
    listed = variable(type="list", join=join)
    cleaned = [item for item in (item.replace("\r\n", "\n").rstrip("\n") for item in items) if item]
    if items_of(listed, join.join(cleaned)) == cleaned:
        assert items_of(listed, text_of(listed, items)) == cleaned
    else:
        with pytest.raises(DataError, match="contains the text that joins"):
            text_of(listed, items)


def test_a_text_given_for_a_list_is_split_and_its_empty_items_dropped() -> None:
    assert text_of(variable(type="list"), "one\n\ntwo\r\n\n") == "one\ntwo"


@pytest.mark.parametrize(("join", "items"), [("\n", ["a\nb"]), ("aa", ["a", "b"]), (", ", ["one, two", "three"])])
def test_items_that_would_not_split_back_are_refused(join: str, items: list[str]) -> None:
    with pytest.raises(DataError, match="contains the text that joins"):
        text_of(variable(type="list", join=join), items)


@pytest.mark.parametrize(("kind", "value", "text"), [
    ("string", "one\n", "one"), ("string", 1.5, "1.5"), ("text", "one\r\ntwo\n\n", "one\ntwo"), ("text", 7, "7"),
    ("int", "007", "007"), ("int", -3, "-3"), ("float", "1e-4", "1e-4"), ("float", 2.50, "2.5"),
    ("bool", True, "true"), ("bool", "on", "true"), ("bool", "No", "false"),
])
def test_values_become_text(kind: str, value: object, text: str) -> None:
    assert text_of(variable(type=kind), value) == text


@pytest.mark.parametrize(("kind", "value", "message"), [
    ("string", "one\ntwo", "'v' is one line of text, but this has a line break. Give it `type: text`"),
    ("int", "1.5", "'v' must be a whole number."), ("int", "²", "'v' must be a whole number."),
    ("float", "nan", "'v' must be a number."), ("float", "x", "'v' must be a number."),
    ("bool", "maybe", "'v' must be true or false."), ("list", 5, "'v' must be a list of texts."),
    ("text", ["a"], "'v' must be text."), ("text", {"a": 1}, "'v' must be text."),
])
def test_a_value_of_the_wrong_kind_is_refused_without_quoting_it(kind: str, value: object, message: str) -> None:
    with pytest.raises(DataError) as caught:
        text_of(variable(type=kind), value)
    assert message in str(caught.value)
    assert caught.value.findings[0].pointer == "/v"


def test_a_choice_is_one_of_its_choices() -> None:
    choice = variable(type="choice", choices=["billing", "login"])
    assert text_of(choice, "login") == "login"
    with pytest.raises(DataError, match="'v' must be one of the choices billing, login"):
        text_of(choice, "Login")


def test_a_name_goes_before_a_slug_and_a_slug_before_a_number() -> None:
    first, second, third = variable("Big Dog"), variable("big-dog"), variable("x")
    found = by_reference([first, second, third])
    assert found["Big Dog"] is first
    assert found["big-dog"] is second
    assert found["1"] is first
    assert found["3"] is third


@pytest.mark.parametrize(("text", "expected"), [
    ("Pun complete", "pun-complete"), ("  Ünïcode: it's 5! ", "unicode-it-s-5"), ("???", ""), ("日本", "")])
def test_slug(text: str, expected: str) -> None:
    assert slug(text) == expected
