"""An answer while it is written: as much of it as nothing that is written later can take away.

The steps are those of `template.read`, in its order. Each looks at what is new and at what it kept back, never at the
whole, so that a long answer costs no more a piece than a short one.
"""

from collections.abc import Sequence
from typing import Protocol

from pen_backend.prompts import template
from pen_backend.prompts.definition import Definition


class Unfinished:
    """Takes what a model writes in pieces; all that `more` and `rest` return is, joined, `template.read` of the whole.

    Labels and postprocessors are left to who has the whole answer.
    """

    def __init__(self, definition: Definition) -> None:
        trims_end = not definition.no_trim_end
        start = definition.format.completion_start if definition.messages is None else ""
        self._steps: tuple[_Step, ...] = (
            _BeforeStop(template.stops(definition)), _AfterStart(start),
            _Trimmed(definition.beginning, start=not definition.no_trim_start, end=trims_end),
            _WithoutEnd(definition.spare_end, trims=trims_end))

    def more(self, text: str) -> str:
        """Take the next piece; return what is certain now, perhaps nothing."""
        for step in self._steps:
            text = step.more(text)
        return text

    def rest(self) -> str:
        """Return what was kept back, once no more is written."""
        text = ""
        for step in self._steps:
            text = step.more(text) + step.rest()
        return text


class _Step(Protocol):
    """One change of a text that comes in pieces."""

    def more(self, text: str) -> str: ...

    def rest(self) -> str: ...


class _BeforeStop:
    """Ends a text at the first stop in it; what may be the beginning of one waits."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._kept = ""
        self._stopped = False

    def more(self, text: str) -> str:
        if self._stopped:
            return ""
        text = self._kept + text
        certain = len(text) - _begun(text, self._stops)
        before, self._stopped = template.cut(text, self._stops)
        # A stop that stands behind the beginning of another is only the first if that one does not come about.
        self._stopped = self._stopped and len(before) <= certain
        certain = min(certain, len(before))
        self._kept = text[certain:]
        return text[:certain]

    def rest(self) -> str:
        return "" if self._stopped else template.cut(self._kept, self._stops)[0]


class _AfterStart:
    """Leaves out the text that every completion starts with, where a model has written it."""

    def __init__(self, start: str) -> None:
        self._start = start
        self._kept = ""
        self._has_begun = False

    def more(self, text: str) -> str:
        if self._has_begun:
            return text
        self._kept += text
        self._has_begun = len(self._kept) >= len(self._start) or not self._start.startswith(self._kept)
        return self._kept.removeprefix(self._start) if self._has_begun else ""

    def rest(self) -> str:
        return "" if self._has_begun else self._kept


class _Trimmed:
    """Puts the answer's beginning before a text and drops white space around both; what may be the last of it waits."""

    def __init__(self, beginning: str, *, start: bool, end: bool) -> None:
        self._beginning = beginning
        self._drops_next = start
        self._drops_last = end
        self._spaces: list[str] = []

    def more(self, text: str) -> str:
        text, self._beginning = self._beginning + text, ""
        if self._drops_next:
            text = text.lstrip()
            self._drops_next = not text
        solid = text.rstrip() if self._drops_last else text
        spaces = text[len(solid):]
        if solid:
            solid, self._spaces = "".join((*self._spaces, solid)), []
        if spaces:
            self._spaces.append(spaces)
        return solid

    def rest(self) -> str:
        return self.more("")


class _WithoutEnd:
    """Leaves out an end, and white space before it, where it is the last that was written."""

    def __init__(self, end: str, *, trims: bool) -> None:
        self._end = end
        self._trims = trims
        self._kept = ""

    def more(self, text: str) -> str:
        text = self._kept + text
        waiting = len(self._end) if text.endswith(self._end) else _begun(text, (self._end,))
        certain = text[:len(text) - waiting]
        if waiting and self._trims:
            certain = certain.rstrip()
        self._kept = text[len(certain):]
        return certain

    def rest(self) -> str:
        return "" if self._end and self._kept.endswith(self._end) else self._kept


def _begun(text: str, wholes: Sequence[str]) -> int:
    """Count the characters at the end of a text that begin one of WHOLES, but are not all of it."""
    return max((size for whole in wholes for size in range(1, min(len(whole), len(text) + 1))
                if text.endswith(whole[:size])), default=0)
