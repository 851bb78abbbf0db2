"""Drop equal and nearly equal records; of each group the first stays, or the one with the largest field."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b

from pen_backend.dataset.items import Reject
from pen_backend.dataset.near import Shingles, clusters, pairs
from pen_backend.dataset.record import Item, Pulse, place
from pen_backend.prompts.training import Dedupe

_OTHER = re.compile(r"[\W_]+")
_OTHER_ASCII = bytes(sign for sign in range(128) if not chr(sign).isalnum())


def exact(items: Iterable[Item], spec: Dedupe, reject: Reject) -> Iterator[Item]:
    """Drop items equal to another one, by letters and digits alone (`casefold`) or to the byte."""
    key = folded_key if spec.exact == "casefold" else bytes_key
    if spec.keep is None:
        seen: set[bytes] = set()
        for item in items:
            if (digest := key(item.text)) in seen:
                reject(item.reject("duplicate", "the same text stands in an earlier record"))
            else:
                seen.add(digest)
                yield item
        return
    every = list(items)
    first: dict[bytes, int] = {}
    groups = [first.setdefault(key(item.text), index) for index, item in enumerate(every)]
    yield from _best(every, groups, spec, reject, "duplicate")


def nearly(items: Iterable[Item], spec: Dedupe, reject: Reject, pulse: Pulse) -> Iterator[Item]:
    """Drop items nearly equal to another one; a chain of them is one group."""
    every = list(items)
    groups = near_groups([item.text for item in every], spec.near or 1.0, pulse)
    yield from _best(every, groups, spec, reject, "near-duplicate")


def near_groups(texts: Sequence[str], threshold: float, pulse: Pulse) -> list[int]:
    """Return the first member of each text's cluster of nearly equal texts."""
    shingles = Shingles(texts, lambda done: pulse.beat("texts compared", done, len(texts)))
    found = pairs(shingles, threshold, lambda done: pulse.beat("texts compared", done, len(texts)))
    return clusters(len(texts), found)


def folded_key(text: str) -> bytes:
    """Hash what `folded` leaves of a text."""
    return blake2b(folded(text), digest_size=16).digest()


def folded(text: str) -> bytes:
    """Reduce a text to its letters and digits, case-folded; a text without any is compared as it is."""
    if text.isascii():
        return text.lower().encode().translate(None, _OTHER_ASCII) or text.encode()
    return (_OTHER.sub("", text.casefold()) or text).encode("utf-8", "surrogatepass")


def bytes_key(text: str) -> bytes:
    """Hash a text as it is."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _best(every: Sequence[Item], groups: Sequence[int], spec: Dedupe, reject: Reject, code: str) -> Iterator[Item]:
    """Keep one item of each group, in input order."""
    kept = dict.fromkeys(groups)
    if spec.keep is None:
        best = {group: group for group in kept}
    else:
        number = _number_of(spec.keep.max)
        best = {}
        for index, group in enumerate(groups):
            if group not in best or number(every[index]) > number(every[best[group]]):
                best[group] = index
    for index, item in enumerate(every):
        winner = best[groups[index]]
        if winner == index:
            yield item
        else:
            how = "the same text as" if code == "duplicate" else "nearly the same text as"
            reject(item.reject(code, f"{how} the record at {place(every[winner].origin)}"))


def _number_of(field: str) -> Callable[[Item], float]:
    def number(item: Item) -> float:
        value = item.fields.get(field)
        return float(value) if isinstance(value, int | float) else float("-inf")

    return number
