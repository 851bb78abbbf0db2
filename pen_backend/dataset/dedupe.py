"""Drop equal and nearly equal records; of each group the first stays, or the one with the largest field."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing

from pen_backend.dataset.filters import number_in
from pen_backend.dataset.items import Reject
from pen_backend.dataset.keys import bytes_key, folded_key
from pen_backend.dataset.near import Shingles, clusters, matches, pairs
from pen_backend.dataset.nearness import Nearness
from pen_backend.dataset.record import Item, Pulse, place
from pen_backend.dataset.spool import Spool
from pen_backend.prompts.training import Dedupe


def exact(items: Iterable[Item], spec: Dedupe, reject: Reject, spool: Callable[[], Spool] = Spool) -> Iterator[Item]:
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
    first: dict[bytes, int] = {}
    with closing(spool()) as every:
        groups = array("I", (first.setdefault(key(item.text), index)
                             for index, item in enumerate(every.through(items))))
        first.clear()
        yield from _best(every, groups, spec, reject, "duplicate")


def nearly(items: Iterable[Item], spec: Dedupe, reject: Reject, pulse: Pulse, spool: Callable[[], Spool] = Spool,
           nearness: Nearness | None = None) -> Iterator[Item]:
    """Drop items nearly equal to another one; a chain of them is one group. NEARNESS remembers who else was near."""
    threshold = spec.near or 1.0
    remembered = nearness or Nearness(1.0)
    remembered.begin()
    with closing(spool()) as every:
        groups = _near_groups(every, items, threshold, remembered, pulse)
        remembered.end(every)
        yield from _best(every, groups, spec, reject, "near-duplicate")


def _near_groups(every: Spool, items: Iterable[Item], threshold: float, remembered: Nearness,
                 pulse: Pulse) -> Sequence[int]:
    """Put items into EVERY, and name the cluster of each by its first member."""
    shingles = Shingles((item.likeness for item in every.through(items)), _beat(pulse))

    def near() -> Iterator[tuple[int, int]]:
        for one, two, similarity in matches(shingles, min(threshold, remembered.least), _beat(pulse, len(every))):
            if similarity >= threshold:
                yield one, two
            else:
                remembered.add(one, two)

    return clusters(len(every), near())


def near_links(items: Iterable[Item], threshold: float, pulse: Pulse) -> Iterator[tuple[int, int]]:
    """Yield every pair of items whose texts are nearly equal, by their numbers."""
    shingles = Shingles((item.likeness for item in items), _beat(pulse))
    return pairs(shingles, threshold, _beat(pulse, len(shingles)))


def _beat(pulse: Pulse, total: int | None = None) -> Callable[[int], None]:
    return lambda done: pulse.beat("texts compared", done, total)


def _best(every: Sequence[Item], groups: Sequence[int], spec: Dedupe, reject: Reject, code: str) -> Iterator[Item]:
    """Keep one item of each group, in input order."""
    best = groups if spec.keep is None else _largest(every, groups, _number_of(spec.keep.max))
    winners = {best[group] for index, group in enumerate(groups) if best[group] != index}
    places: dict[int, str] = {}
    how = "the same text as" if code == "duplicate" else "nearly the same text as"
    for index, item in enumerate(every):
        winner = best[groups[index]]
        if index in winners:
            places[index] = place(item.origin)
        if winner == index:
            yield item
        else:
            where = places.get(winner) or place(every[winner].origin)
            reject(item.reject(code, f"{how} the record at {where}"))


def _largest(every: Iterable[Item], groups: Sequence[int], number: Callable[[Item], float]) -> Sequence[int]:
    """Return the item with the largest field of each group, at the group's name, its first member."""
    numbers = array("d", map(number, every))
    best = array("I", range(len(groups)))
    for index, group in enumerate(groups):
        if numbers[index] > numbers[best[group]]:
            best[group] = index
    return best


def _number_of(field: str) -> Callable[[Item], float]:
    def number(item: Item) -> float:
        value = number_in(item.fields.get(field))
        return float("-inf") if value is None else value

    return number
