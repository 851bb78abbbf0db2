"""Hash texts, as they are or by their letters and digits alone; the same in every process, as Python's hash is not."""

import re
from hashlib import blake2b

_OTHER = re.compile(r"[\W_]+")
_OTHER_ASCII = bytes(sign for sign in range(128) if not chr(sign).isalnum())
_LOWER = bytes(range(256)).lower()


def folded(text: str) -> bytes:
    """Reduce a text to its letters and digits, case-folded; a text without any is compared as it is."""
    if text.isascii():
        return text.encode().translate(_LOWER, _OTHER_ASCII) or text.encode()
    return (_OTHER.sub("", text.casefold()) or text).encode("utf-8", "surrogatepass")


def folded_key(text: str) -> bytes:
    """Hash what `folded` leaves of a text."""
    return blake2b(folded(text), digest_size=16).digest()


def bytes_key(text: str) -> bytes:
    """Hash a text as it is."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def split_key(text: str) -> int:
    """Hash a text for the split, which holds the keys of all texts: the first half of the hash, as a number."""
    return int.from_bytes(bytes_key(text)[:8], "big")
