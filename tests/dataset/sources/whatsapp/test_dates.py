"""Which number is the day: what decides it, and when nothing does."""

import pytest

from pen_backend.dataset.sources.whatsapp.dates import Dates, told
from pen_backend.dataset.sources.whatsapp.headers import Headers, Order
from pen_backend.dataset.sources.whatsapp.strings import load

HEADERS = Headers(load())


def order(*dates: str) -> tuple[Order, bool]:
    found = [HEADERS.find(f"{date}, 10:00 - Ann: hi") for date in dates]
    first = found[0]
    assert first is not None
    collected = Dates(first.form)
    for header in found:
        assert header is not None
        collected.add(header)
    return collected.order()


@pytest.mark.parametrize(("dates", "expected"), [
    (["3/6/2017", "13/11/2017", "26/12/2017"], ("dmy", True)),       # a first number above 12
    (["4/2/2017", "6/11/2017", "12/13/2017"], ("mdy", True)),        # a second one
    (["8/3/2017", "10/5/2017", "6/9/2017"], ("dmy", True)),          # month first, time would run backwards
    (["3/8/2017", "5/10/2017", "9/6/2017"], ("mdy", True)),
    (["4/6/2017", "11/10/2017", "12/12/2017"], ("dmy", False)),      # nothing decides
    (["30/12/2020", "13/1/2021"], ("dmy", True)),
    (["1/2/26", "1/2/26"], ("dmy", False)),
    (["5/5/26", "6/6/26"], ("dmy", True)),                           # it makes no difference
    (["2026-03-04", "2026-03-05"], ("ymd", True)),                   # a year in front, the month behind it
    (["2026-13-04"], ("ydm", True)),
    (["26/02/28", "26/03/01", "26/03/02"], ("ymd", True)),           # two digits that are a year
    (["6/2018/13"], ("myd", True)),
    (["3/2018/6"], ("dym", False)),
    (["3/4/20", "13/4/20", "1/13/20"], ("dmy", False)),              # both are impossible somewhere
])
def test_the_whole_file_decides(dates: list[str], expected: tuple[Order, bool]) -> None:
    assert order(*dates) == expected


def test_a_message_that_came_late_does_not_turn_the_order_round() -> None:
    days = [f"{day}/{month}/20" for month in range(1, 13) for day in range(1, 13)]
    assert order(*days[:40], days[38], *days[40:]) == ("dmy", True)


@pytest.mark.parametrize(("date", "given", "expected"), [
    ("1/2/26", "mdy", "mdy"), ("1/2/26", "ymd", "ymd"), ("1/2/2026", "mdy", "mdy"), ("1/2/2026", "ymd", "mdy"),
    ("2026/1/2", "dmy", "ymd"), ("1/2026/2", "mdy", "myd"), ("1/2026/2", "dmy", "dym"),
])
def test_a_source_may_say_the_order_but_not_where_four_digits_are_the_year(
        date: str, given: Order, expected: Order) -> None:
    header = HEADERS.find(f"{date}, 10:00 - Ann: hi")
    assert header is not None
    assert told(header.form, given) == expected
