"""Changes that somebody made to single records by hand: left out, put on a side, or written anew.

They are laid over what was read and cleaned, so that the sources stay as they are. A record is named by its text, not
by its place: a line that is added above it changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from pen_backend.dataset.items import Hide, Reject, Wanted, emptiness, example_item, plain_text, text_of
from pen_backend.dataset.keys import bytes_key
from pen_backend.dataset.record import SIDES, Item, Side, place
from pen_backend.dataset.report import Member
from pen_backend.errors import BadParamsError, Finding
from pen_backend.words import count


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to be done with the record whose text has KEY; TEXTS are new ones for all its parts, none: as it is."""

    key: str
    exclude: bool = False
    side: Side | None = None
    texts: tuple[str, ...] = ()


class Edits:
    """The changes of one build, and which of them have found their record."""

    def __init__(self, edits: Iterable[Edit] = ()) -> None:
        self._by_key: dict[str, Edit] = {}
        self._used: set[str] = set()
        self._keys: dict[str, str] = {}  # of the texts as they are now: the keys they had
        for one in edits:
            if one.key in self._by_key:
                raise BadParamsError(f"The record {one.key} is changed twice.", hint="Give each record one change.")
            if not (one.exclude or one.side or one.texts):
                raise BadParamsError(f"The change of the record {one.key} changes nothing.",
                                     hint="Leave it out, put it on a side, or give its texts.")
            if one.side not in (None, *SIDES):
                raise BadParamsError(f"There is no side '{one.side}'.", hint=f"There are {' and '.join(SIDES)}.")
            self._by_key[one.key] = one

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self._by_key)

    @property
    def changes_texts(self) -> bool:
        """Say whether a text is not what the steps have compared."""
        return any(one.texts for one in self._by_key.values())

    @property
    def identity(self) -> list[object]:
        """What they contribute to the name of a build."""
        return [[one.key, one.exclude, one.side, list(one.texts)] for _, one in sorted(self._by_key.items())]

    def apply(self, items: Iterable[Item], want: Wanted, reject: Reject, hide: Hide | None) -> Iterator[Item]:
        """Pass items on as they are now; HIDE anonymises what was written anew, too."""
        for item in items:
            key = key_of(item)
            edit = self._by_key.get(key)
            if edit is None or (edit.texts and len(edit.texts) != len(parts_of(item, want))):
                yield item
                continue
            self._used.add(key)
            if edit.exclude:
                reject(item.reject("excluded", "it was left out by hand"))
                continue
            changed = _changed(item, edit, want)
            if edit.texts and hide is not None:
                changed = hide(changed, want)
            self._keys[key_of(changed)] = key
            if refused := emptiness(changed, want):
                reject(refused)
            else:
                yield changed

    def member(self, item: Item, want: Wanted) -> Member:
        """Describe an item as one that can be changed again: by the key that it had before."""
        key = key_of(item)
        return Member(self._keys.get(key, key), place(item.origin), parts_of(item, want))

    def findings(self) -> Iterator[Finding]:
        """Say what was done, and which changes nothing answers to."""
        done = [self._by_key[key] for key in sorted(self._used)]
        kinds = {"left out": sum(one.exclude for one in done),
                 "put on a side": sum(bool(one.side) and not one.texts and not one.exclude for one in done),
                 "rewritten": sum(bool(one.texts) and not one.exclude for one in done)}
        if done:
            said = ", ".join(f"{number} {kind}" for kind, number in kinds.items() if number)
            yield Finding("by-hand", f"{count(len(done), 'record')} changed by hand: {said}", level="note")
        if stale := len(self._by_key) - len(done):
            fits = "fits" if stale == 1 else "fit"
            yield Finding("by-hand", f"{count(stale, 'change')} made by hand {fits} no record any more",
                          level="warning", hint="take it back, or make it again")

    def to_manifest(self) -> list[Mapping[str, object]]:
        """Write them without any text."""
        return [{"key": one.key, "exclude": one.exclude, "side": one.side,
                 "texts_sha256": sha256("\0".join(one.texts).encode("utf-8", "surrogatepass")).hexdigest()
                 if one.texts else None, "used": one.key in self._used} for _, one in sorted(self._by_key.items())]


def key_of(item: Item) -> str:
    """Name an item by its text, as 16 hex digits."""
    return bytes_key(item.text)[:8].hex()


def parts_of(item: Item, want: Wanted) -> tuple[tuple[str, str], ...]:
    """Return the texts of an item that can be written anew, each with its name; a list's entries are its lines."""
    if item.example is not None:
        return tuple((one.role or f"text {number}", one.text) for number, one in enumerate(item.example.segments, 1))
    return tuple((name, _written(item.fields[name])) for name in want.texts if name in item.fields)


def _written(value: object) -> str:
    return "\n".join(map(plain_text, value)) if isinstance(value, list | tuple) else plain_text(value)


def _changed(item: Item, edit: Edit, want: Wanted) -> Item:
    side = edit.side or item.side
    if not edit.texts:
        return replace(item, side=side)
    if item.example is not None:
        old = item.example
        segments = tuple(one._replace(text=text) for one, text in zip(old.segments, edit.texts, strict=True))
        return example_item(old._replace(segments=segments), side)
    names: Sequence[str] = [name for name in want.texts if name in item.fields]
    fields = {**item.fields, **{name: _read(item.fields[name], text)
                                for name, text in zip(names, edit.texts, strict=True)}}
    return Item(text_of(fields, want), fields, item.origin, side, item.weights)


def _read(old: object, text: str) -> object:
    """Read what was written for a value, as the kind of value it was."""
    return [line for line in text.split("\n") if line.strip()] if isinstance(old, list | tuple) else text
