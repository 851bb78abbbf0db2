"""Count tokens, words and characters, and lay them out as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from pen_backend.dataset.record import Side
from pen_backend.records import Segment
from pen_backend.tokens import Encoder


@dataclass(slots=True)
class Totals:
    """Sums over examples."""

    examples: int = 0
    tokens: int = 0
    words: int = 0
    chars: int = 0

    def add(self, tokens: int, text: str) -> None:
        """Count one example: its tokens, and the words and code points of its joined segments."""
        self.examples += 1
        self.tokens += tokens
        self.words += len(text.split())
        self.chars += len(text)

    def join(self, other: "Totals") -> None:
        """Add another sum."""
        self.examples += other.examples
        self.tokens += other.tokens
        self.words += other.words
        self.chars += other.chars


@dataclass(frozen=True, slots=True)
class Part:
    """The sums of one source on one side."""

    source: str
    side: Side
    totals: Totals


class Counter:
    """Count the tokens of segments as they are trained: each by itself. Short texts that repeat are counted once."""

    SHORT = 40

    def __init__(self, encoder: Encoder) -> None:
        self._count = encoder.count
        self._known: dict[str, int] = {}

    def __call__(self, segments: Sequence[Segment]) -> list[int]:
        """Return the tokens of each segment."""
        return self.texts([segment.text for segment in segments])

    def texts(self, texts: Sequence[str]) -> list[int]:
        """Return the tokens of each text."""
        return [self._count(text) if len(text) > self.SHORT else self._short(text) for text in texts]

    def _short(self, text: str) -> int:
        number = self._known.get(text)
        if number is None:
            if len(self._known) > 10_000:
                self._known.clear()
            number = self._known[text] = self._count(text)
        return number


def table(totals: Totals) -> str:
    r"""Lay out means, cut to whole numbers, and sums.

    >>> print(table(Totals(62353, 7606445, 6086970, 34037331)), end="")
          ntokens   nwords    nchars
    mean      121       97       545
    sum   7606445  6086970  34037331
    """
    sums = (totals.tokens, totals.words, totals.chars)
    means = [number // totals.examples if totals.examples else 0 for number in sums]
    return layout(("ntokens", "nwords", "nchars"), [("mean", *map(str, means)), ("sum", *map(str, sums))])


def layout(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write rows under column names: the first column to the left, the others to the right, two spaces between."""
    lines = [("", *names), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names) + 1)]
    return "".join("  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in
                                                         zip(line[1:], widths[1:], strict=True))]) + "\n"
                   for line in lines)
