"""What pen.el's shell pipelines and Lisp expressions become: looked up whole, in tables; nothing is parsed or run."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from pen_backend.prompts import filters
from pen_backend.prompts.filters import Filter
from pen_backend.prompts.variables import From

_SHOWN = 100  # characters of a filter that a message quotes
_ITEMS = r"sed '/^- /s/- //p' | sed '/^-/d'"
_WORDS = r"sed -n '/^[a-zA-Z0-9 _-]\+$/p'"

PIPELINES: Mapping[str, tuple[object, ...]] = {
    **dict.fromkeys(("cat", "awk 1", "awk1"), ()),
    **dict.fromkeys(("uniqnosort", "awk '!seen[$0]++'", "awk '!a[$0]++'", "uniq | uniqnosort"), ("uniq",)),
    "sed 's/- //' | uniqnosort": ("unbullet", "uniq"),
    "sed 's/^- //' | uniqnosort": ("unbullet", "uniq"),
    **dict.fromkeys(("sed 's/- //'", "sed 's/^- //'"), ("unbullet",)),
    f"{_ITEMS} | uniqnosort": ("unbullet", "uniq"),
    f"{_ITEMS} | {_WORDS} | uniqnosort": ("unbullet", "plain-lines", "uniq"),
    f"head -n 30 | {_ITEMS} | {_WORDS} | uniqnosort": ({"first": 30}, "unbullet", "plain-lines", "uniq"),
    **{f"head -n {count}": ({"first": count},) for count in (1, 2, 3, 5, 10, 20, 30, 50, 100)},
    **{f"head -{count}": ({"first": count},) for count in (1, 2, 3, 5, 10, 20, 30, 50, 100)},
    **{f"pen-s join {quote}{text}{quote}": ({"join": text},)
       for text in ("", " ", ",", ", ", ";", "; ", " and ") for quote in "'\""},
    r"sed 's/\s\+/ /g' | pen-s join ' '": ("squeeze", {"join": " "}),
    **dict.fromkeys((r"sed 's/\s\+/ /g'", "sed 's/ +/ /g'", r"sed 's/ \+/ /g'", "tr -s ' '"), ("squeeze",)),
    r"sed 's/,/\n/g'": ({"split": ","},),
    r"sed 's/, /\n/g'": ({"split": ", "},),
    "sed 's/^Output: //'": ({"strip-prefix": "Output: "},),
    **dict.fromkeys(("tr '[:lower:]' '[:upper:]'", "tr a-z A-Z", "tr 'a-z' 'A-Z'"), ("upcase",)),
    **dict.fromkeys(("tr '[:upper:]' '[:lower:]'", "tr A-Z a-z", "tr 'A-Z' 'a-z'"), ("downcase",)),
    "pen-c ascify": ("ascii",),
    **dict.fromkeys(("pen-pretty-paragraph", "fmt", "fold -s"), ("fill",)),
    **dict.fromkeys((r"tr '\n' ' '", r"sed -z 's/\n/ /g'", "paste -sd ' '"), ("one-line",)),
    **dict.fromkeys(("chomp", "pen-s chomp"), ("strip",)),
}

# Signs in a pipeline that tell which built-in its author may have wanted. They choose words of a hint, nothing else.
_MEANT: Mapping[str, str] = {
    "uniq": "uniq", "- //": "unbullet", "join": "{join: TEXT}", "head": "{first: NUMBER}", "upper": "upcase",
    "lower": "downcase", "asci": "ascii", "pretty": "fill", "fmt": "fill", "fold": "fill", r"\n/\\n": "one-line",
    "clean": "strip", r"\s\+$": "strip", r"\s\+/ ": "squeeze", "^ *": "lines", r"/\n/g": "{split: TEXT}",
    "a-zA-Z": "plain-lines",
}

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
    known = (text,) if text in filters.NAMES else PIPELINES.get(text)
    if known is not None:
        return filters.read(list(known))
    named = f"the filter `{text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}`"
    if text.startswith("pf-"):
        return Refusal(f"{named} is another prompt, and filters run no prompts",
                       "run that prompt first and give its answer as the value, or run this one with without-filters")
    if text.startswith("("):
        return Refusal(f"{named} is elisp, which pen does not run", _built_in())
    meant = sorted((text.index(sign), name) for sign, name in _MEANT.items() if sign in text)
    return Refusal(f"{named} is shell, which pen does not run", _built_in(name for _, name in meant))


def _built_in(names: Iterable[str] = ()) -> str:
    wanted = ", ".join(dict.fromkeys(names))
    write = f"write [{wanted}]" if wanted else f"write one of {filters.BUILT_IN}"
    return f"{write} instead, or run it with without-filters"


def _collapsed(text: str) -> str:
    return " ".join(text.split())
