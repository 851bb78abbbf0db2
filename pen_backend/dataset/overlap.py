"""Find the texts of one collection in another: equal ones, nearly equal ones, and those that share eight words.

One collection is small and held in memory, by the hashes of its word triples; the other streams past it. Exact for the
same reason as near.py: a text that is near one of n triples shares one of any n - ceil(t n) + 1 of them. Nothing here
is written to a file, so Python's own hash will do.
"""

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence

from pen_backend.dataset.keys import folded
from pen_backend.dataset.near import shingles_of, words_of

_TRIPLES_OF_EIGHT = 6  # eight words hold six triples


class _Places:
    """Which texts have a hash; nearly every hash is in one text alone, which costs no list."""

    def __init__(self) -> None:
        self.first: dict[int, int] = {}
        self._later: dict[int, array[int]] = {}

    def add(self, hashes: Iterable[int], index: int) -> None:
        """Say that a text has hashes."""
        for each in hashes:
            if self.first.setdefault(each, index) != index:
                later = self._later.get(each)
                if later is None:
                    self._later[each] = array("I", [index])
                else:
                    later.append(index)

    def of(self, each: int) -> Sequence[int]:
        """Return the texts that have a hash."""
        first = self.first.get(each)
        return () if first is None else (first, *self._later.get(each, ()))

    def number(self, each: int) -> int:
        """Count the texts that have a hash, which is one of some text."""
        return 1 + len(self._later.get(each, ()))


class Collection:
    """Texts to look for, and which of them were found so far; with THRESHOLD None only equal ones are found."""

    def __init__(self, texts: Iterable[str], threshold: float | None) -> None:
        self._threshold = threshold
        self._equal: dict[bytes, list[int]] = {}
        self._triples = array("q")
        self._starts = array("Q", [0])
        self._places = _Places()  # which texts have a triple
        self._eights = _Places()
        self.equal: set[int] = set()
        self.near: set[int] = set()
        self.eight: set[int] = set()  # those that share eight words in a row with another text
        for index, text in enumerate(texts):
            self._equal.setdefault(folded(text), []).append(index)
            if threshold is not None:
                words = words_of(text)
                own = shingles_of(words)
                self._triples.extend(own)
                self._places.add(own, index)
                self._eights.add(set(_eights(words)), index)
            self._starts.append(len(self._triples))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def look(self, text: str) -> Sequence[int]:
        """Look for all texts of the collection in another one; return those that are equal or near."""
        same = self._equal.get(folded(text), ())
        if same:
            self.equal.update(same)
        if self._threshold is None:
            return same
        words = words_of(text)
        # Most texts share too little with the collection for anything more to be looked at. Every word but the first
        # two ends a triple, so a text has at least as many different triples as it has other words.
        hits = sum(map(self._places.first.__contains__, map(hash, zip(words, words[1:], words[2:], strict=False))))
        if hits >= _TRIPLES_OF_EIGHT:
            for each in _eights(words):
                if each in self._eights.first:
                    self.eight.update(self._eights.of(each))
        if len(words) > 2 and hits < self._threshold * (len(set(words)) - 2) - 1e-9:
            return same
        near = [index for index in self._near(shingles_of(words)) if index not in same]
        self.near.update(near)
        return [*same, *near]

    def _near(self, own: set[int]) -> Iterator[int]:
        size, threshold = len(own), self._threshold or 1.0
        known = own & self._places.first.keys()
        needed = math.ceil(threshold * size - 1e-9)
        if not own or len(known) < needed:
            return
        # What the collection lacks comes first in the order, so this many of what it has need to be looked at.
        rarest = sorted(known, key=self._places.number)[:len(known) - needed + 1]
        for index in sorted({index for triple in rarest for index in self._places.of(triple)}):
            other = self._starts[index + 1] - self._starts[index]
            if threshold * other - 1e-9 <= size <= other / threshold + 1e-9:
                common = len(own.intersection(self._triples[self._starts[index]:self._starts[index + 1]]))
                if common / (size + other - common) >= threshold:
                    yield index


def _eights(words: Sequence[bytes]) -> Iterator[int]:
    """Hash every eight words in a row."""
    return map(hash, zip(*(words[begin:] for begin in range(8)), strict=False))
