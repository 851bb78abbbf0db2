"""Training sets on disk: the directory of a build, or a file of rows in any dialect."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pen_backend.dataset.record import SIDES, Side
from pen_backend.errors import DataError, Finding, NotFoundError
from pen_backend.files import instead_of_file
from pen_backend.records import Example, read_lines


def newest(path: Path) -> Path:
    """Return the directory of a build where PATH is one where builds are, else PATH."""
    latest = path / "latest"
    return latest.resolve() if not any(_of(path, side) for side in SIDES) and latest.is_dir() else path


def files_of(path: Path) -> dict[Side, list[Path]]:
    """Return the files of each side; a file by itself is trained on.

    NotFoundError if there is nothing at PATH that could be read, DataError if a directory holds no training set.
    """
    if not path.is_dir():
        if not path.exists():
            raise absent(path)
        if odd := instead_of_file(path):
            raise NotFoundError(f"{path.name} {odd}.", where=str(path),
                                hint="Name a training file or a build's directory.")
        return {"train": [path], "valid": []}
    found = {side: _of(path, side) for side in SIDES}
    if not any(found.values()):
        raise DataError(f"{path} holds no training set: there is no train.jsonl.", where=str(path),
                        hint="Name a training file or a build's directory.")
    return found


def absent(path: Path) -> NotFoundError:
    """Say that nothing stands where a training set should."""
    return NotFoundError(f"{path.name} does not exist.", where=str(path),
                         hint="Name a training file, or a build's directory or id.")


def examples(files: Iterable[Path]) -> Iterator[Example]:
    """Read the rows of files; DataError names the first that is none."""
    for file in files:
        try:
            with file.open("rb") as stream:
                for row in read_lines(stream, source=file.name):
                    if isinstance(row, Finding):
                        raise DataError(row.message, where=row.where, hint=row.hint, findings=[row])
                    yield row[2]
        except OSError as error:
            raise DataError(f"{file.name} cannot be read: {error.strerror}.", where=str(file)) from error


def _of(directory: Path, side: Side) -> list[Path]:
    """List the files of a side: one, or numbered shards."""
    return sorted([*directory.glob(f"{side}.jsonl"), *directory.glob(f"{side}-[0-9]*.jsonl")])
