"""Phone numbers: of every country, without a country where the source tells it, and by shape; nothing else."""

import time
from types import ModuleType

import pytest

from pen_backend.dataset.phones import Phones, regions
from pen_backend.errors import ConfigError


def found(text: str, *own: str) -> list[str]:
    return [text[start:end] for start, end in Phones(own).find(text)]


@pytest.mark.parametrize("number", [
    "+44 7700 900123", "+49 171 2345678", "+1 (212) 555-0123", "0171 2345678", "(020) 7946 0018", "020 7946 0018",
    "555-123-4567", "(555) 123-4567", "+4917112345678"])
def test_numbers_are_found_in_the_usual_spellings(number: str) -> None:
    assert found(f"call {number}, please") == [number]


@pytest.mark.parametrize("text", [
    "on 02.03.2012 at 10:11", "2012-07-27T21:02:03", "1,234,567 jokes", "pi is 3.14159265", "room 101", "12/05/2023",
    "order 12345678", "2012-2013", ""])
def test_dates_times_and_amounts_are_left(text: str) -> None:
    assert found(text) == []


def test_a_number_without_a_country_is_of_the_countries_of_the_source() -> None:
    assert found("ring 30 123456") == []
    own = regions(["from +49 171 2345678", "or +49 30 123456", "and +44 20 7946 0018", "nothing"])
    assert own == ("DE", "GB")
    assert found("ring 030 123456 soon", *own) == ["030 123456"]


@pytest.mark.parametrize("text", ["1" * 100_000, "1 " * 50_000, "+1(" * 30_000, "0" + "1 " * 50_000])
def test_rows_of_digits_take_bounded_time(text: str) -> None:
    begin = time.process_time()
    found(text, "DE")
    assert time.process_time() - begin < 2


def test_a_number_where_a_long_text_is_cut_is_found() -> None:
    text = "x" * 9_945 + " +44 7700 900123 " + "y" * 20_000
    assert found(text) == ["+44 7700 900123"]


def test_a_missing_library_is_said_with_the_way_to_get_it() -> None:
    def absent(name: str) -> ModuleType:
        raise ImportError(name)

    with pytest.raises(ConfigError) as caught:
        Phones(load=absent)
    assert "pen-backend[anonymise]" in str(caught.value.hint)
    assert "phone: keep" in str(caught.value.hint)
