"""Identifiers: random for new objects, derived for what may be seen twice; looked up, never part of a path."""

import hashlib
import re
import secrets
import string

ALPHABET = string.digits + string.ascii_letters
LENGTH = 24
PATTERN = re.compile(r"^(file-|ftjob-|ftevent-|ftckpt_)[A-Za-z0-9]{24}\Z")


def random_text(length: int = LENGTH) -> str:
    """Draw letters and digits nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def new_id(prefix: str) -> str:
    """Make a fresh identifier such as `ftjob-…`."""
    return prefix + random_text()


def derived_id(prefix: str, *parts: object, length: int = LENGTH) -> str:
    """Make the identifier that belongs to PARTS: equal parts, equal identifier."""
    number = int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest(), "big")
    letters = []
    for _ in range(length):
        number, rest = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[rest])
    return prefix + "".join(letters)
