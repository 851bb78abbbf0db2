"""Secret values that never print, and the filters that keep them out of logs, errors and child processes.

A key travels as a `Secret`; `reveal()` is called where it is sent or compared, and nowhere else. What people write is
no secret, but no log's business either: it is mentioned.
"""

import hashlib
import json
import logging
import re
import threading
from collections.abc import Mapping, MutableMapping
from typing import NoReturn

HIDDEN = "***"
_SHORTEST = 8  # shorter values would hide ordinary words of a log
_PATTERNS = tuple((re.compile(pattern), to) for pattern, to in (
    (r"\bsk-[A-Za-z0-9_-]{8,}", HIDDEN),
    (r"\bhf_[A-Za-z0-9]{8,}", HIDDEN),
    (r"(?i)\bbearer\s+[A-Za-z0-9._~+/=-]+", f"Bearer {HIDDEN}"),
    (r"(//)[^/\s:@]+:[^/\s@]+@", rf"\1{HIDDEN}@"),
))
_INHERITED = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "USER", "LOGNAME", "VIRTUAL_ENV")
_INHERITED_GROUPS = ("LC_", "XDG_", "PEN_", "OMP_", "CUDA_")
_WITHHELD = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")  # by their ends: PEN_MAX_TOKENS is none of them
_lock = threading.Lock()
_known: set[str] = set()


class Secret:
    """A key or token; its text appears only through `reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap VALUE and register it, so that the filter hides it wherever it turns up."""
        self._value = value
        if len(value) >= _SHORTEST:
            with _lock:
                _known.add(value)

    def reveal(self) -> str:
        """Return the text itself, to send it or to compare it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a pickle would hold the text."""
        raise TypeError("a Secret cannot be pickled")


def take(environ: MutableMapping[str, str], *names: str) -> Secret | None:
    """Remove the first of NAMES that ENVIRON has and return it; children then cannot inherit any of them."""
    values = [environ.pop(name, "") for name in names]
    found = next((value for value in values if value), None)
    return Secret(found) if found else None


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Choose what a process that pen starts may know of ENVIRON; no key or token is among it, whatever its prefix."""
    return {name: value for name, value in environ.items()
            if (name in _INHERITED or name.startswith(_INHERITED_GROUPS)) and not name.upper().endswith(_WITHHELD)}


def redact(text: str) -> str:
    """Hide every registered secret in TEXT, and whatever looks like a key."""
    with _lock:
        known = sorted(_known, key=len, reverse=True)
    for value in known:
        text = text.replace(value, HIDDEN)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def mention(text: str, *, whole: bool = False) -> str:
    """Write a user's text for a log: how long it is and how its sha256 begins; all of it only if they want it WHOLE."""
    if whole:
        return json.dumps(text, ensure_ascii=False)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{len(text):,} characters, sha256 {digest[:12]}…"


class Redaction(logging.Filter):
    """A handler's filter that hides secrets in every record, its arguments and its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite RECORD in place; it is always let through."""
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True
