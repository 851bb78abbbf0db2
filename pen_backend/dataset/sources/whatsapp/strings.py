"""What WhatsApp itself writes into an export, in its languages: a table that comes with pen, and the user's own."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from pen_backend import config
from pen_backend.errors import ConfigError
from pen_backend.prompts import yaml
from pen_backend.prompts.schema import nearest

MEDIA = ("image", "video", "audio", "sticker", "gif", "document", "media")
LINES = (*MEDIA, "contact", "deleted", "live-location", "missed", "call")  # a whole line each
KEYS = (*LINES, "edited", "attached", "location", "poll", "encrypted", "system", "marked-system", "between", "am", "pm")
_LONGEST = 200  # signs of a line that are compared
_HEAD = 3  # signs that are looked at first
MARKS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_MARKED = re.compile(f"[{MARKS}]")


def unmarked(text: str) -> str:
    """Take away the signs that say in which direction a text runs; joiners inside of emoji stay."""
    return _MARKED.sub("", text) if has_marks(text) else text


def has_marks(text: str) -> bool:
    """Say whether there are such signs in a text."""
    return not text.isascii() and _MARKED.search(text) is not None


def folded(text: str) -> str:
    """Reduce a line to what its spellings share: no capitals, marks, brackets, double spaces, full stop."""
    plain = " ".join(unmarked(text).replace("\u2019", "'").replace("\u02bc", "'").casefold().split())
    return plain.removeprefix("<").removesuffix(">").strip(" .。।۔")


@dataclass(frozen=True)
class Strings:
    """The table, ready to be asked."""

    table: Mapping[str, tuple[str, ...]]

    def meaning(self, line: str) -> str | None:
        """Say what a line stands for: image, …, contact, deleted, live-location, missed, call; None if it is a text."""
        if not self._may_mean(line):
            return None
        plain = folded(line[:_LONGEST])
        found = self._meanings.get(plain)
        if found is None:
            found = next((key for beginning, key in self._beginnings if plain.startswith(beginning)), None)
        return found

    def has(self, key: str, text: str) -> bool:
        """Say whether a text is one of those of KEY."""
        return folded(text[:_LONGEST]) in self._texts[key]

    def document(self, line: str) -> bool:
        """Say whether a line ends in the words for a document that was left out, behind its name."""
        return folded(line[-_LONGEST:]).endswith(self._documents)

    def mentions(self, key: str, text: str) -> bool:
        """Say whether one of the texts of KEY stands in a text, as whole words."""
        return self._pattern(key).search(text) is not None

    @cached_property
    def meridiem(self) -> Mapping[str, bool]:
        """Map the words for the halves of a day, without dots and spaces, to whether it is the second half."""
        return {bare(word): half for half, key in ((False, "am"), (True, "pm")) for word in self.table[key]}

    @cached_property
    def _texts(self) -> Mapping[str, frozenset[str]]:
        return {key: frozenset(map(folded, texts)) for key, texts in self.table.items()}

    @cached_property
    def _meanings(self) -> Mapping[str, str]:
        # Languages that do not say what was left out have one text for several kinds: the first one counts.
        return {text: key for key in reversed(LINES) for text in self._texts[key]}

    def _may_mean(self, line: str) -> bool:
        """Say whether a line begins as one of the texts; nearly all lines do not, and this costs little."""
        head = unmarked(line[:2 * _HEAD]).casefold()
        return not head.isprintable() or "  " in head or head.lstrip(" <")[:_HEAD] in self._heads

    @cached_property
    def _heads(self) -> frozenset[str]:
        return frozenset(text[:_HEAD] for text in (*self._meanings, *(text for text, _ in self._beginnings)))

    @cached_property
    def _beginnings(self) -> tuple[tuple[str, str], ...]:
        return tuple((folded(text.removesuffix("…")), key) for key in LINES for text in self.table[key]
                     if text.endswith("…"))

    @cached_property
    def _documents(self) -> tuple[str, ...]:
        return tuple(f" {text}" for text in self._texts["document"])

    @cached_property
    def _pattern(self) -> Callable[[str], re.Pattern[str]]:
        def compiled(key: str) -> re.Pattern[str]:
            return re.compile("|".join(_whole(text) for text in self.table[key]) or r"(?!)", re.IGNORECASE)

        return cache(compiled)


def bare(word: str) -> str:
    """Reduce a word for half a day to its letters: "p. m." and "PM" are the same."""
    return re.sub(r"[\s.\u200c]", "", word).casefold()


def load(user: Path | None = None) -> Strings:
    """Read the table that comes with pen and the user's additions; by default from the configuration directory."""
    path = user if user is not None else user_path()
    return _load(path, _changed(path))


def fingerprint(user: Path | None = None) -> str | None:
    """Hash the user's additions, which decide what a build reads; None if there are none."""
    path = user if user is not None else user_path()
    return hashlib.sha256(_bytes(path)).hexdigest()[:16] if _changed(path) else None


def user_path() -> Path:
    """Say where the user's additions are."""
    return config.directories(os.environ).config / "whatsapp.yaml"


def _changed(path: Path) -> int:
    """Return when a file last changed; 0 if there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error


@cache
def _load(path: Path, changed: int) -> Strings:
    table = _read(Path(__file__).with_name("strings.yaml"))
    more = _read(path) if changed else {}
    return Strings({key: (*table.get(key, ()), *more.get(key, ())) for key in KEYS})


def _read(path: Path) -> dict[str, tuple[str, ...]]:
    document = yaml.read(_bytes(path), str(path))
    if document.findings:
        first = document.findings[0]
        raise ConfigError(f"{first.message}.", where=first.where, hint=first.hint, findings=document.findings)
    table: dict[str, tuple[str, ...]] = {}
    for key, texts in document.value.items() if isinstance(document.value, dict) else ():
        if key not in KEYS:
            near = nearest(str(key), KEYS)
            raise ConfigError(f"Unknown key '{key}'.", where=document.where((str(key),), key=True),
                              hint=f"Did you mean '{near}'?" if near else f"There are {', '.join(KEYS)}.")
        if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip(" .…") for text in texts):
            raise ConfigError(f"'{key}' must be a list of texts.", where=document.where((str(key),)))
        table[str(key)] = tuple(texts)
    return table


def _whole(text: str) -> str:
    """Make the pattern of a text that is not part of a longer word."""
    before, after = (r"\b" if sign.isalnum() and sign < "\u0e00" else "" for sign in (text[0], text[-1]))
    return before + r"\s+".join(map(re.escape, text.split())) + after


def alternatives(words: Iterable[str]) -> str:
    """Make the pattern of any of some words, the longest first; spaces and dots in them may be missing."""
    words = sorted(words, key=lambda word: (-len(word), word))
    # Nearly every text begins as none of them does: one look at its first sign spares a try of each.
    firsts = {sign for word in words for sign in (word[0], word.lstrip(" .")[0])}
    return f"(?=[{''.join(map(re.escape, sorted(firsts)))}])(?:{'|'.join(map(_word, words))})"


def _word(word: str) -> str:
    return r"\s?".join(r"\.?\s?".join(map(re.escape, part.split("."))) for part in word.split())
