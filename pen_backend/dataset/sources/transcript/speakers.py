"""Who speaks: the voice that the markup names, or a name and a colon before the words."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pen_backend.dataset.sources.transcript.cues import Cue, Fault

# `HOST: `, `Dr. Ann Lee: `, `[SPEAKER_01]: `, each perhaps behind the dash or the >> of a change of speaker.
_PREFIX = re.compile(r"(?P<change>>>+\s*|[-–—]\s*)?"
                     r"(?:[\[(]?(?P<name>[^\W_][\w.'’&-]*(?: [\w.'’&-]+){0,3})[\])]?\s?:(?:\s+|$))?")
_SMALL = frozenset(("and", "de", "der", "da", "do", "la", "le", "of", "the", "van", "von", "y", "&"))
_LONGEST = 40
_TWICE = 2


@dataclass(frozen=True, slots=True)
class Said:
    """Words, whose they are, and whether the captions say that somebody else speaks now."""

    line: int | None
    speaker: str | None
    text: str
    change: bool


class Speakers:
    """The speakers of one file. One word and a colon may also begin a sentence, so the whole file is asked."""

    def __init__(self, cues: Iterable[Cue | Fault]) -> None:
        names: Counter[str] = Counter()
        pieces = 0
        opening: str | None = None
        for cue in cues:
            for one in cue.spoken if isinstance(cue, Cue) else ():
                pieces += 1
                if one.voice is None and (name := _name(one.text)):
                    names[name] += 1
                    opening = name if pieces == 1 else opening
        labelled = 2 * names.total() >= pieces  # most pieces have a name, so all that look like one are
        self._names = frozenset(name for name, count in names.items()
                                if labelled or count >= _TWICE or name == opening or name == name.upper())

    def said(self, cue: Cue, before: str | None) -> Iterator[Said]:
        """Yield what is said in a cue, and by whom; who spoke BEFORE goes on until another name comes."""
        speaker = before if self._names else None
        for one in cue.spoken:
            if one.voice is not None:
                yield Said(one.line, one.voice, one.text, change=False)
                continue
            found = _PREFIX.match(one.text)
            name = found["name"] if found else None
            change = bool(found and found["change"] and found["change"].startswith(">>"))
            if found and name in self._names:
                speaker, text = name, one.text[found.end():]
            else:
                text = one.text[len(found["change"]):] if found and change else one.text
                speaker = None if change else speaker
            if text.strip():
                yield Said(one.line, speaker, text.strip(), change)


def _name(text: str) -> str | None:
    """Return what stands before a text's first colon, if it looks like a name."""
    found = _PREFIX.match(text)
    name = found["name"] if found else None
    if name is None or len(name) > _LONGEST:
        return None
    words = name.split(" ")
    cased = all(not word[0].islower() or word in _SMALL for word in words)
    return name if cased and not words[0].isdigit() else None
