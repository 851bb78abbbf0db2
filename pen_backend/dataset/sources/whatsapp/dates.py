"""In which order the dates of an export name day, month and year; the whole file decides.

A four-digit number or an era is the year, a number above 12 is no month. What is left is settled by time: dates of a
chat do not go backwards. If that settles nothing either, the day comes first, with a warning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pen_backend.dataset.sources.whatsapp.headers import Form, Header, Order, YearPlace

# In the order of preference. Two digits may be a year at the beginning, too, where no other reading is possible.
_ORDERS: Mapping[YearPlace, tuple[Order, ...]] = {
    "first": ("ymd", "ydm"), "middle": ("dym", "myd"), "last": ("dmy", "mdy"), "short": ("dmy", "mdy", "ymd"),
}
_FIRST_YEAR = 2009  # WhatsApp's


@dataclass(slots=True)
class _Reading:
    """What speaks against one order."""

    impossible: int = 0
    early: int = 0
    backwards: int = 0
    last: tuple[int, int, int] = (0, 0, 0)

    def add(self, date: tuple[int, int, int] | None) -> None:
        if date is None:
            self.impossible += 1
            return
        self.early += date[0] < _FIRST_YEAR
        self.backwards += date < self.last
        self.last = date


@dataclass(slots=True)
class Dates:
    """The dates of all headers of one form."""

    form: Form
    count: int = 0
    _readings: dict[Order, _Reading] = field(default_factory=dict)
    _differ: bool = False
    _last: tuple[int, int, int] | None = None

    def add(self, header: Header) -> None:
        """Take one more date into account; messages of one day say no more than the first of them."""
        self.count += 1
        if header.numbers == self._last:
            return
        self._last = header.numbers
        orders = _ORDERS[self.form.year]
        found = [header.date(order) for order in orders]
        self._differ |= found[0] != found[1]
        for order, date in zip(orders, found, strict=True):
            self._readings.setdefault(order, _Reading()).add(date)

    def order(self) -> tuple[Order, bool]:
        """Return the order, and whether it is certain."""
        readings = self._readings
        usual, other, *more = _ORDERS[self.form.year]
        least = min(readings[usual].impossible, readings[other].impossible)
        left = [order for order in (usual, other) if readings[order].impossible == least]
        if len(left) == 1 and not readings[left[0]].backwards:
            return left[0], True
        for candidates in (left, more):
            clean = [order for order in candidates if not _doubtful(readings[order])]
            if len(clean) == 1 or (clean and not self._differ):
                return clean[0], True
            if clean:
                # A year in front is followed by the month everywhere but in one or two small places.
                return usual, self.form.year == "first"
        best = min(left, key=lambda order: (readings[order].early, readings[order].backwards))
        worst = max(readings[order].backwards for order in left)
        return best, len(left) == 1 or (not least and 10 * readings[best].backwards < worst)


def _doubtful(reading: _Reading) -> bool:
    return bool(reading.impossible or reading.early or reading.backwards)


def told(form: Form, given: Order) -> Order:
    """Apply the order that a source names to a form whose year may stand elsewhere."""
    if form.year == "short" or given in _ORDERS[form.year]:
        return given
    if form.year == "middle":
        return "myd" if given == "mdy" else "dym"
    if form.year == "last":
        return "mdy" if given.index("m") < given.index("d") else "dmy"
    return "ymd"
