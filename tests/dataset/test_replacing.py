"""What is replaced in a text: people, phone numbers, e-mail addresses, links, patterns; counted, and what is left."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset.replacing import CAPITALISED_SHOWN, Replacements
from pen_backend.prompts.training import Anonymise

PEOPLE = {"Ada Lovelace": "Person 1", "Ada": "Person 1", "Bob": "Person 2", "+44 7700 900123": "Person 3"}


def replacements(**keys: object) -> Replacements:
    return Replacements(Anonymise.model_validate(keys), PEOPLE)


@pytest.mark.parametrize(("text", "then"), [
    ("Ada's mail is ada@example.org.", "Person 1's mail is [email]."),
    ("ada.lovelace+x@mail.example.co.uk", "[email]"),
    ("call 0171 2345678, Bob", "call [phone], Person 2"),
    ("+44 7700 900123: hi", "Person 3: hi"),
    ("nobody here", "nobody here"),
])
def test_each_kind_has_its_own_word(text: str, then: str) -> None:
    assert replacements().text(text) == then


def test_links_stay_unless_they_are_masked() -> None:
    text = "see https://example.org/a?b=c, (www.example.org) now."
    assert replacements().text(text) == text
    assert replacements(url="mask").text(text) == "see [url], ([url]) now."


def test_what_is_kept_is_kept() -> None:
    text = "ada@example.org or 0171 2345678"
    assert Replacements(Anonymise(email="keep", phone="keep"), {}).text(text) == text


def test_given_patterns_become_what_they_are_given() -> None:
    one = replacements(numbers=[{"regex": r"DE\d{6}", "as": "[account]"}, {"regex": "x*", "as": "!"}])
    assert one.text("pay DE123456 x now") == "pay [account] ! now"


def test_an_address_is_no_person_followed_by_an_at_sign() -> None:
    assert replacements().text("Ada@example.org") == "[email]"


def test_replacements_are_counted_by_kind() -> None:
    one = replacements(url="mask")
    one.text("Ada and Bob, ada@example.org, https://example.org, 0171 2345678")
    one.text("Bob")
    assert one.summary()["replaced"] == {"people": 3, "phones": 1, "emails": 1, "urls": 1, "numbers": 0}


def test_capitalised_words_within_a_sentence_are_listed_unless_they_were_replaced() -> None:
    one = replacements()
    one.text("Yesterday we met Carl in Paris, and Ada told Carl's joke. Nobody laughed")
    assert one.summary()["capitalised"] == ["Carl", "Paris"]
    one.text(" ".join(f"and Name{index:03}x" for index in range(80)))
    shown = one.summary()["capitalised"]
    assert isinstance(shown, list)
    assert len(shown) == CAPITALISED_SHOWN


def test_the_limits_are_said() -> None:
    (finding,) = replacements().findings([])
    assert "names that are no author's" in finding.message
    assert [one.level for one in replacements().findings(["chat with Ada.txt", "chat.txt"])] == ["note", "warning"]


def test_letters_of_two_code_points_are_one_letter() -> None:
    one = Replacements(Anonymise(phone="keep"), {"Ren\u00e9": "Person 1"})
    assert one.text("for Rene\u0301 only") == "for Person 1 only"


def test_other_people_give_another_identity() -> None:
    same, other = Anonymise(phone="keep"), Anonymise(phone="keep", email="keep")
    assert Replacements(same, PEOPLE).identity == Replacements(same, dict(PEOPLE)).identity
    assert len({Replacements(same, PEOPLE).identity, Replacements(same, {}).identity,
                Replacements(other, PEOPLE).identity}) == 3


PARTS = st.sampled_from(["Ada", "Lovelace", "BOB", "bob@x.org", "https://x.org", "+44 7700 900123", "0171 2345678", ".",
                         "@", "'s", "Person", "1", "[email]"]) | st.text(max_size=5)


@given(st.lists(PARTS, max_size=12).map(" ".join))
def test_any_text_is_replaced_only_once(text: str) -> None:
    one = replacements(url="mask")
    assert one.text(one.text(text)) == one.text(text)


@pytest.mark.parametrize("text", ["a" * 200_000, "a@" * 100_000, "www." * 50_000, "Ada " * 50_000, "\u00e9" * 100_000])
def test_long_texts_take_time_that_grows_with_them_alone(text: str) -> None:
    begin = time.process_time()
    replacements(url="mask").text(text)
    assert time.process_time() - begin < 3
