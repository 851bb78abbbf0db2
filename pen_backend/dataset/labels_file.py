"""The file of a definition's labels, which only grows."""

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pen_backend.dataset.classes import LIMIT
from pen_backend.dataset.output import disk_error
from pen_backend.errors import TooLargeError
from pen_backend.files import Disk, locked, write_atomic
from pen_backend.prompts.classes import read_labels
from pen_backend.prompts.definition import Definition


def with_new_labels(definition: Definition, labels: Iterable[str], disk: Disk) -> Definition:
    """Append labels that the definition's `labels-file` lacks, in the order they come, and return it with all of them.

    Lines that are there stay, so that numbers never move when data grows.
    """
    path, classes = definition.labels_path, definition.class_map
    if path is None or classes is None:
        return definition
    found = dict.fromkeys(label for label in labels if label and label.splitlines() == [label])
    if len(found) > LIMIT:
        raise TooLargeError(f"There are more than {LIMIT:,} different labels.", where=definition.where("classes"),
                            hint="Is the right variable the label?")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.parent):
            known = dict.fromkeys(read_labels(path))
            new = [label for label in found if label not in known]
            if new:
                _append(path, new, disk)
    except OSError as error:
        raise disk_error(error, path) from error
    return definition.with_classes(replace(classes, labels=(*known, *new)))


def _append(path: Path, labels: Iterable[str], disk: Disk) -> None:
    old, mode = b"", 0o644  # it is a part of the project, which others read
    with contextlib.suppress(FileNotFoundError):
        old, mode = path.read_bytes(), path.stat().st_mode & 0o777
    end = b"" if not old or old.endswith(b"\n") else b"\n"
    write_atomic(path, old + end + "".join(f"{label}\n" for label in labels).encode(), disk)
    path.chmod(mode)
