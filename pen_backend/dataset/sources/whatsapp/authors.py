"""Who wrote a line: what stands before the colon, unless it is WhatsApp itself that speaks.

Names may hold a colon, and lines without an author may, too. So all lines of the file are looked at before the first
one is read.
"""

import re
from dataclasses import dataclass, field

from pen_backend.dataset.sources.people import plain_name
from pen_backend.dataset.sources.whatsapp import bodies
from pen_backend.dataset.sources.whatsapp.bodies import MARK
from pen_backend.dataset.sources.whatsapp.headers import Style
from pen_backend.dataset.sources.whatsapp.strings import Strings, unmarked

_LONGEST = 120  # signs of a name
_REMEMBERED = 4_096  # names that were judged
_MOST = 100_000  # names that are counted: a file has at most a few thousand
_COLON = re.compile(r"\s?:(?:\s|$)")
_UNSAVED = re.compile("^~[ \u00a0\u202f]*(?=\\S)")
_MENTIONED = re.compile("@\u2068~?[\u202f ]?([^\u2069\n]{1,120})\u2069")
_QUOTES = (("“", "”"), ("„", "“"), ("«", "»"), ("「", "」"), ("『", "』"))
_MOST_COLONS = _WORDS_OF_NAME = 4
_REPORTS = 1_000
_BEGINNING = 3  # messages among which the notice about encryption may stand without a mark


def named(text: str) -> str:
    """Write a name as the people of the chat know it: without marks, and without the sign of the unsaved."""
    return _UNSAVED.sub("", unmarked(text).strip())


@dataclass(slots=True)
class _Seen:
    """What is known of one possible author."""

    lines: int = 0
    plain: int = 0  # lines that a person wrote or whose picture a person sent
    about_chat: int = 0  # lines that WhatsApp wrote about the chat
    certain: bool = False  # what follows is WhatsApp's, so this is the author, or the author and a caption
    sure: bool = False  # nobody writes a caption before what follows


@dataclass(slots=True)
class Authors:
    """The authors of one file, or of those of its lines that have one form."""

    strings: Strings
    style: Style
    told: frozenset[str] = frozenset()  # names that the source says, plain
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _mentioned: set[str] = field(default_factory=set)
    _reports: list[str] = field(default_factory=list)  # lines that may say what somebody did, as `Dr: Who left`
    _lines: int = 0
    _known: frozenset[str] = frozenset()
    _chats: frozenset[str] = frozenset()
    _judged: dict[str, bool] = field(default_factory=dict)  # names, lately, and whether they are about the chat

    def add(self, rest: str) -> None:
        """Take a header's line into account; REST is what follows date and time."""
        self._lines += 1
        if not rest.isascii() and len(self._mentioned) < _MOST:
            self._mentioned.update(map(named, _MENTIONED.findall(rest)))
        splits = _splits(rest)
        if len(splits) == 1 and len(self._reports) < _REPORTS and self._says_chat(splits[0][1]):
            self._reports.append(rest)
        for number, (name, text) in enumerate(splits):
            if (_hardly_a_name(name) and not text.startswith((MARK, "<"))) if number else self._about_chat(name):
                return
            seen = self._seen.get(name)
            if seen is None:
                if len(self._seen) >= _MOST:
                    continue
                seen = self._seen[name] = _Seen()
            seen.lines += 1
            self._weigh(seen, text)

    def _weigh(self, seen: _Seen, text: str) -> None:
        marked = text.startswith(MARK)
        placeholder = (marked or text.startswith("<")) and bodies.read(text, self.strings).kind != "text"
        if marked and not placeholder:
            # A file begins with the notice about encryption, in words that are new again and again.
            seen.about_chat += self._lines == 1 or self._notice(text) or self._says_chat(text)
        else:
            seen.plain += 1
        seen.certain |= placeholder or marked
        seen.sure |= placeholder and not marked

    def settle(self) -> None:
        """Decide which names with a colon are known, and which are the chat's own."""
        seen = self._seen
        known = {name for name in seen if plain_name(name) in self.told} if self.told else set()
        for name, each in seen.items():
            first, colon, _ = name.partition(": ")
            if not colon or first not in seen:
                continue
            alone = each.lines == seen[first].lines
            if name in self._mentioned or each.sure or self._acts(name) or (
                    alone and (each.certain or each.lines > 1) and not self._is_word(name)):
                known.add(name)
        self._known = frozenset(known)
        if self.style == "bracket":
            self._chats = frozenset(name for name, each in seen.items() if each.about_chat and not each.plain)

    def names(self) -> tuple[str, ...]:
        """List the authors, by first appearance."""
        inner = {first for name in self._known if (first := name.partition(": ")[0]) in self._seen
                 and self._seen[first].lines == self._seen[name].lines}
        return tuple(name for name in self._seen if name not in self._chats
                     and (name in self._known or (": " not in name and name not in inner)))

    def split(self, rest: str, number: int) -> tuple[str | None, str]:
        """Return the author and the text of the file's message NUMBER, marks included; None if WhatsApp wrote it."""
        splits = _splits(rest, _MOST_COLONS if self._known else 1)
        known = next((split for split in reversed(splits) if split[0] in self._known), None)
        if known is None and (not splits or self._about_chat(splits[0][0]) or self._is_report(rest)):
            return None, rest
        name, text = known or splits[0]
        return (None if self._is_system(name, text, number) else name), text

    def _acts(self, name: str) -> bool:
        """Say whether a line tells what somebody of this name did."""
        return any(report.startswith(f"{name} ") for report in self._reports)

    def _is_report(self, rest: str) -> bool:
        """Say whether a line tells what somebody did whose name holds a colon."""
        return any(rest.startswith(f"{name} ") and self._says_chat(rest[len(name):])
                   for name in self._known if ": " in name)

    def _is_system(self, name: str, text: str, number: int) -> bool:
        """Say whether WhatsApp speaks under a name: a chat's, or that of the person it is about."""
        if not text.startswith(MARK):
            return number <= _BEGINNING and self.style == "bracket" and self._notice(text)
        if name in self._chats or self._notice(text):
            return True
        return (number == 1 or self._says_chat(text)) and bodies.read(text, self.strings).kind == "text"

    def _notice(self, text: str) -> bool:
        return self.strings.mentions("encrypted", text)

    def _says_chat(self, text: str) -> bool:
        return self.strings.mentions("system", text) or self.strings.mentions("marked-system", text)

    def _about_chat(self, name: str) -> bool:
        """Say whether what looks like an author is the beginning of a line that has none."""
        judged = self._judged.get(name)
        if judged is None:
            if len(self._judged) >= _REMEMBERED:
                self._judged.clear()
            judged = self._judged[name] = (
                _unclosed(name) or self.strings.mentions("system", name) or self._notice(name))
        return judged

    def _is_word(self, name: str) -> bool:
        """Say whether the second half of a name is a word that WhatsApp puts before texts, as in `location: …`."""
        word = name.rpartition(": ")[2]
        return word in self.strings.table["poll"] or self.strings.has("location", word)


def _splits(rest: str, most: int = _MOST_COLONS) -> list[tuple[str, str]]:
    """List what may be author and text of a line, the shortest author first."""
    found: list[tuple[str, str]] = []
    line = rest.partition("\n")[0][:2 * _LONGEST]
    for colon in _COLON.finditer(line):
        name = named(line[:colon.start()])
        if len(name) > _LONGEST:
            break
        if name:
            found.append((name, rest[colon.end():]))
            if len(found) == most:
                break
    return found


def _hardly_a_name(name: str) -> bool:
    last = name.rpartition(": ")[2]
    return len(last.split()) > _WORDS_OF_NAME or last[:1].islower() or last[-1:] in "?!.,;"


def _unclosed(name: str) -> bool:
    """Say whether a quotation begins in a name and ends behind it, as in `Ann created group "Puns: the best"`."""
    return name.count('"') % 2 == 1 or (not name.isascii() and any(
        name.count(one) > name.count(other) for one, other in _QUOTES if one != "“" or "„" not in name))
