"""Find the names of people in texts: whole words, the longest name first, however they are capitalised.

A text is cut into words once, and only names that begin with one of them are compared, so that the cost does not grow
with the number of names. Scripts that write without spaces have no words to cut at: there a name is found wherever it
stands. What is no listed name is not found; nothing here guesses.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

_WORD = re.compile(r"[^\W_]+")
# Thai to Myanmar, Khmer, kana, ideographs, and Hangul, whose particles follow without a space.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_ALIKE = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u2018": "'", "\u2010": "-", "\u2011": "-", "\u2013": "-",
                        "\u200e": "", "\u200f": "", "\u2066": "", "\u2067": "", "\u2068": "", "\u2069": ""})
_SPACE = re.compile(r"\s+")
# Chats call their owner so. As authors they are people; in a sentence they are everybody.
_PRONOUNS = frozenset(("i", "me", "we", "you"))

Span = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class _Name:
    """A name as words and what stands between them, before the first (+44, ~Bob) and after the last."""

    words: tuple[str, ...]
    between: tuple[str, ...]
    lead: str
    tail: str
    meaning: str


@dataclass(frozen=True)
class Names:
    """People's names, each with what stands for the person."""

    meanings: Mapping[str, str]

    def whole(self, text: str) -> str | None:
        """Return the meaning of a text that is a name and nothing else, such as an author; None for any other."""
        return self._folded.get(folded(text))

    def find(self, text: str) -> Iterator[Span]:
        """Yield where names stand in a text, which is NFC, and what they mean; the longest first at each place."""
        done = 0
        spans = sorted((*self._worded(text), *self._unworded(text)), key=lambda span: (span[0], -span[1]))
        for start, end, meaning in spans:
            if start >= done:
                yield start, end, meaning
                done = end

    def _worded(self, text: str) -> Iterator[Span]:
        index = self._index
        if not index:
            return
        words = list(_WORD.finditer(text))
        after = 0
        for place, word in enumerate(words):
            if place < after:
                continue
            for name in index.get(word[0].casefold(), ()):
                if (end := _end(name, words, place, text)) is not None:
                    start = word.start() - len(name.lead) * text.endswith(name.lead, 0, word.start())
                    yield start, end + len(name.tail) * text.startswith(name.tail, end), name.meaning
                    after = place + len(name.words)
                    break

    def _unworded(self, text: str) -> Iterator[Span]:
        pattern = self._anywhere
        if pattern is not None:
            for found in pattern.finditer(text):
                yield found.start(), found.end(), self._folded[folded(found[0])]

    @cached_property
    def _folded(self) -> Mapping[str, str]:
        return {folded(name): meaning for name, meaning in self.meanings.items()}

    @cached_property
    def _index(self) -> Mapping[str, list[_Name]]:
        """The names by their first word, those of more words first."""
        index: dict[str, list[_Name]] = {}
        for name, meaning in self.meanings.items():
            words = list(_WORD.finditer(name))
            if not words or _UNSPACED.search(name) or folded(name) in _PRONOUNS:
                continue
            between = tuple(_separator(name[one.end():other.start()]) for one, other in pairwise(words))
            texts = tuple(word[0].casefold() for word in words)
            lead, tail = name[:words[0].start()], name[words[-1].end():]
            index.setdefault(texts[0], []).append(_Name(texts, between, lead, tail, meaning))
        for names in index.values():
            names.sort(key=lambda name: -len(name.words))
        return index

    @cached_property
    def _anywhere(self) -> re.Pattern[str] | None:
        """What is found inside of other words: names of scripts without spaces, and names without letters."""
        names = sorted((name for name in self.meanings if (len(name) > 1 and _UNSPACED.search(name))
                        or not (name.isascii() or _WORD.search(name))), key=lambda name: (-len(name), name))
        return re.compile("|".join(map(re.escape, names)), re.IGNORECASE) if names else None


def folded(name: str) -> str:
    """Reduce a name to what two spellings of it share."""
    return _SPACE.sub(" ", unicodedata.normalize("NFC", name).translate(_ALIKE)).strip().casefold()


def clean(names: Iterable[str]) -> list[str]:
    """List names once each, composed and without spaces around them, in the order given."""
    found: dict[str, str] = {}
    for name in names:
        if key := folded(name):
            found.setdefault(key, unicodedata.normalize("NFC", name).strip())
    return list(found.values())


def _end(name: _Name, words: list[re.Match[str]], place: int, text: str) -> int | None:
    """Return where a name that begins with the word at PLACE ends; None if it is not there."""
    if place + len(name.words) > len(words):
        return None
    for offset in range(1, len(name.words)):
        before, word = words[place + offset - 1], words[place + offset]
        if (word[0].casefold() != name.words[offset]
                or _separator(text[before.end():word.start()]) != name.between[offset - 1]):
            return None
    return words[place + len(name.words) - 1].end()


def _separator(text: str) -> str:
    return _SPACE.sub(" ", text.translate(_ALIKE))
