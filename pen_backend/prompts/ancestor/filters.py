"""What pen.el's shell pipelines and Lisp expressions become: looked up whole, in tables; nothing is parsed or run."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from pen_backend.prompts import filters, pipelines
from pen_backend.prompts.filters import Filter
from pen_backend.prompts.variables import From

_SHOWN = 100  # characters of a filter that a message quotes

SOURCES: Mapping[str, From] = {
    "(pen-selected-text)": "region", "(pen-selection)": "region", "(pen-selected-text t)": "region",
    "(pen-preceding-text)": "preceding", "(pen-preceding-text-line)": "preceding-line",
    "(pen-surrounding-text)": "surrounding", "(pen-surrounding-context)": "surrounding",
    "(detect-language)": "language", "(pen-detect-language)": "language",
    "(thing-at-point 'line)": "line", "(thing-at-point 'paragraph)": "paragraph",
}
_ASK = re.compile(r'\(read-string(?:-hist)? "[^"\\]*"\)')
_TEXT = re.compile(r'"([^"\\]*)"')


@dataclass(frozen=True, slots=True)
class Refusal:
    """A filter that stays where it is: what it would do, and what to write instead."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Expression:
    """What a default becomes: a place in Emacs, a text, or nothing, and then the user is asked."""

    source: From | None = None
    text: str | None = None
    known: bool = True


def translate(value: object) -> tuple[Filter, ...] | Refusal:
    """Find the built-in filters that do what a pipeline did; a list of built-in filters is taken as it is."""
    if isinstance(value, str):
        return _pipeline(value)
    try:
        return filters.read(value)
    except ValidationError:
        pass
    found: list[Filter] = []
    if not isinstance(value, list):
        return Refusal("it is no filter", _built_in())
    for item in value:
        part = Refusal("a list in it is no filter", _built_in()) if isinstance(item, list) else translate(item)
        if isinstance(part, Refusal):
            return part
        found += part
    return tuple(found)


def expression(value: str) -> Expression:
    """Find what stands for a default's Lisp expression."""
    text = _collapsed(value)
    if text in SOURCES:
        return Expression(source=SOURCES[text])
    if quoted := _TEXT.fullmatch(value.strip()):
        return Expression(text=quoted[1])
    return Expression(known=_ASK.fullmatch(text) is not None)


def _pipeline(value: str) -> tuple[Filter, ...] | Refusal:
    text = _collapsed(value)
    if not text:
        return ()
    known = [text] if text in filters.NAMES else pipelines.stand_in(text)
    if known is not None:
        return filters.read(known)
    named = f"the filter `{text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}`"
    if text.startswith("pf-"):
        return Refusal(f"{named} is another prompt, and filters run no prompts",
                       "run that prompt first and give its answer as the value, or run this one without filters "
                       "(`--without-filters`)")
    if text.startswith("("):
        return Refusal(f"{named} is elisp, which pen does not run", _built_in())
    return Refusal(f"{named} is shell, which pen does not run", _built_in(pipelines.meant(text)))


def _built_in(names: Iterable[str] = ()) -> str:
    return f"write {filters.suggestion(names)} instead, or run it without filters (`--without-filters`)"


def _collapsed(text: str) -> str:
    return " ".join(text.split())
