"""A key that stands twice in one JSON object: every parser takes the last one, and nobody is told.

Looked for in texts that have been parsed; in nearly all of them counting shows that no key is repeated.
"""

import re
from dataclasses import dataclass, field

import orjson

from pen_backend.records.fields import pointer_to

_KEY_END = re.compile(rb'"[ \t\r\n]*+:')  # of every key, and of the text `say ":` too
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\],]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A repeated key: itself, the JSON pointer to it, and where its second place begins, in bytes."""

    key: str
    pointer: str
    offset: int


@dataclass(slots=True)
class _Level:
    """An object with its keys, or an array; `at` is the key or the index that the scan is in."""

    keys: set[str] | None
    at: str | int = 0
    expects_key: bool = field(default=False)


def repeat_in(raw: bytes, value: object) -> Repeat | None:
    """Find the first repeated key of a text that parses to VALUE; None if there is none.

    No key end is missed by counting colons, or quotes before colons; what else they count only costs a look.

    >>> repeat_in(b'{"a": 1, "b": [{"c": 2, "c": 3}]}', {"a": 1, "b": [{"c": 3}]})
    Repeat(key='c', pointer='/b/0/c', offset=24)
    """
    if type(value) is dict and raw.count(b":") == len(value):  # so are most records: 200 ns
        return None
    if type(value) is not dict and type(value) is not list:
        return None
    return None if len(_KEY_END.findall(raw)) == _count(value) else _scan(raw)


def _count(value: object) -> int:
    """Count the keys of all objects in a value; not by recursion, since JSON may be as deep as the stack."""
    count, waiting = 0, [value]
    while waiting:
        inner = waiting.pop()
        if type(inner) is dict:
            count += len(inner)
            waiting += [each for each in inner.values() if type(each) is dict or type(each) is list]
        elif type(inner) is list:
            waiting += [each for each in inner if type(each) is dict or type(each) is list]
    return count


def _scan(raw: bytes) -> Repeat | None:
    levels: list[_Level] = []
    for found in _TOKEN.finditer(raw):
        sign = found[0]
        if sign == b"{":
            levels.append(_Level(set(), expects_key=True))
        elif sign == b"[":
            levels.append(_Level(None))
        elif sign in (b"}", b"]"):
            levels.pop()
        elif sign == b",":
            level = levels[-1]
            if level.keys is None:
                level.at = int(level.at) + 1
            else:
                level.expects_key = True
        elif levels and (level := levels[-1]).keys is not None and level.expects_key:
            level.at = key = str(orjson.loads(sign))
            level.expects_key = False
            if key in level.keys:
                return Repeat(key, _pointer(levels), found.start())
            level.keys.add(key)
    return None


def _pointer(levels: list[_Level]) -> str:
    pointer = ""
    for level in levels:
        pointer = pointer_to(pointer, level.at)
    return pointer
