"""The table, byte for byte."""

import doctest

from pen_backend.dataset import statistics
from pen_backend.dataset.statistics import Counter, Totals, layout, table
from pen_backend.records import Segment
from tests.dataset import Bytes

PODCAST = """\
      ntokens   nwords    nchars
mean      122       98       548
sum   7606445  6086970  34037331
"""


def test_the_layout_is_the_podcast_posts() -> None:
    rows = [("mean", "122", "98", "548"), ("sum", "7606445", "6086970", "34037331")]
    assert layout(("ntokens", "nwords", "nchars"), rows) == PODCAST


def test_means_are_cut_to_whole_numbers() -> None:
    totals = Totals()
    totals.add(3, "one two")
    totals.add(4, "\u00e9")
    assert table(totals).splitlines() == [
        "      ntokens  nwords  nchars", "mean        3       1       4", "sum         7       3       8"]


def test_an_empty_set_has_a_table_too() -> None:
    assert table(Totals()).splitlines()[1] == "mean        0       0       0"


def test_segments_are_counted_one_by_one() -> None:
    count = Counter(Bytes())
    assert count([Segment("\u00e9"), Segment("abc"), Segment("x" * 50)]) == [2, 3, 50]
    assert count([Segment("abc")]) == [3]


def test_the_documented_example_is_true() -> None:
    assert doctest.testmod(statistics).failed == 0
