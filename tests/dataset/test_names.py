"""Names in texts: whole words, the longest first, in every spelling of the same name."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_backend.dataset.names import Names, clean


def found(text: str, **meanings: str) -> list[tuple[str, str]]:
    names = Names({name.replace("_", " "): meaning for name, meaning in meanings.items()})
    return [(text[start:end], meaning) for start, end, meaning in names.find(text)]


def test_the_longest_name_wins() -> None:
    assert found("Ada Lovelace met Ada", Ada="1", Ada_Lovelace="2") == [("Ada Lovelace", "2"), ("Ada", "1")]


@pytest.mark.parametrize("text", ["ADA", "ada", "@Ada", "@\u2068Ada\u2069", "Ada's", "Ada\u2019s", "(Ada)", "_Ada_",
                                  "*ada*"])
def test_a_name_is_found_however_it_is_written(text: str) -> None:
    assert [name.casefold() for name, _ in found(f"I saw {text} there", Ada="1")] == ["ada"]


@pytest.mark.parametrize("text", ["Adam", "Granada", "Ada2", "Canada"])
def test_a_name_is_no_part_of_a_word(text: str) -> None:
    assert found(text, Ada="1") == []


def test_spaces_apostrophes_and_hyphens_have_many_spellings() -> None:
    names = Names({"Ada O'Brien": "1", "Jean-Luc": "2"})
    text = "Ada\u00a0\n O\u2019Brien and Jean\u2011Luc, but no Ada, O'Brien"
    assert [text[start:end] for start, end, _ in names.find(text)] == ["Ada\u00a0\n O\u2019Brien", "Jean\u2011Luc"]


def test_what_stands_around_the_letters_of_a_name_goes_with_it() -> None:
    names = Names({"+44 7700 900123": "1", "Bob \U0001f388": "2", "~Cleo": "3"})
    spelt = ["+44 7700 900123", "Bob \U0001f388", "bob", "~Cleo"]
    text = ", ".join(spelt)
    assert [text[start:end] for start, end, _ in names.find(text)] == spelt


def test_scripts_without_spaces_have_no_words_to_cut_at() -> None:
    names = Names({"\u7530\u4e2d": "1", "\u5c71": "2"})
    assert [meaning for _, _, meaning in names.find("\u7530\u4e2d\u3055\u3093\u306f\u5c71\u306b")] == ["1"]


def test_a_sign_may_be_a_name() -> None:
    assert found("\U0001f3b8: hello", **{"\U0001f3b8": "1"}) == [("\U0001f3b8", "1")]
    assert found("well. so.", **{".": "1"}) == []


def test_a_pronoun_is_a_name_only_as_a_whole() -> None:
    names = Names({"You": "1"})
    assert list(names.find("what do you call it")) == []
    assert names.whole("you") == "1"


def test_a_whole_text_is_a_name_in_any_spelling() -> None:
    assert Names({"Ren\u00e9 Descartes": "1"}).whole(" rene\u0301  descartes ") == "1"
    assert Names({"Ada": "1"}).whole("Ada Lovelace") is None


def test_names_are_listed_once_in_the_order_they_come() -> None:
    assert clean(["Bob", " Ada ", "bob", "", "  ", "Rene\u0301"]) == ["Bob", "Ada", "Ren\u00e9"]


@settings(max_examples=50)
@given(st.text("Ab \u7530'", max_size=30), st.lists(st.text("Ab \u7530'", min_size=1, max_size=6), max_size=5))
def test_places_are_in_order_and_within_the_text(text: str, names: list[str]) -> None:
    done = 0
    for start, end, meaning in Names(dict.fromkeys(names, "x")).find(text):
        assert done <= start < end <= len(text)
        assert meaning == "x"
        done = end


def test_ten_thousand_names_cost_no_more_than_ten() -> None:
    def seconds(number: int) -> float:
        names = Names({f"Name{index} Surname{index}": "x" for index in range(number)})
        list(names.find("warm up"))
        begin = time.process_time()
        list(names.find("nobody of them is here but Name3 Surname3 " * 2000))
        return time.process_time() - begin

    few = max(seconds(10), 0.01)
    assert seconds(10_000) < 10 * few
