"""The beginning of a message in an export: date, time and what follows, in the forms that phones write.

[13/06/18, 21:25:15] Ann: text      bracket: iOS, with seconds
13/06/18, 21:25 - Ann: text         dash: Android
13.06.18 21.25.15: Ann: text        colon: older ones
13. 6. 2018. 21:25:15 Ann: text     plain
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from pen_backend.dataset.sources.whatsapp.strings import MARKS, Strings, alternatives, bare, has_marks, unmarked

Style = Literal["bracket", "dash", "colon", "plain"]
YearPlace = Literal["first", "middle", "last", "short"]
Order = Literal["dmy", "mdy", "ymd", "ydm", "dym", "myd"]

_REMEMBERED = 4_096  # headers
_LONGEST = 160  # signs of date and time with all that stands around them
_ERAS = {"r": 2018, "令和": 2018, "h": 1988, "平成": 1988, "s": 1925, "昭和": 1925, "be": -543, "พศ": -543}
_YEAR_DIGITS = 3
_BUDDHIST = range(2400, 2700)  # years that only this calendar has reached, also without its letters


@dataclass(frozen=True, slots=True)
class Form:
    """How a phone writes dates and times; all of an export has one form."""

    style: Style
    separator: str
    seconds: bool
    halves: bool  # twelve hours, and which half of the day
    year: YearPlace
    time_first: bool = False


class Header(NamedTuple):  # no dataclass: a file can have a hundred thousand
    """A line's date as three numbers in the order written, its time, and the index of the text behind it."""

    form: Form
    numbers: tuple[int, int, int]
    time: tuple[int, int, int] | None  # None if no clock shows it
    rest: int

    def date(self, order: Order) -> tuple[int, int, int] | None:
        """Read the numbers as year, month and day; None if there is no such day."""
        by_letter = dict(zip(order, self.numbers, strict=True))
        year, month, day = by_letter["y"], by_letter["m"], by_letter["d"]
        year += 2000 if year < 100 else 0
        return (year, month, day) if _exists(year, month, day) else None

    def timestamp(self, order: Order) -> str | None:
        """Write date and time as ISO 8601; None if there is no such moment."""
        return _timestamp(self, order)


@lru_cache(maxsize=1024)  # what is said within a minute has one header
def _timestamp(header: Header, order: Order) -> str | None:
    date = header.date(order)
    if date is None or header.time is None:
        return None
    return "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*date, *header.time)


_STARTS = frozenset(("[", *"RHSrhs令平昭", *MARKS, ""))


class Headers:
    """Finds headers with the words of a table of strings."""

    def __init__(self, strings: Strings) -> None:
        self._meridiem = strings.meridiem
        halves = alternatives((*strings.table["am"], *strings.table["pm"]))
        between = alternatives(strings.table["between"])
        era = r"令和|平成|昭和|[RHSrhs](?![^\W\d_])"
        date = (rf"(?P<era>{era})?(?P<one>\d{{1,4}})\s?(?P<sep>[/.\-])\s?(?P<two>\d{{1,4}})\s?(?P=sep)\s?"
                rf"(?P<era2>{era})?(?P<three>\d{{1,4}})(?:\.|\s?г\.)?(?:\s?(?P<era3>B\.?E\.?|พ\.ศ\.|{era}))?")
        time = (rf"(?:(?P<before>{halves})\s?)?(?P<hour>\d{{1,2}})(?:[:.]|\s?h\s?)(?P<minute>\d{{2}})"
                rf"(?:[:.](?P<second>\d{{2}}))?(?:\s?(?P<after>{halves}))?")
        gap = rf"(?:\s?[,،]\s?|\s)\s?(?:(?:{between})\s)?"
        tail = (r"(?(open)\s?\]:?(?:\s|$)"
                r"|(?:(?P<dash>\s?[-–—](?:\s|$))|(?P<colon>:\s)|\s(?=\S[^:\n]*:\s)))")
        self._patterns = [(re.compile(rf"(?P<open>\[\s?)?{one}{gap}{other}{tail}", re.IGNORECASE), one is time)
                          for one, other in ((date, time), (time, date))]
        self._read: dict[str, Header] = {}  # lately

    def find(self, line: str) -> Header | None:
        """Return the header that a line begins with; None if it begins with none."""
        if not (line[:1].isdigit() or line[:1] in _STARTS):
            return None
        clean = unmarked(line[:2 * _LONGEST])[:_LONGEST] if len(line) > _LONGEST or not line.isascii() else line
        for pattern, time_first in self._patterns:
            found = pattern.match(clean)
            if found is not None:
                header = self._read.get(found[0])
                if header is None:
                    if len(self._read) >= _REMEMBERED:
                        self._read.clear()
                    header = self._read[found[0]] = self._header(found, time_first)
                return header if clean is line else header._replace(rest=_index(line, header.rest))
        return None

    def _header(self, found: re.Match[str], time_first: bool) -> Header:
        separator, second, before, after, era, era2, era3 = found.group(
            "sep", "second", "before", "after", "era", "era2", "era3")
        place, numbers = _years((found["one"], found["two"], found["three"]), (era, None, era2 or era3))
        half = before or after
        form = _form(_style(found), separator, second is not None, half is not None, place, time_first)
        time = _time(int(found["hour"]), int(found["minute"]), int(second or 0),
                     None if half is None else self._meridiem.get(bare(half), False))
        return Header(form, numbers, time, found.end())


# One object a form: a file has few, and each of its headers is compared with them.
_form = lru_cache(maxsize=1024)(Form)


def _style(found: re.Match[str]) -> Style:
    if found["open"] is not None:
        return "bracket"
    return "dash" if found["dash"] is not None else "colon" if found["colon"] is not None else "plain"


def _years(written: tuple[str, str, str], eras: tuple[str | None, None, str | None]) -> tuple[YearPlace,
                                                                                         tuple[int, int, int]]:
    """Say where the year stands, if its length or an era shows it, and count it from the usual beginning."""
    numbers = [int(number) for number in written]
    for index, place in enumerate(_PLACES):
        era = eras[index]
        if era is None and len(written[index]) < _YEAR_DIGITS:
            continue
        if era is not None:
            begin = _ERAS[era.casefold().replace(".", "")]
            numbers[index] += begin + (2500 if begin < 0 and numbers[index] < 100 else 0)
        elif numbers[index] in _BUDDHIST:
            numbers[index] -= 543
        return place, (numbers[0], numbers[1], numbers[2])
    return "short", (numbers[0], numbers[1], numbers[2])


_PLACES: tuple[YearPlace, ...] = ("first", "middle", "last")


def _time(hour: int, minute: int, second: int, afternoon: bool | None) -> tuple[int, int, int] | None:
    if afternoon is not None and hour <= 12:
        hour = hour % 12 + 12 * afternoon
    return (hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None


@lru_cache(maxsize=4096)
def _exists(year: int, month: int, day: int) -> bool:
    try:
        datetime(year, month, day)  # noqa: DTZ001 - an export has no zone
    except ValueError:
        return False
    return True


def _index(line: str, count: int) -> int:
    """Return where COUNT signs that are no marks end in a line."""
    if not has_marks(line[:2 * _LONGEST]):
        return count
    for index, sign in enumerate(line):
        if sign not in MARKS:
            count -= 1
            if count == 0:
                return index + 1
    return len(line)
