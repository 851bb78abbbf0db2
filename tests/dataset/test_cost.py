"""What training and using would cost: the podcast's table byte for byte, and its author's figures to the cent."""

import doctest
from collections.abc import Sequence
from decimal import Decimal

import pytest

from pen_backend.dataset import cost
from pen_backend.dataset.cost import Measured, cents, estimate, measure, money, table
from pen_backend.dataset.statistics import layout
from pen_backend.prices import Price, load, local
from pen_backend.records import Example, Segment

PODCAST = """\
         Cost per epoch   Usage
Model                          
Ada                2.41    9.48
Babbage            3.59   14.19
Curie             17.72   70.71
Davinci          176.68  706.55
"""  # noqa: W291 - the table has these spaces
TOKENS = 4_818_101
OLD = ("ada", "babbage", "curie", "davinci")


def letters(segments: Sequence[Segment]) -> list[int]:
    """Count every letter as a token."""
    return [len(segment.text) for segment in segments]


def row(segments: list[Segment]) -> Example:
    return Example(tuple(segments))


def price(name: str) -> Price:
    found = load().find(name)
    assert found is not None
    return found


def test_the_layout_of_the_table_is_the_podcast_posts() -> None:
    rows = [line.split() for line in PODCAST.splitlines()[2:]]
    assert layout(("Cost per epoch", "Usage"), [("Model", "", ""), *rows]) == PODCAST


def test_the_cost_of_an_epoch_is_right_to_the_cent() -> None:
    estimates = [estimate(name, price(name), Measured(answered=TOKENS), 4) for name in OLD]
    assert [money(each.per_epoch) for each in estimates] == ["1.93", "2.89", "14.45", "144.54"]
    assert table(estimates) == (
        "         Cost per epoch   Usage\n" "Model                          \n" "Ada                1.93    7.71\n"
        "Babbage            2.89   11.56\n" "Curie             14.45   57.82\n" "Davinci          144.54  578.17\n")


@pytest.mark.parametrize(("exact", "rounded"), [("0.005", "0.00"), ("0.015", "0.02"), ("2.675", "2.68"),
                                                ("2.665", "2.66"), ("1234567.891", "1234567.89")])
def test_half_a_cent_goes_to_the_even_one(exact: str, rounded: str) -> None:
    assert str(cents(Decimal(exact))) == rounded


def test_a_model_without_a_price_costs_an_unknown_amount_and_never_nothing() -> None:
    nobody = estimate("mystery-9", None, Measured(answered=100), 1)
    half = estimate("half", Price("half", train=Decimal(1)), Measured(answered=1_000_000), 1)
    assert (nobody.per_epoch, nobody.usage, nobody.total) == (None, None, None)
    assert [line.split() for line in table([nobody, half]).splitlines()[2:]] == [
        ["mystery-9", "unknown", "unknown"], ["Half", "1.00", "unknown"]]


def test_a_local_model_costs_nothing_and_takes_the_time_of_the_last_job() -> None:
    measured = measure([row([Segment("x" * 30)])], letters)
    free = estimate("pen-tiny", local("pen-tiny"), measured, 4, rate=60.0)
    assert (money(free.per_epoch), money(free.usage), money(free.total), free.seconds) == ("0.00", "0.00", "0.00", 2.0)
    assert estimate("pen-tiny", local("pen-tiny"), measured, 4).seconds is None


def test_use_is_reading_prompts_and_writing_answers() -> None:
    rows = [row([Segment("ask"), Segment("answer")]), row([
        Segment("system", role="system"), Segment("hi", role="user"), Segment("hello", role="assistant")])]
    measured = measure(rows, letters)
    assert (measured.asked, measured.answered, measured.tokens) == (11, 11, 22)
    both = estimate("m", Price("m", read=Decimal(1_000_000), write=Decimal(100_000_000)), measured)
    assert both.usage == 11 + 1100


def chat(*names: str | None) -> Example:
    return row([Segment("four", role="user", name=name) for name in names]
                        + [Segment("four", role="assistant")])


def test_a_chat_is_billed_for_its_messages_names_and_itself() -> None:
    assert list(measure([chat(None), chat("Ann", None)], letters).lengths) == [8 + 2 * 3 + 3, 12 + 3 * 3 + 1 + 3]
    assert list(measure([row([Segment("four"), Segment("four")])], letters).lengths) == [8]


def test_what_is_longer_than_the_limit_is_billed_at_the_limit() -> None:
    measured = measure([row([Segment("x" * size)]) for size in (10, 100, 50)], letters)
    limited = Price("m", train=Decimal(1_000_000), limit=50)
    assert (measured.billed(None), measured.billed(50), measured.billed(7)) == (160, 110, 21)
    found = estimate("m", limited, measured, 2)
    assert (found.billed, found.total, found.per_epoch) == (110, Decimal(220), Decimal(160))


@pytest.mark.parametrize(("examples", "epochs"), [(1, 25), (4, 25), (5, 20), (33, 3), (34, 3), (8_333, 3), (8_334, 2),
                                                 (30_000, 1)])
def test_a_provider_chooses_the_epochs_by_the_number_of_examples(examples: int, epochs: int) -> None:
    measured = Measured()
    measured.lengths.extend([1] * examples)
    assert estimate("m", None, measured).epochs == epochs


def test_the_documented_example_is_true() -> None:
    assert doctest.testmod(cost).failed == 0
