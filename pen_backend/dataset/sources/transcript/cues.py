"""Captions with their times, as SRT and VTT files have them, one by one and without their markup."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pen_backend.dataset.sources.document import Document
from pen_backend.dataset.sources.lines import Line, lines

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})(?:[.,](\d{1,3}))?"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s|$)")
_TAG = re.compile(r"</?(?:c|i|b|u|s|v|ruby|rt|lang|font|span|p|br)(?:[.\s/][^<>]*)?>"
                  r"|<\d{1,3}(?::\d{2}){1,2}(?:[.,]\d{1,3})?>|\{\\[^{}]*\}", re.IGNORECASE)
_TIME_TAG = re.compile(r"<\d{1,3}(?::\d{2}){1,2}[.,]\d{1,3}>")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>|</v>", re.IGNORECASE)
_ASIDE = ("NOTE", "STYLE", "REGION")


@dataclass(frozen=True, slots=True)
class Spoken:
    """A piece of one line: where it stands, whose voice the markup says it is, and the words."""

    line: int | None
    voice: str | None
    text: str


@dataclass(slots=True)
class Cue:
    """What is shown from one second to another."""

    start: float
    end: float
    spoken: list[Spoken] = field(default_factory=list)
    timed: bool = False  # its words have times of their own


@dataclass(frozen=True, slots=True)
class Fault:
    """A caption that cannot be read."""

    locator: str
    code: str
    message: str
    hint: str | None = None


def begins_captions(head: str) -> bool:
    """Say whether a text begins as VTT or SRT files do."""
    return re.match(rf"WEBVTT\b|(?:\s*\d+[ \t]*\n)?\s*{_TIME}[ \t]*-->", head) is not None


def cues(document: Document) -> Iterator[Cue | Fault]:
    """Yield the captions of an SRT or VTT file in order; a caption that is broken hides no other."""
    reader = _Reader()
    for line in lines(document):
        yield from reader.line(line)
    yield from reader.finished()


class _Reader:
    """Takes lines and gives cues.

    A blank line ends a caption in VTT; in SRT it may stand inside of one, and only the next times end it.
    """

    def __init__(self) -> None:
        self._vtt = False
        self._skipped = False  # a note, a style sheet, the head of the file, a caption without times
        self._blank = True
        self._cue: Cue | None = None
        self._texts: list[tuple[int, str, bool]] = []  # line, text, whether a blank line is before it

    def line(self, line: Line) -> Iterator[Cue | Fault]:
        text = line.text
        if line.number == 1 and text.startswith("WEBVTT"):
            self._vtt = self._skipped = True
        elif line.cut:
            yield Fault(f"line {line.number}", "line-too-long", "the line is longer than any caption")
        elif "-->" in text and (_TIMES.match(text) or not (self._vtt and self._skipped)):
            yield from self._times(line)
        elif not text:
            self._blank = True
            self._skipped = False
            if self._vtt:
                yield from self.finished()
            return
        elif self._vtt and self._blank and text.startswith(_ASIDE):
            self._skipped = True
        elif self._cue is not None and not self._skipped:
            self._texts.append((line.number, text, self._blank))
        self._blank = False

    def finished(self) -> Iterator[Cue]:
        """Give the caption whose lines are all there."""
        cue, texts = self._cue, self._texts
        self._cue, self._texts = None, []
        if cue is None:
            return
        if texts and texts[-1][1].strip().isdigit() and texts[-1][2] and not self._vtt:
            texts.pop()  # the number of the next one
        voice: str | None = None
        for number, text, _ in texts:
            cue.timed = cue.timed or ("<" in text and _TIME_TAG.search(text) is not None)
            voice = _pieces(cue.spoken, number, text, voice)
        if cue.spoken:
            yield cue

    def _times(self, line: Line) -> Iterator[Cue | Fault]:
        if self._texts and self._texts[-1][1].strip().isdigit() and self._texts[-1][0] == line.number - 1:
            self._texts.pop()
        yield from self.finished()
        self._skipped = False
        found = _TIMES.match(line.text)
        if found is None:
            self._skipped = True
            yield Fault(f"line {line.number}", "value", "the times of the caption cannot be read",
                        "write them as 00:00:01,000 --> 00:00:02,500")
            return
        self._cue = Cue(_seconds(found.groups()[:4]), _seconds(found.groups()[4:]))


def plain(text: str) -> str:
    """Take markup out of a line: italics, colours, times of words, entities."""
    if "<" in text or "{\\" in text:
        text = _TAG.sub("", text)
    return " ".join((html.unescape(text) if "&" in text else text).split())


def _pieces(spoken: list[Spoken], number: int, text: str, voice: str | None) -> str | None:
    """Add the pieces of a line to what is spoken, and return whose voice the next line begins in."""
    done = 0
    for tag in _VOICE.finditer(text) if "<" in text else ():
        if piece := plain(text[done:tag.start()]):
            spoken.append(Spoken(number, voice, piece))
        voice = plain(tag[1]) or None if tag[1] else None
        done = tag.end()
    if piece := plain(text[done:]):
        spoken.append(Spoken(number, voice, piece))
    return voice


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    return (int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
            + int((fraction or "0").ljust(3, "0")) / 1000)
