"""Dates and times at the beginning of a message, in every form that phones write."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset.sources.whatsapp.headers import Header, Headers, Order
from pen_backend.dataset.sources.whatsapp.strings import load

HEADERS = Headers(load())
MORNING, EVENING, AT_NINE = "2018-06-13T01:55:00", "2018-06-13T21:25:15", "2018-06-13T21:25:00"


def found(line: str) -> Header:
    header = HEADERS.find(line)
    assert header is not None, line
    return header


@pytest.mark.parametrize(("line", "order", "timestamp"), [
    # The ten header forms of Pustur/whatsapp-chat-parser's tests.
    ("3/6/18, 1:55 p.m. - a: m", "dmy", "2018-06-03T13:55:00"),
    ("03-06-2018, 01.55 PM - a: m", "dmy", "2018-06-03T13:55:00"),
    ("13.06.18 21.25.15: a: m", "dmy", EVENING),
    ("[06.13.18 21:25:15] a: m", "mdy", EVENING),
    ("13.6.2018 klo 21.25.15 - a: m", "dmy", EVENING),
    ("13. 6. 2018. 21:25:15 a: m", "dmy", EVENING),
    ("[3/6/18 1:55:00 p. m.] a: m", "dmy", "2018-06-03T13:55:00"),
    ("\u200e[3/6/18 1:55:00 p. m.] a: m", "dmy", "2018-06-03T13:55:00"),
    ("[2018/06/13, 21:25:15] a: m", "ymd", EVENING),
    ("[06/2018/13, 21:25:15] a: m", "myd", EVENING),
    # Halves of the day, before and after the time.
    ("13/06/18, 1:55\u202fam - a: m", "dmy", MORNING), ("6/13/18, 1:55\u00a0AM - a: m", "mdy", MORNING),
    ("13/6/2018 1:55\u00a0a.\u00a0m. - a: m", "dmy", MORNING), ("2018/6/13 上午1:55 - a: m", "ymd", MORNING),
    ("2018. 6. 13. 오전 1:55 - a: m", "ymd", MORNING), ("2018/6/13 下午1:55 - a: m", "ymd", "2018-06-13T13:55:00"),
    ("[2018/6/13 午後1:55:00] a: m", "ymd", "2018-06-13T13:55:00"),
    ("6/13/18, 12:05 AM - a: m", "mdy", "2018-06-13T00:05:00"),
    ("6/13/18, 12:05 PM - a: m", "mdy", "2018-06-13T12:05:00"),
    ("06/13/2018, 00:08 a. m. - a: m", "mdy", "2018-06-13T00:08:00"),
    # Other digits, other calendars, other ways round.
    ("\u200f[١٣\u200f/٦\u200f/٢٠١٨، ٩:٢٥:١٥ م] أحمد: x", "dmy", EVENING), ("१३/६/१८, २१:२५ - a: m", "dmy", AT_NINE),
    ("13/6/2561 BE, 21:25 - a: m", "dmy", AT_NINE), ("13/6/2561 21:25 - a: m", "dmy", AT_NINE),
    ("13/6/61 BE, 21:25 - a: m", "dmy", AT_NINE), ("13/6/2561 พ.ศ. 21:25 - a: m", "dmy", AT_NINE),
    ("[R4/06/13 21:25:15] a: m", "ymd", "2022-06-13T21:25:15"),
    ("6/13/4 R, 9:25 PM - a: m", "mdy", "2022-06-13T21:25:00"),
    ("令和4/6/13 21:25 - a: m", "ymd", "2022-06-13T21:25:00"), ("H30/6/13 21:25 - a: m", "ymd", AT_NINE),
    ("21:25, 13/06/2018 - a: m", "dmy", AT_NINE), ("2018-06-13 21 h 25 - a: m", "ymd", AT_NINE),
    ("13/06/2018 à 21:25 - a: m", "dmy", AT_NINE), ("13.06.2018 г., 21:25 - a: m", "dmy", AT_NINE),
])
def test_a_header_is_read(line: str, order: Order, timestamp: str) -> None:
    header = found(line)
    assert header.timestamp(order) == timestamp
    assert line[header.rest:] in ("a: m", "أحمد: x")


@pytest.mark.parametrize("line", [
    "", "hello", "9:52 am - no date", "12/11/2020", "12/11/2020 was a good day", "2016-04-29 10:30:00",
    "on 12/11/20, 10:00 - Ann: hi", "1/2/3/4, 10:00 - Ann: hi", "12/11/20, 10 - Ann: hi", "[12/11/20] Ann: hi",
    "[12/11/20, 10:00 Ann: hi", "12/11-20, 10:00 - Ann: hi", "R, 10:00 - Ann: hi", "²/³/20, 10:00 - Ann: hi",
])
def test_what_only_resembles_a_header_is_none(line: str) -> None:
    assert HEADERS.find(line) is None


def test_one_export_has_one_form_and_a_pasted_line_another() -> None:
    forms = {found(line).form for line in (
        "13/06/18, 21:25 - a: m", "[13/06/18, 21:25:15] a: m", "13.06.18, 21:25 - a: m", "13/06/18, 9:25 PM - a: m",
        "13/06/2018, 21:25 - a: m", "2018/06/13, 21:25 - a: m")}
    assert len(forms) == 6
    assert found("3/6/18, 1:25 - a: m").form == found("13/06/18, 21:25 - a: m").form


@pytest.mark.parametrize("line", ["31/02/18, 10:00 - a: m", "13/06/18, 25:00 - a: m", "13/06/18, 10:61 - a: m"])
def test_a_moment_that_does_not_exist_has_no_timestamp(line: str) -> None:
    assert found(line).timestamp("dmy") is None


MOMENTS = st.datetimes(datetime.fromisoformat("2009-01-01"), datetime.fromisoformat("2098-12-31"))


@given(MOMENTS, st.sampled_from([
    "{0:%d/%m/%Y, %H:%M} - ", "[{0:%d/%m/%Y, %H:%M:%S}] ", "{0:%d.%m.%Y, %H:%M} - ", "{0:%d-%m-%Y %H.%M} - "]))
def test_every_moment_comes_back(moment: datetime, pattern: str) -> None:
    moment = moment.replace(microsecond=0)
    moment = moment if "%S" in pattern else moment.replace(second=0)
    header = found(pattern.format(moment) + "Ann: hi")
    assert header.timestamp("dmy") == moment.isoformat()


@given(st.text(max_size=60))
def test_no_text_is_too_odd_to_be_looked_at(text: str) -> None:
    header = HEADERS.find(text)
    assert header is None or 0 < header.rest <= len(text)
