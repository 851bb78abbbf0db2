"""Prices: dated, anybody's own before pen's, and never a guess."""

import contextlib
import doctest
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend import prices
from pen_backend.errors import ConfigError, PenError
from pen_backend.prices import load, local

TODAY = date(2026, 11, 21)


def write(where: Path, text: str) -> Path:
    path = where / "prices.yaml"
    path.write_text(text)
    return path


def test_the_prices_of_the_podcast_are_there() -> None:
    found = [load().find(name) for name in ("ada", "babbage", "curie", "davinci")]
    assert [(each.train, each.read, each.write) for each in found if each] == [
        (Decimal(train), Decimal(use), Decimal(use))
        for train, use in (("0.40", "1.60"), ("0.60", "2.40"), ("3.00", "12.00"), ("30.00", "120.00"))]


@pytest.mark.parametrize(("name", "price"), [
    ("ft:davinci:me:puns:1", "30.00"), ("davinci:ft-me-2022-01-01", "30.00"), ("gpt-4o-mini", "3.00"),
    ("ft:gpt-4o-mini-2024-07-18:me::x:ckpt-step-20", "3.00")])
def test_a_tuned_model_and_one_without_its_date_cost_what_their_base_costs(name: str, price: str) -> None:
    found = load().find(name)
    assert found is not None
    assert found.train == Decimal(price)


@pytest.mark.parametrize("name", ["", "gpt", "gpt-4o-mini-2024", "ft:", "no-such-model", "davinci-002"])
def test_a_model_without_a_price_has_none(name: str) -> None:
    assert load().find(name) is None


def test_the_users_file_goes_before_the_shipped_one_model_by_model(tmp_path: Path) -> None:
    own = load(write(tmp_path, "as-of: 2026-11-01\nmodels:\n  ada: {train: 0.10, in: 1, out: 2}\n  mine: {use: 3}\n"))
    ada, mine, davinci = own.find("ada"), own.find("mine"), own.find("davinci")
    assert ada is not None
    assert (ada.train, ada.read, ada.write, ada.seen) == (Decimal("0.10"), Decimal(1), Decimal(2), date(2026, 11, 1))
    assert mine is not None
    assert (mine.train, mine.read) == (None, Decimal(3))
    assert davinci is not None
    assert own.as_of == date(2026, 11, 1)


def test_prices_in_two_currencies_are_never_mixed(tmp_path: Path) -> None:
    own = load(write(tmp_path, "as-of: 2026-11-01\ncurrency: EUR\nmodels:\n  mine: {train: 3}\n"))
    assert list(own.models) == ["mine"]


def test_without_a_file_of_the_user_there_is_the_shipped_one(tmp_path: Path) -> None:
    assert load(tmp_path / "prices.yaml") == load()


@pytest.mark.parametrize(("seen", "stale"), [
    (date(2026, 11, 21), False), (date(2026, 5, 25), False), (date(2026, 5, 24), True)])
def test_a_price_is_old_after_180_days(seen: date, stale: bool) -> None:
    price = prices.Price("x", seen=seen)
    assert price.is_stale(TODAY) is stale
    assert ("older than 180 days" in list(price.remarks(TODAY))) is stale


def test_what_is_known_about_a_price_is_said() -> None:
    davinci, mini = load().find("davinci"), load().find("gpt-4o-mini")
    assert davinci is not None
    assert list(davinci.remarks(TODAY)) == ["of 2023-01-04", "older than 180 days", "retired"]
    assert mini is not None
    assert list(mini.remarks(TODAY))[1:] == ["closing", "not verified"]
    assert list(local("pen-tiny").remarks(TODAY)) == ["local"]


@pytest.mark.parametrize(("text", "line", "says"), [
    ("[]", 1, "keys and values"), ("", 1, "keys and values"), ("models: {}", 1, "as-of"), ("as-of: 2026", 1, "a day"),
    ("as-of: 2026-01-01\nmodel: {}", 2, "did you mean 'models'"),
    ("as-of: 2026-01-01\nmodels: 3", 2, "models. must be"),
    ("as-of: 2026-01-01\nmodels:\n  a: {train: -1}", 3, "at least 0"),
    ("as-of: 2026-01-01\nmodels:\n  a: {train: .nan}", 3, "models.a.train"),
    ("as-of: 2026-01-01\nmodels:\n  a: {train: free}", 3, "an amount"),
    ("as-of: 2026-01-01\nmodels:\n  a: {use: 1, in: 1, out: 1}", 3, "either"),
    ("as-of: 2026-01-01\nmodels:\n  a: {in: 1}", 3, "both .in. and .out."),
    ("as-of: 2026-01-01\nmodels:\n  a: {limit: 0}", 3, "number of tokens"),
    ("as-of: 2026-01-01\nmodels:\n  a: {verified: maybe}", 3, "true or false"),
    ("as-of: 2026-01-01\nmodels:\n  a: {train: 1}\n  a: {train: 2}", 4, "twice"),
    ("as-of: [", 1, "YAML"), ("as-of: 2026-01-01\nmodels:\n  a: {state: []}", 3, "must be a text")])
def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        load(write(tmp_path, text))
    assert caught.value.where == f"{tmp_path / 'prices.yaml'}:{line}"


@given(content=st.binary(max_size=60) | st.text("as-of: 26[]{}\n- \"'&*!", max_size=60).map(str.encode))
def test_no_file_ends_in_an_error_that_is_not_ours(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any-prices.yaml"
    path.write_bytes(content)
    with contextlib.suppress(PenError):
        load(path)


def test_the_documented_example_is_true() -> None:
    assert doctest.testmod(prices).failed == 0
