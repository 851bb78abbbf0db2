"""The files of a preparation, named as prepare_data named them; nothing that is there is written over."""

import contextlib
import os
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

import orjson

from pen_backend.dataset.output import Lines, disk_error
from pen_backend.dataset.prepare.found import Row
from pen_backend.files import Disk, temporary_name


def free_names(folder: Path, stem: str, suffixes: Sequence[str]) -> list[Path]:
    """Name the files STEM_prepared…jsonl; a number in brackets where one of them is there already."""
    for number in count():
        paths = [folder / f"{stem}_prepared{suffix}{_numbered(number)}.jsonl" for suffix in suffixes]
        if not any(os.path.lexists(path) for path in paths):
            return paths
    raise AssertionError("there is always a further number")


def free_definition(folder: Path, stem: str) -> Path:
    """Name the definition."""
    return next(path for number in count()
                if not os.path.lexists(path := folder / f"{stem}_prompt{_numbered(number)}.yaml"))


def _numbered(number: int) -> str:
    return f" ({number})" if number else ""


def line(row: Row) -> bytes:
    """Write a row as a line of JSON."""
    return orjson.dumps({"prompt": row.prompt, "completion": row.completion}, option=orjson.OPT_APPEND_NEWLINE)


def write(files: Iterable[tuple[Path, Iterable[bytes]]], disk: Disk) -> None:
    """Write files of lines, all or none: under other names first, then renamed."""
    made: list[tuple[Path, Path]] = []
    open_lines: list[Lines] = []
    try:
        for final, lines in files:
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary = temporary_name(final)
            disk.remove(temporary)
            made.append((temporary, final))
            open_lines.append(Lines(temporary, disk))
            for each in lines:
                open_lines[-1].write(each)
            open_lines[-1].close()
        for temporary, final in made:
            disk.publish(temporary, final)
    except OSError as error:
        raise disk_error(error, made[-1][1].parent if made else Path()) from error
    finally:
        for each_open in open_lines:
            each_open.abandon()
        for temporary, _ in made:
            with contextlib.suppress(OSError):
                temporary.unlink()
