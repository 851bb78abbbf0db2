"""The items that stay: their texts on disk, and in memory a few bytes of each, by which the split decides."""

from array import array
from collections.abc import Callable
from pathlib import Path

from pen_backend.dataset.examples import group_of
from pen_backend.dataset.keys import folded_key, split_key
from pen_backend.dataset.record import SIDES, Item
from pen_backend.dataset.split import ANY
from pen_backend.dataset.spool import Spool
from pen_backend.files import Disk
from pen_backend.prompts.training import TrainingSpec

_BUNDLED = 8  # items that are packed together where bundles take them out of order


class Kept:
    """The items of a build, in the order of the input; LABEL names the class of one, for `stratify`."""

    def __init__(self, spec: TrainingSpec, label: Callable[[Item], str] = lambda item: "",
                 directory: Path | None = None, disk: Disk | None = None) -> None:
        bundled = spec.example.build == "continuation"
        self.items = Spool(directory, disk, _BUNDLED) if bundled else Spool(directory, disk)
        self.keys = array("Q")
        self.wanted = bytearray()  # the sides that the sources demand
        self.finished = 0  # how many are examples that came as they are
        self.groups: list[str] | None = [] if bundled or "group" in spec.split.by else None
        self.labels: list[str] | None = [] if spec.split.stratify == "label" else None
        self.equal: list[tuple[int, int]] = []  # items with the same letters and digits
        self._example = spec.example
        self._label = label
        self._names: dict[str, str] = {}  # of groups and labels, each once
        folds = any(step.dedupe and step.dedupe.exact == "casefold" for step in spec.steps)
        self._folded: dict[bytes, int] | None = None if folds else {}

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.keys)

    def add(self, item: Item) -> None:
        """Keep an item."""
        if self._folded is not None:
            index = len(self.keys)
            if (first := self._folded.setdefault(folded_key(item.text), index)) != index:
                self.equal.append((first, index))
        if self.groups is not None:
            self.groups.append(self._once(group_of(item, self._example)))
        if self.labels is not None:
            self.labels.append(self._once(self._label(item)))
        self.keys.append(split_key(item.text))
        self.wanted.append(ANY if item.side is None else SIDES.index(item.side))
        self.finished += item.example is not None
        self.items.append(item)

    def close(self) -> None:
        """Let go of the items."""
        self.items.close()

    def _once(self, name: str) -> str:
        return self._names.setdefault(name, name)
