"""Identifiers: random for new objects, derived for what may be seen twice; looked up, never part of a path."""

import hashlib
import re
import secrets
import string
import time

ALPHABET = string.digits + string.ascii_letters
LENGTH = 24
SNAPSHOT = re.compile(r"(?P<base>[^:/]+):\d{4}-\d\d-\d\d\.snap-(?P<id>[A-Za-z0-9]{24})")
PATTERN = re.compile(r"^(file-|ftjob-|ftevent-|ftckpt_)[A-Za-z0-9]{24}\Z")


def random_text(length: int = LENGTH) -> str:
    """Draw letters and digits nobody can guess."""
    return _letters(secrets.randbits(6 * length + 64), length)


def new_id(prefix: str) -> str:
    """Make a fresh identifier such as `ftjob-…`."""
    return prefix + random_text()


def derived_id(prefix: str, *parts: object, length: int = LENGTH) -> str:
    """Make the identifier that belongs to PARTS: equal parts, equal identifier."""
    number = int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest(), "big")
    return prefix + _letters(number, length)


def _letters(number: int, length: int) -> str:
    """Write the last digits of a number that has many more of them."""
    letters = []
    for _ in range(length):
        number, rest = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[rest])
    return "".join(letters)


def snapshot_alias(model: str, checkpoint_id: str, created_at: int) -> str:
    """Name a public checkpoint in the way of `openai-ft`, as ada:2020-05-03.snap-… was named."""
    base = model.split(":")[1] if model.startswith("ft:") else model
    day = time.strftime("%Y-%m-%d", time.gmtime(created_at))
    return f"{base}:{day}.snap-{checkpoint_id.removeprefix('ftckpt_')}"


def checkpoint_of_alias(name: str) -> str | None:
    """Return the id of the checkpoint that a name of that form stands for; None if it has another form."""
    found = SNAPSHOT.fullmatch(name)
    return f"ftckpt_{found['id']}" if found else None
