"""What org headings say of themselves: level, keyword, tags, properties, and their text.

orgparse reads keywords, tags and properties, line by line: its nodes are large and slow to make, a file can have a
hundred thousand headings, and a date that does not exist, wherever it stands, stops all of it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import orgparse
from orgparse.node import parse_heading_tags, parse_property

from pen_backend.dataset.sources.org_body import unlinked

_HEADING = re.compile(r"\*+ ")
_KEYWORD = re.compile(r"#\+(?:todo|seq_todo|typ_todo|filetags|property):", re.IGNORECASE)
_PROPERTY = re.compile(r"[ \t]*:(?!effort:)[^\s:]+:", re.IGNORECASE)
_PRIORITY = re.compile(r"\A\s*\[#[A-Z0-9]\] ?")
_LONG = 400  # characters of a heading's tags, or of a line with a property
_NO_TAGS: frozenset[str] = frozenset()
NO_PROPERTIES: dict[str, str] = {}  # of most headings; never changed


@dataclass(slots=True)  # not frozen, which would double what one costs
class Heading:
    """What a heading says of itself."""

    level: int
    text: str
    tags: frozenset[str]
    todo: str | None
    properties: Mapping[str, str]


def headings(lines: Sequence[str]) -> tuple[frozenset[str], list[int], Iterator[Heading]]:
    """Return the file's tags, the lines of its headings, from 1, and the headings."""
    keywords: list[str] = []
    starts: list[int] = []
    below: dict[int, list[str]] = {}  # by a heading's line the lines of its properties
    for number, line in enumerate(lines, 1):
        sign = line[:1]
        if sign == "*":
            if _HEADING.match(line):
                starts.append(number)
        elif sign == "#":
            if len(line) <= _LONG and _KEYWORD.match(line):
                keywords.append(line)
        elif (sign == ":" or sign.isspace()) and starts and len(line) <= _LONG and _PROPERTY.match(line):
            below.setdefault(starts[-1], []).append(line)
    file = orgparse.loadi(keywords)
    known = frozenset(file.env.all_todo_keys)
    found = (_heading(lines[number - 1], known, _properties(below[number]) if number in below else NO_PROPERTIES)
             for number in starts)
    return frozenset(file.tags), starts, found


def _heading(line: str, keywords: Set[str], properties: Mapping[str, str]) -> Heading:
    level = len(line) - len(line.lstrip("*"))
    text, tags, todo = line[level:].strip(), _NO_TAGS, None
    if text.endswith(":"):
        text, tags = _tags(text)
    first, _, behind = text.partition(" ")
    if first in keywords:
        todo, text = first, behind
    if "[#" in text:
        text = _PRIORITY.sub("", text, count=1)
    return Heading(level, unlinked(text).strip(), tags, todo, properties)


def _tags(text: str) -> tuple[str, frozenset[str]]:
    """Take the tags off a heading's end; they are its last word or the end of it."""
    at = text.rfind(" ") + 1
    if len(text) - at > _LONG:  # orgparse's pattern begins again at each of its colons
        return text, _NO_TAGS
    rest, tags = parse_heading_tags(text[at:])
    return (text[:at] + rest).rstrip(), frozenset(tags)


def _properties(lines: Iterable[str]) -> Mapping[str, str]:
    """Read a heading's drawer of properties."""
    found: dict[str, str] = {}
    inside = False
    for line in lines:
        if not inside:
            inside = ":PROPERTIES:" in line.upper()
        elif ":END:" in line.upper():
            break
        else:
            key, value = parse_property(line)
            if key:
                found[key.upper()] = str(value)
    return found
