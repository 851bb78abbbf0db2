"""How two training sets differ: in what they were made from and how, and in their rows."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pen_backend.dataset.manifest import read_manifest
from pen_backend.dataset.published import files_of
from pen_backend.dataset.record import SIDES, Side
from pen_backend.errors import DataError
from pen_backend.words import count

_COMPARED = ("version", "prompt", "seed", "anonymised", "tokenizer", "format", "format_hash", "classes", "definition",
             "counts")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs; None where it is not there at all."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs, and how many rows are the same, came, went and changed sides."""

    changes: tuple[Change, ...]
    same: int
    added: int
    removed: int
    moved: int

    @property
    def is_empty(self) -> bool:
        """Say whether both hold the same, made in the same way."""
        return not (self.changes or self.added or self.removed or self.moved)


def differences(before: Path, after: Path) -> Difference:
    """Compare two builds, or files of rows; of builds also their manifests."""
    old, new = read_manifest(before), read_manifest(after)
    changes = tuple(_changes(old, new)) if old is not None and new is not None else ()
    rows = [{side: _rows(files) for side, files in files_of(path).items()} for path in (before, after)]
    went: dict[Side, Counter[bytes]] = {side: rows[0][side] - rows[1][side] for side in SIDES}
    came: dict[Side, Counter[bytes]] = {side: rows[1][side] - rows[0][side] for side in SIDES}
    same = sum((rows[0][side] & rows[1][side]).total() for side in SIDES)
    moved = (went["train"] & came["valid"]).total() + (went["valid"] & came["train"]).total()
    return Difference(changes, same, sum(each.total() for each in came.values()) - moved,
                      sum(each.total() for each in went.values()) - moved, moved)


def _changes(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Change]:
    old, new = ({**dict(_flat("", {name: each.get(name) for name in _COMPARED})), **dict(_sources(each))}
                for each in (before, after))
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Change(name, old.get(name), new.get(name))


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each value."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
        for number, inner in enumerate(value, 1):
            yield from _flat(f"{name}.{number}", inner)
    elif value is not None:
        yield name, str(value)


def _sources(manifest: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    sources = manifest.get("sources")
    for one in sources if isinstance(sources, list) else ():
        yield f"source {one['path']}", f"{count(one['records'], 'record')}, sha256 {str(one['sha256'])[:12]}"


def _rows(files: Iterable[Path]) -> "Counter[bytes]":
    """Count equal lines by their hashes."""
    found: Counter[bytes] = Counter()
    for file in files:
        try:
            with file.open("rb") as stream:
                found.update(hashlib.blake2b(line.rstrip(b"\r\n"), digest_size=12).digest() for line in stream)
        except OSError as error:
            raise DataError(f"{file.name} cannot be read: {error.strerror}.", where=str(file)) from error
    return found
