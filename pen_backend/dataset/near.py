"""Find nearly equal texts, exactly: all pairs whose word triples have a Jaccard similarity of at least a threshold.

A prefix-filter join (Chaudhuri et al. 2006; Bayardo et al. 2007): order every text's shingles from rare to common. Two
texts of at least |x| and similarity t share one of the first |x| - ceil(t |x|) + 1, so only texts that meet in such a
prefix are compared. Shingles are 64-bit hashes in one array; how common they are is counted in 2^24 hashed counters
of a byte instead of a dictionary. Any fixed order keeps the join exact, so counters that collide or are full cost
time, never a pair. Neither do the hashes matter, which are Python's own and others in each process: nobody keeps them.
"""

import math
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

_WORD = re.compile(r"\w+")
_ASCII_WORDS = bytes(sign if chr(sign).isalnum() or sign == ord("_") else ord(" ") for sign in range(256))
_MASK = (1 << 24) - 1
_SHINGLE = 3  # words

Beat = Callable[[int], None]


class Shingles:
    """The shingles of many texts: one flat array, and where each text's part begins."""

    def __init__(self, texts: Iterable[str], beat: Beat = lambda done: None) -> None:
        self._hashes = array("q")
        self._starts = array("Q", [0])
        self._counts = bytearray(_MASK + 1)
        counts = self._counts
        for done, text in enumerate(texts):
            beat(done)
            own = shingles_of(words_of(text))
            for shingle in own:
                if (number := counts[shingle & _MASK]) < 255:
                    counts[shingle & _MASK] = number + 1
            self._hashes.extend(own)
            self._starts.append(len(self._hashes))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def size(self, text: int) -> int:
        """Return the number of a text's distinct shingles."""
        return self._starts[text + 1] - self._starts[text]

    def of(self, text: int) -> "array[int]":
        """Return a text's shingles, in no useful order."""
        return self._hashes[self._starts[text]:self._starts[text + 1]]

    def prefix(self, text: int, length: int) -> list[int]:
        """Return what another text may share of the LENGTH rarest shingles; the order is (counter, hash)."""
        counts, own = self._counts, self.of(text)
        numbers = [counts[shingle & _MASK] for shingle in own]
        alone = numbers.count(1)  # no other text has these, and they come first
        if alone >= length:
            return []
        return [shingle for _, shingle in islice(sorted(zip(numbers, own, strict=True)), alone, length)]


def words_of(text: str) -> list[bytes]:
    """Split a text into its words, case-folded: runs of letters, digits and underscores."""
    if text.isascii():
        return text.lower().encode().translate(_ASCII_WORDS).split()
    return [word.encode("utf-8", "surrogatepass") for word in _WORD.findall(text.casefold())]


def shingles_of(words: Sequence[bytes]) -> set[int]:
    """Hash a text's word triples; a shorter text is one shingle, one without words has none."""
    if len(words) >= _SHINGLE:
        return set(map(hash, zip(words, words[1:], words[2:], strict=False)))
    return {hash(tuple(words))} if words else set()


def pairs(shingles: Shingles, threshold: float, beat: Beat = lambda done: None) -> Iterator[tuple[int, int]]:
    """Yield every pair of texts at or above the threshold, once, the earlier text first."""
    return ((first, second) for first, second, _ in matches(shingles, threshold, beat))


def matches(shingles: Shingles, threshold: float, beat: Beat = lambda done: None) -> Iterator[tuple[int, int, float]]:
    """Yield every pair of texts at or above the threshold with its similarity, once, the earlier text first."""
    first: dict[int, int] = {}  # most prefix shingles are in one text so far; the few others have a list
    later: dict[int, array[int]] = {}
    order = sorted(range(len(shingles)), key=shingles.size)
    for done, text in enumerate(order):
        beat(done)
        size = shingles.size(text)
        if not size:
            continue
        # The tolerance keeps rounding from shortening a prefix; a longer one is only slower.
        prefix = shingles.prefix(text, size - math.ceil(threshold * size - 1e-9) + 1)
        met = {first[shingle] for shingle in prefix if shingle in first}
        met.update(*(later[shingle] for shingle in prefix if shingle in later))
        if candidates := [other for other in met if shingles.size(other) >= threshold * size - 1e-9]:
            own = frozenset(shingles.of(text))
            for other in sorted(candidates):
                common = len(own.intersection(shingles.of(other)))
                if (similarity := common / (size + shingles.size(other) - common)) >= threshold:
                    yield min(text, other), max(text, other), similarity
        for shingle in prefix:
            if shingle not in first:
                first[shingle] = text
            elif shingle in later:
                later[shingle].append(text)
            else:
                later[shingle] = array("I", [text])


def clusters(count: int, found: Iterable[tuple[int, int]]) -> list[int]:
    """Join pairs into clusters; return each member's representative, which is the cluster's first member."""
    parents = list(range(count))

    def root(member: int) -> int:
        while parents[member] != member:
            parents[member] = parents[parents[member]]
            member = parents[member]
        return member

    for first, second in found:
        one, other = root(first), root(second)
        parents[max(one, other)] = min(one, other)
    return [root(member) for member in range(count)]

