"""A backup's tar, read as if somebody hostile had made it: plain files of known names leave it, and nothing else does.

The standard library's tarfile finds the headers; it extracts nothing. What a header claims is checked against the
archive's own size before anything is read, and no more than a piece is ever held in memory.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from pen_backend.engine.backup.layout import (
    ABOUT,
    ABOUT_BYTES,
    FILES_MOST,
    FORMAT,
    MANIFEST,
    MANIFEST_BYTES,
    allowed,
    blob_of,
)
from pen_backend.errors import DataError, TooLargeError, VersionError
from pen_backend.files import Disk

CHUNK = 1 << 20
_BROKEN = (tarfile.TarError, ValueError, OverflowError, EOFError, RecursionError)


def unpack(archive: Path, out: Path, disk: Disk) -> dict[str, Any]:
    """Write a backup's files below OUT, and return what its first file says of it.

    DataError if it is not whole or not one of ours, TooLargeError if it is larger than any can be, VersionError if a
    newer pen has made it; OSError if OUT cannot be written.
    """
    with archive.open("rb") as stream:
        unpacking = _Unpacking(archive.name, stream, out, disk)
        try:
            for member in unpacking.members():
                unpacking.take(member)
        except _BROKEN as error:
            raise unpacking.broken("it is no tar of pen's, or not a whole one") from error
        return unpacking.finish()


class _Careful(io.RawIOBase):
    """A file of which little is read at once: what a header claims is no reason to hold it in memory."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= CHUNK:
            raise tarfile.ReadError("a header of an impossible size")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


@dataclass(slots=True)
class _Unpacking:
    """One archive being unpacked: what was found so far."""

    name: str
    stream: BinaryIO
    out: Path
    disk: Disk
    size: int = 0
    about: dict[str, Any] | None = None
    manifest: Any = None
    found: dict[str, dict[str, Any]] = field(default_factory=dict)

    def members(self) -> Iterator[tarfile.TarInfo]:
        """Yield the archive's members; only what is said of them has been read."""
        self.size = self.stream.seek(0, io.SEEK_END)
        self.stream.seek(0)
        with tarfile.open(fileobj=_Careful(self.stream), mode="r:") as archive:
            while (member := archive.next()) is not None:
                vars(archive)["members"].clear()  # else it keeps all of them
                yield member

    def take(self, member: tarfile.TarInfo) -> None:
        """Take one member, or refuse the whole archive."""
        name = member.name
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None:
            raise self.broken(f"{_shown(name)} is no plain file")
        if not 0 <= member.size <= self.size - member.offset_data:
            raise self.broken(f"{_shown(name)} is not whole")
        if self.manifest is not None or (name != ABOUT) == (self.about is None) or name in self.found:
            raise self.broken(f"{_shown(name)} stands where it cannot")
        if len(self.found) >= FILES_MOST:
            raise TooLargeError(f"{self.name} holds more than {FILES_MOST:,} files.")
        if name == ABOUT:
            self.about = self._about(member)
        elif name == MANIFEST:
            self.manifest = self._read(member, MANIFEST_BYTES)
        elif allowed(name):
            self._write(member)
        else:
            raise self.broken(f"{_shown(name)} is no file of a store")

    def finish(self) -> dict[str, Any]:
        """Compare what was found with what the archive itself says it holds."""
        if self.about is None or self.manifest is None:
            raise self.broken("it was cut off")
        wrong = self.manifest if not isinstance(self.manifest, dict) else next(
            (name for name in {*self.manifest, *self.found} if self.manifest.get(name) != self.found.get(name)), None)
        if wrong is not None:
            raise self.broken(f"{_shown(str(wrong))} is not as it was written")
        return self.about

    def broken(self, why: str) -> DataError:
        """Make the error for an archive that is not used."""
        return DataError(f"{self.name} cannot be restored: {why}.", hint="Use another backup.")

    def _about(self, member: tarfile.TarInfo) -> dict[str, Any]:
        about = self._read(member, ABOUT_BYTES)
        kind = about.get("format") if isinstance(about, dict) else None
        if not isinstance(kind, int) or kind < 1:
            raise self.broken("it is no backup of pen's")
        if kind > FORMAT:
            raise VersionError(f"{self.name} was made by a newer pen.", hint="Update pen.")
        return dict(about)

    def _read(self, member: tarfile.TarInfo, most: int) -> Any:
        if member.size > most:
            raise self.broken(f"{member.name} is too large")
        content = b"".join(self._pieces(member))
        if member.name != MANIFEST:
            self.found[member.name] = {"bytes": member.size, "sha256": hashlib.sha256(content).hexdigest()}
        return json.loads(content)

    def _write(self, member: tarfile.TarInfo) -> None:
        target = self.out / member.name
        digest = hashlib.sha256()
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            opened = target.open("xb", buffering=0)
        except (FileExistsError, NotADirectoryError) as error:
            raise self.broken(f"{_shown(member.name)} is a file and a folder") from error
        with opened as stream:
            for piece in self._pieces(member):
                self.disk.append(stream.fileno(), piece)
                digest.update(piece)
            self.disk.sync(stream.fileno())
        found = digest.hexdigest()
        if blob_of(member.name) not in (None, found):
            raise self.broken(f"{member.name} is not what its name says")
        self.found[member.name] = {"bytes": member.size, "sha256": found}

    def _pieces(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        self.stream.seek(member.offset_data)
        left = member.size
        while left:
            piece = self.stream.read(min(CHUNK, left))
            if not piece:
                raise self.broken("it became shorter while it was read")
            left -= len(piece)
            yield piece


def _shown(name: str) -> str:
    """Quote a name that somebody may have chosen to mislead."""
    return repr(name if len(name) <= 80 else name[:77] + "…")
