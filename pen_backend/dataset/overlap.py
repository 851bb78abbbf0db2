"""Find the texts of one collection in another: equal ones, nearly equal ones, and those that share eight words.

One collection is small and held in memory, by its word triples; the other streams past it. Exact for the same reason
as near.py: a text that is near one of n triples shares one of any n - ceil(t n) + 1 of them.
"""

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence

from pen_backend.dataset.near import shingles_of, word_hashes, words_of

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
        self._hashes = word_hashes()
        self._equal: dict[bytes, list[int]] = {}
        self._triples = array("Q")
        self._starts = array("Q", [0])
        self._places = _Places()
        self._eights = _Places()
        self.equal: set[int] = set()
        self.near: set[int] = set()
        self.eight: set[int] = set()  # those that share eight words in a row with another text
        for index, text in enumerate(texts):
            words = words_of(text)
            self._equal.setdefault(_key(words, text), []).append(index)
            if threshold is not None:
                hashes = self._hashes(words)
                own = shingles_of(hashes)
                self._triples.extend(own)
                self._places.add(own, index)
                self._eights.add(set(_eights(hashes)), index)
            self._starts.append(len(self._triples))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def look(self, text: str) -> Sequence[int]:
        """Look for all texts of the collection in another one; return those that are equal or near."""
        words = words_of(text)
        same = self._equal.get(_key(words, text), ())
        self.equal.update(same)
        if self._threshold is None:
            return same
        hashes = self._hashes(words)
        own = shingles_of(hashes)
        known = own & self._places.first.keys()
        if len(known) >= _TRIPLES_OF_EIGHT:
            for each in _eights(hashes):
                self.eight.update(self._eights.of(each))
        near = [index for index in self._near(own, known) if index not in same]
        self.near.update(near)
        return [*same, *near]

    def _near(self, own: set[int], known: set[int]) -> Iterator[int]:
        size, threshold = len(own), self._threshold or 1.0
        needed = math.ceil(threshold * size - 1e-9)
        if not own or len(known) < needed:
            return
        # What the collection lacks comes first in the order, so this many of what it has need to be looked at.
        rarest = sorted(known, key=lambda triple: (self._places.number(triple), triple))[:len(known) - needed + 1]
        for index in sorted({index for triple in rarest for index in self._places.of(triple)}):
            other = self._starts[index + 1] - self._starts[index]
            if threshold * other - 1e-9 <= size <= other / threshold + 1e-9:
                common = len(own.intersection(self._triples[self._starts[index]:self._starts[index + 1]]))
                if common / (size + other - common) >= threshold:
                    yield index


def _key(words: Sequence[bytes], text: str) -> bytes:
    """Return what equal texts share: their words, or all of a text without any."""
    return b"".join(words) or text.encode("utf-8", "surrogatepass")


def _eights(hashes: Sequence[int]) -> Iterator[int]:
    """Hash every eight words in a row: three triples that cover them."""
    if len(hashes) < 8:
        return iter(())
    triples = [one + 3 * two + 9 * three for one, two, three in zip(hashes, hashes[1:], hashes[2:], strict=False)]
    return (one + 27 * two + 729 * three for one, two, three in zip(triples, triples[3:], triples[5:], strict=False))
