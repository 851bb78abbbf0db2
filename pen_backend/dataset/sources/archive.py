"""One member of a zip file as a document: streamed, its size limited, nothing extracted."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import IO, BinaryIO

from pen_backend.dataset.sources.document import Document
from pen_backend.dataset.sources.streams import Raw, bomb, fault, most_unpacked
from pen_backend.errors import DataError

LIMIT = 200_000_000  # unpacked bytes of a member: 190 KB of zip can be as much
_DIRECTORY_LIMIT = 16_000_000  # bytes of a zip's own list of members: 160,000 of them and more
_LISTED = 5  # members that an error names
_TAIL = 65_536 + 22 + 20  # where the end of a zip file is looked for
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others may ask for gigabytes before the first byte
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError, OSError,
           ValueError, KeyError, IndexError)


def is_zip(document: Document) -> bool:
    """Say whether a document's bytes are a zip file's."""
    with document.open_raw() as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def names(document: Document) -> list[str]:
    """List the members of a zip file by name."""
    with document.open_raw() as stream, _opened(stream, document) as archive:
        return [info.filename for info in archive.infolist() if not info.filename.endswith("/")]


def members(document: Document) -> Iterator[BinaryIO]:
    """Open a zip file's members one after the other; a name that stands twice in it is refused."""
    found = names(document)
    if len(set(found)) < len(found):
        raise _unusable(document, f"{document.name} holds two members of one name")
    for name in found:
        yield _member(document, name)


def unzipped(document: Document, choose: Callable[[Sequence[str]], Sequence[str]], what: str, many: str) -> Document:
    """Return the member that CHOOSE picks by name as a document; any other document is returned as it is.

    WHAT says in an error what was looked for, MANY how several of it are called: which of them is meant, nobody knows.
    """
    if not is_zip(document):
        return document
    found = names(document)
    chosen = choose(found)
    if not chosen:
        raise _unusable(document, f"{document.name} holds no {what} among its {len(found)} files")
    if len(chosen) > 1:
        listed = [f"'{name}'" for name in chosen[:_LISTED]]
        more = [f"{len(chosen) - _LISTED} more"] if len(chosen) > _LISTED else []
        *firsts, last = [*listed, *more]
        raise fault("unknown-format", f"{document.name} holds {len(chosen)} {many}: {', '.join(firsts)} and {last}",
                    document.name, "Unpack it and name one of them as the source, or each as a source of its own.")
    return member(document, chosen[0])


def member(document: Document, name: str) -> Document:
    """Return a member of a zip file as a document; it is opened when it is read."""
    return replace(document, member=lambda: _member(document, name))


def _member(document: Document, name: str) -> BinaryIO:
    stream = document.open_raw()
    try:
        archive = _opened(stream, document)
        try:
            info = archive.getinfo(name)
            if info.compress_type not in _METHODS:
                raise NotImplementedError("it is packed in a way that is not read here")
            if info.file_size > LIMIT:  # zipfile reads no further than to the size that is stated
                raise _unusable(document, f"{document.name} unpacks to more than {LIMIT // 1_000_000} MB", "bomb")
            if info.file_size > most_unpacked(min(info.compress_size, document.size)):
                raise bomb(document.name, "Unpack it yourself if you know what it holds, or save a workbook's sheet as "
                                          "CSV.")
            opened = archive.open(name)
        except _BROKEN as error:
            raise _unusable(document, f"{document.name} cannot be unpacked: {_reason(error)}") from error
    except DataError:
        stream.close()
        raise
    return io.BufferedReader(_Unpacked(opened, stream, document))


def _opened(stream: BinaryIO, document: Document) -> zipfile.ZipFile:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _TAIL))
    if _directory_size(stream.read(_TAIL)) > _DIRECTORY_LIMIT:
        raise _unusable(document, f"{document.name} lists more members than are read here", "too-big")
    stream.seek(0)
    try:
        return zipfile.ZipFile(stream)
    except _BROKEN as error:
        raise _unusable(document, f"{document.name} is not a whole zip file: {_reason(error)}") from error


def _directory_size(tail: bytes) -> int:
    """Read how long the list of members is: zipfile would read all of it into memory, however long."""
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 16:
        return 0
    size: int = struct.unpack_from("<L", tail, end + 12)[0]
    larger = tail.rfind(b"PK\x06\x06", 0, end)
    if larger >= 0 and len(tail) >= larger + 48:
        size = max(0 if size == 0xFFFFFFFF else size, struct.unpack_from("<Q", tail, larger + 40)[0])
    return size


class _Unpacked(Raw):
    """A member's bytes; faults of the archive are DataErrors."""

    def __init__(self, member: IO[bytes], archive: BinaryIO, document: Document) -> None:
        self._member = member
        self._archive = archive
        self._document = document

    def take(self, most: int) -> bytes:
        try:
            return self._member.read(most)
        except _BROKEN as error:
            raise _unusable(self._document, f"{self._document.name} cannot be unpacked: {_reason(error)}") from error

    def close(self) -> None:
        super().close()
        self._archive.close()


def _reason(error: BaseException) -> str:
    if isinstance(error, RuntimeError) and "password" in str(error):
        return "it is encrypted"
    return str(error) or type(error).__name__


def _unusable(document: Document, message: str, code: str = "unknown-format") -> DataError:
    return fault(code, message, document.name, "Make it again, or unpack it yourself.")
