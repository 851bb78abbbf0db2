"""A build's files, written beside their place until one rename publishes them all."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import orjson

from pen_backend.dataset.record import Rejected
from pen_backend.errors import DataError
from pen_backend.files import Disk, temporary_name

_BUFFER = 1 << 20
_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True, slots=True)
class Written:
    """One output file."""

    name: str
    rows: int
    tokens: int
    size: int
    sha256: str

    def to_json(self) -> dict[str, object]:
        """Return its entry of the manifest."""
        return {"name": self.name, "rows": self.rows, "tokens": self.tokens, "bytes": self.size, "sha256": self.sha256}


class Lines:
    """Lines of one file, or of numbered ones of about LIMIT bytes; written through a buffer and hashed on the way.

    Where files are cut depends on the lines alone.
    """

    def __init__(self, path: Path, disk: Disk, limit: int | None = None) -> None:
        self._path = path
        self._disk = disk
        self._limit = limit
        self._full = _BUFFER if limit is None else max(min(_BUFFER, limit // 8), 1)  # bytes that are held back
        self._buffer = bytearray()
        self._descriptor = -1
        self._written: list[Written] = []  # the files that are finished
        self._hash = hashlib.sha256()
        self._held = (0, 0, 0)  # rows, tokens and bytes in the finished files
        self._flushed = (0, 0)  # rows and tokens in all files
        self.rows = self.tokens = self.size = 0

    def write(self, line: bytes, tokens: int = 0) -> None:
        """Add a line, which ends in LF."""
        self._buffer += line
        self.rows += 1
        self.tokens += tokens
        if len(self._buffer) >= self._full:
            self._flush()

    @property
    def files(self) -> int:
        """How many files there are so far."""
        return len(self._written) + (self._descriptor >= 0)

    def close(self) -> list[Written]:
        """Finish the files and force them to the disk; one without lines is written too."""
        self._flush()
        self._finish(self._numbered() if self._written else self._path)
        return self._written

    def abandon(self) -> None:
        """Let go of the file, however far it is."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _flush(self) -> None:
        data = bytes(self._buffer)
        self._buffer.clear()
        written = self.size - self._held[2]
        if self._limit is not None and written and written + len(data) > self._limit:
            self._finish(self._numbered())
        if self._descriptor < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        if data:
            self._disk.append(self._descriptor, data)
        self._hash.update(data)
        self.size += len(data)
        self._flushed = (self.rows, self.tokens)

    def _finish(self, path: Path) -> None:
        """Finish a file under its own name."""
        self._disk.sync(self._descriptor)
        self.abandon()
        if path != self._path:
            self._path.rename(path)
        rows, tokens, size = self._held
        self._held = (*self._flushed, self.size)
        self._written.append(Written(path.name, self._held[0] - rows, self._held[1] - tokens, self.size - size,
                                     self._hash.hexdigest()))
        self._hash = hashlib.sha256()

    def _numbered(self) -> Path:
        return self._path.with_stem(f"{self._path.stem}-{len(self._written) + 1:05}")


class Directory:
    """The directory of one build while it is written; leaving it without `publish` removes it."""

    def __init__(self, final: Path, disk: Disk) -> None:
        self.final = final
        self.disk = disk
        self.temporary = temporary_name(final)
        self._lines: list[Lines] = []

    def lines(self, name: str, limit: int | None = None) -> Lines:
        """Open a file of lines; what is above LIMIT bytes goes to further ones."""
        self._lines.append(Lines(self.temporary / name, self.disk, limit))
        return self._lines[-1]

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file."""
        self.disk.write(self.temporary / name, data)

    def publish(self, manifest: Mapping[str, object]) -> None:
        """Write the manifest last, give the directory its name, and let `latest` lead to it."""
        self.write("manifest.json", pretty(manifest))
        self.disk.sync_directory(self.temporary)
        self.disk.publish(self.temporary, self.final)

    def set_aside(self) -> None:
        """Keep what stands in the place of the build, an edited one, under the first free name beside it."""
        for number in count(1):
            aside = self.final.with_name(f"{self.final.name}.old-{number}")
            if not os.path.lexists(aside):
                with contextlib.suppress(FileNotFoundError):
                    self.disk.publish(self.final, aside)
                return

    def abandon(self) -> None:
        """Close every file."""
        for each in self._lines:
            each.abandon()


@contextlib.contextmanager
def directory(final: Path, disk: Disk) -> Iterator[Directory]:
    """Make a build's directory under a temporary name; whatever goes wrong, nothing of it stays."""
    made = Directory(final, disk)
    new = [path for path in (final.parent, *final.parent.parents) if not path.exists()]
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        if made.temporary.exists():
            disk.remove(made.temporary)
        made.temporary.mkdir(mode=0o700)
        yield made
    except OSError as error:
        raise disk_error(error, final.parent) from error
    finally:
        made.abandon()
        with contextlib.suppress(OSError):  # gone after publishing; else the next start sweeps it
            if made.temporary.exists():
                disk.remove(made.temporary)
        with contextlib.suppress(OSError):  # up to the first that is not empty: a build, or what another one made
            for path in new:
                path.rmdir()


def link_latest(final: Path, disk: Disk) -> None:
    """Let DIR/latest lead to a published build: a new link takes the old one's place by a rename."""
    link = final.parent / "latest"
    if link.is_symlink() and os.readlink(link) == final.name:  # noqa: PTH115 - a name, not a path
        return
    temporary = temporary_name(link)
    try:
        disk.remove(temporary)
        temporary.symlink_to(final.name)
        disk.publish(temporary, link)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise disk_error(error, final.parent) from error


def rejected_line(one: Rejected, *, raw: bool = True) -> bytes:
    """Write one line of rejected.jsonl, with or without the record itself."""
    origin = {"source": one.origin.source, "sha256": one.origin.sha256, "locator": one.origin.locator}
    entry: dict[str, object] = {"origin": origin, "code": one.code, "message": one.message}
    if not raw:
        return orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
    content = one.raw.decode(errors="backslashreplace") if isinstance(one.raw, bytes) else one.raw
    entry["raw"] = content
    try:
        return orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE, default=str)
    except TypeError:  # a lone surrogate, or a number that JSON cannot hold
        return orjson.dumps({**entry, "raw": ascii(content)}, option=orjson.OPT_APPEND_NEWLINE)


def pretty(value: Mapping[str, object]) -> bytes:
    """Write JSON for people, keys sorted."""
    return orjson.dumps(value, option=_SORTED)


def disk_error(error: OSError, where: Path) -> DataError:
    """Say what a full or failing disk means for a build."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DataError("The disk is full; nothing was published.", where=str(where),
                         hint="Free space, or choose another output directory.")
    return DataError(f"The training set cannot be written: {error.strerror}.", where=str(where))
