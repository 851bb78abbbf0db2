"""Give every text one spelling: Unicode form, invisible signs, white space, line ends."""

import re
import unicodedata
from collections.abc import Callable

from pen_backend.prompts.training import Normalise

# Control characters, soft hyphens, zero-width spaces and direction marks. Zero-width joiners stay: they make one sign
# of several in emoji, and change letters in Persian and Hindi.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f\xad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_BREAK = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_LINES = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_SPACES = re.compile("[ \t\x1f\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_AROUND_BREAK = re.compile(" ?\n ?")
_BREAKS = re.compile(r"\s*\n\s*")
_MANY_BREAKS = re.compile(r"\n[^\S\n]*\n(?:[^\S\n]*\n)+")


def normaliser(spec: Normalise, *, keep_edges: bool = False) -> Callable[[str], str]:
    r"""Return the function that a `normalise` step applies to a text.

    KEEP_EDGES leaves white space at both ends, which in a finished example may be the boundary.

    >>> normaliser(Normalise(newlines="space"))("two\r\n  lines")
    'two lines'
    """
    nfc, strip = spec.unicode == "NFC", spec.invisible == "strip"
    collapse, newlines = spec.space == "collapse", spec.newlines

    def normalise(text: str) -> str:
        if nfc and not text.isascii() and not unicodedata.is_normalized("NFC", text):
            text = unicodedata.normalize("NFC", text)
        if collapse and "  " not in text and text.isprintable() and text[:1] != " " and text[-1:] != " ":
            return text  # most texts: of all white space and invisible signs only the blank is printable
        if collapse and (newlines == "space" or not _LINES.search(text)):
            # str.split knows the same white space as the patterns above, and is five times as fast.
            joined = " ".join(text.split())
            if joined.isprintable():
                return text if joined == text else joined
        if strip:
            text = _INVISIBLE.sub("", text)
        text = _BREAK.sub("\n", text)
        if collapse:
            text = _AROUND_BREAK.sub("\n", _SPACES.sub(" ", text))
        if newlines == "space":
            text = _BREAKS.sub(" ", text)
        elif newlines == "blank":
            text = _MANY_BREAKS.sub("\n\n", text)
        return text.strip() if collapse or newlines == "space" else text

    return _within(normalise) if keep_edges else normalise


def _within(normalise: Callable[[str], str]) -> Callable[[str], str]:
    """Apply NORMALISE between the white space at both ends, whose line ends alone it changes."""
    def inside(text: str) -> str:
        core = text.strip()
        if not core:
            return text
        start = text.index(core)
        return text[:start].replace("\r\n", "\n") + normalise(core) + text[start + len(core):].replace("\r\n", "\n")

    return inside
