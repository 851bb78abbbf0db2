"""The fields of a row: read with their type, or refused with the place of the fault.

Messages name places, types and counts, never the row's text.
"""

import difflib
import math
from collections.abc import Iterable, Mapping

from pen_backend.records.example import bad

_KINDS = {"dict": "an object", "list": "a list", "str": "a text", "bool": "a truth value", "NoneType": "nothing"}
_LONGEST_NAME = 30
LARGEST_WEIGHT = 1e9
"""Weights are 32-bit numbers where they meet losses; those far above or below would leave them."""


def text_of(row: Mapping[str, object], key: str, where: str, around: str = "") -> str:
    """Return a text; DataError if the key is missing or holds something else. AROUND is the pointer to ROW."""
    value = row.get(key)
    if isinstance(value, str):
        return value
    if key not in row:
        near = [name for name in row if difflib.get_close_matches(name.strip(" :").lower(), [key], 1, 0.75)]
        raise bad("no-data", f"there is no '{key}' key" + (f", but {quoted(near[0])}" if near else ""), where=where,
                  pointer=around, hint=f"write '{key}'" if near else f"add '{key}' to the row")
    raise bad("text-list-type", f"{key} must be a text, found {kind_of(value)}", where=where,
              pointer=f"{around}/{key}", hint="put the text into quotes")


def weight_of(value: object, name: str, where: str, pointer: str) -> float:
    """Return a loss weight: a finite number >= 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad("weights-value", f"{name} must be a number, found {kind_of(value)}", where=where, pointer=pointer,
                  hint="a weight is a finite number >= 0")
    if not (math.isfinite(value) and value >= 0):
        raise bad("weights-value", f"{name} is {value}", where=where, pointer=pointer,
                  hint="a weight is a finite number >= 0")
    if value and not 1 / LARGEST_WEIGHT <= value <= LARGEST_WEIGHT:
        raise bad("weights-value", f"{name} is {value:.6g}", where=where, pointer=pointer,
                  hint=f"a weight that is not 0 is a number from {1 / LARGEST_WEIGHT:g} to {LARGEST_WEIGHT:g}")
    return float(value)


def refuse_unknown(row: Mapping[str, object], known: Iterable[str], code: str, thing: str, where: str,
                   around: str) -> None:
    """Refuse a key that THING does not take, and name the nearest one that it does."""
    known = tuple(known)
    for key in row:
        if key not in known:
            near = difflib.get_close_matches(key.strip(" :"), known, 1)
            raise bad(code, f"unknown key {quoted(key)} in {thing}", where=where, pointer=pointer_to(around, key),
                      hint=f"did you mean '{near[0]}'?" if near else f"it takes {', '.join(known)}")


def pointer_to(around: str, key: str | int) -> str:
    """Extend a JSON pointer (RFC 6901); a key that is too long to be shown is cut."""
    return f"{around}/{str(key)[:_LONGEST_NAME].replace('~', '~0').replace('/', '~1')}"


def kind_of(value: object) -> str:
    """Say what a JSON value is."""
    return _KINDS.get(type(value).__name__, "a number")


def quoted(key: str) -> str:
    """Put a key into quotes, cut if it is long."""
    return f"'{key[:_LONGEST_NAME]}…'" if len(key) > _LONGEST_NAME else f"'{key}'"
