"""Find phone numbers in texts: those of every country, and the usual ways to write one without its country.

A number with a country code is found by the library `phonenumbers` (the extra `anonymise`). One without is read as a
number of the countries that the other numbers of the source belong to; failing that, by its shape.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from pen_backend.errors import ConfigError

_DIGITS = re.compile(r"\d(?:[^\d\n]{0,3}\d){5}")  # what has fewer digits is no phone number
_INTERNATIONAL = re.compile(r"[+\uff0b]\s?\d")
_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{2,4}")
# 0171 2345678, (020) 7946 0018, and 555-123-4567.
_SHAPES = re.compile(r"(?<![\w+])(?:\(0\d{1,5}\)|0\d)[\d ()/.\-\u2010-\u2015]{5,14}\d(?!\w)"
                     r"|(?<![\w+])(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\w)")
_PIECE = 10_000  # characters: the library takes time that grows with what it sees at once
_REGIONS = 3
Load = Callable[[str], ModuleType]
_TRIES = 200  # what is no number in one piece, before the rest of it is left alone


class Phones:
    """Phone numbers as texts have them; REGIONS are the countries whose numbers may lack the country code."""

    def __init__(self, regions: Sequence[str] = (), load: Load = import_module) -> None:
        self._library = _library(load)
        self._regions = (None, *regions)

    @property
    def version(self) -> str:
        """The version of the library, because its tables decide what is found."""
        return str(self._library.__version__)

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where phone numbers stand, from left to right."""
        if not _DIGITS.search(text):
            return
        done = 0
        for start, end in sorted(self._candidates(text), key=lambda span: (span[0], -span[1])):
            if start >= done:
                yield start, end
                done = end

    def _candidates(self, text: str) -> Iterator[tuple[int, int]]:
        for begin, piece in _pieces(text):
            for region in self._regions:
                for found in _matches(self._library, piece, region):
                    yield begin + found.start, begin + found.end
        for shape in _SHAPES.finditer(text):
            if 7 <= sum(sign.isdigit() for sign in shape[0]) <= 15 and not _DATE.search(shape[0]):
                yield shape.start(), shape.end()


def may_hold_number(text: str) -> bool:
    """Say whether a text has as many digits together as a phone number; costs little and needs no library."""
    return _DIGITS.search(text) is not None


def regions(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the countries of the numbers with a country code, the most frequent first."""
    library = _library(import_module)
    seen: Counter[str] = Counter()
    for text in texts:
        if _INTERNATIONAL.search(text):
            for _, piece in _pieces(text):
                seen.update(region for found in _matches(library, piece, None)
                            if (region := library.region_code_for_number(found.number)))
    return tuple(region for region, _ in sorted(seen.items(), key=lambda pair: (-pair[1], pair[0]))[:_REGIONS])


def _matches(library: ModuleType, piece: str, region: str | None) -> Iterable[Any]:
    """Look for numbers of a region, and for those with a country code, even where nobody has that number."""
    leniency = library.Leniency.VALID if region else library.Leniency.POSSIBLE
    matches: Iterable[Any] = library.PhoneNumberMatcher(piece, region, leniency, _TRIES)
    return matches


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Cut a long text into parts that overlap by more than a phone number."""
    for begin in range(0, max(len(text) - 50, 1), _PIECE - 50):
        yield begin, text[begin:begin + _PIECE]


def _library(load: Load) -> ModuleType:
    try:
        return load("phonenumbers")
    except ImportError as error:
        raise ConfigError("Phone numbers cannot be found: phonenumbers is not installed.",
                          hint="Install pen-backend[anonymise], or set `phone: keep`.") from error
