"""A source's bytes: a file, packed or not, or the text of a region; hashed, and opened as often as needed."""

import codecs
import glob
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pen_backend.errors import DataError, Finding
from pen_backend.files import instead_of_file
from pen_backend.prompts.sources import Source
from pen_backend.records import Origin

if TYPE_CHECKING:
    from typing_extensions import Buffer

TEXT_LIMIT = 256_000_000  # bytes that a reader which needs the whole text will take
_CHUNK = 1 << 20
_BOMB_BYTES = 20_000_000  # below it no archive is called a bomb
_BOMB_RATIO = 100  # jokes pack about 1:3; zeros 1:1,028
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Request:
    """What a build asks of a reader: the source's own keys, and the fields that it will use."""

    source: Source = field(default_factory=lambda: Source(text=""))
    wanted: frozenset[str] = frozenset()
    prompt_loss_weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Document:
    """One file or region; `name` is the path as written, so that no absolute path is in any output by itself."""

    name: str
    sha256: str
    size: int
    path: Path | None = None
    content: bytes = b""
    encoding: str = "utf-8"
    member: Callable[[], BinaryIO] | None = None  # opens the part of an archive that is read instead of the file

    @property
    def packed(self) -> bool:
        """Say whether it is gzipped; by its name, as everything else about a file is."""
        return self.path is not None and self.path.suffix == ".gz"

    def origin(self, locator: str) -> Origin:
        """Make the origin of a record at a place of this document."""
        return Origin(self.name, self.sha256, locator)

    def open(self) -> BinaryIO:
        """Open the unpacked bytes as UTF-8."""
        if self.member is not None:
            stream: BinaryIO = self.member()
        elif self.path is None:
            stream = io.BytesIO(self.content)
        else:
            try:
                file = self.path.open("rb")
            except OSError as error:
                raise _unreadable(self.name, error) from error
            stream = io.BufferedReader(_Unpacked(file, self)) if self.packed else file
        if codecs.lookup(self.encoding).name == "utf-8":
            return stream
        with stream:
            return io.BytesIO(_decode(_all(stream, self), self).encode())

    def text(self) -> str:
        """Return the whole text: strict, without BOM, lines ended by LF."""
        with self.open() as stream:
            data = _all(stream, self)
        data = data.removeprefix(_BOM)
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise _not_encoded(self, data, error) from None
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

    def encoding_error(self) -> DataError:
        """Find the first byte that is not UTF-8, and say where it stands."""
        offset, rest = 0, b""
        with self.open() as stream:
            decoder = codecs.getincrementaldecoder("utf-8")()
            lines = 1
            while True:
                chunk = stream.read(_CHUNK)
                try:
                    decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as error:
                    rest = error.object[error.start:error.start + 1]
                    lines += error.object.count(b"\n", 0, error.start)
                    offset += error.start - (len(error.object) - len(chunk))
                    break
                if not chunk:
                    break
                lines += chunk.count(b"\n")
                offset += len(chunk)
        return _encoding_finding(self, rest[0] if rest else 0, offset, lines)


def documents(source: Source, name: str, base: Path,
              permit: Callable[[Path], None] = lambda path: None) -> Iterator[Document]:
    """Find and hash a source's files, in order of their names, or its text; DataError if there is none.

    PERMIT is called with each path before anything of it is looked at, and may raise.
    """
    if source.text is not None:
        try:
            content = source.text.encode()
        except UnicodeEncodeError as error:
            raise DataError("The text holds half of a surrogate pair, which no file can hold.", where=name) from error
        yield _checked(Document(name, hashlib.sha256(content).hexdigest(), len(content), content=content), source)
        return
    written = source.path or ""
    path = Path(written).expanduser()
    found = [path if path.is_absolute() else base / path]
    permit(found[0])
    if not found[0].exists() and glob.has_magic(written):
        found = [Path(each) for each in sorted(glob.glob(str(found[0]), recursive=True))]  # noqa: PTH207 - absolute patterns
    if not found or not found[0].exists():
        message = f"{written} does not exist."
        raise DataError(message, where=name, findings=[Finding("not-found", message, where=name)],
                        hint=f"Relative paths begin at {base}." if not path.is_absolute() else None)
    for each in found:
        permit(each)
        if each.is_dir():
            raise DataError(f"{written} is a directory.", where=name, hint=f"Name its files, as in {written}/*.jsonl.")
        if odd := instead_of_file(each):
            raise DataError(f"{written} {odd}.", where=name, hint="Name a file.")
        # No absolute path goes into any output: it would differ between machines, and name the user.
        shown = each.name if path.is_absolute() else str(each.relative_to(base)) if glob.has_magic(written) else written
        yield _checked(_file(each, shown, source.encoding), source)


def _file(path: Path, name: str, encoding: str) -> Document:
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Document(name, digest, path.stat().st_size, path, encoding=encoding)
    except OSError as error:
        raise _unreadable(name, error) from error


def _checked(document: Document, source: Source) -> Document:
    if source.sha256 is not None and source.sha256 != document.sha256:
        message = f"{document.name} is not the file the definition names: its sha256 is {document.sha256}."
        raise DataError(message, findings=[Finding("checksum", message, where=document.name)],
                        hint="Fetch the right file, or write the new hash into the definition.")
    return document


class _Unpacked(io.RawIOBase):
    """A gzipped file's content, as long as it does not unpack to an unreasonable size."""

    def __init__(self, file: BinaryIO, document: Document) -> None:
        self._gzip = gzip.GzipFile(fileobj=file)
        self._file = file
        self._document = document
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        view = memoryview(buffer).cast("B")
        try:
            data = self._gzip.read(len(view))
        except (OSError, EOFError, zlib.error) as error:
            message = f"{self._document.name} is not a whole gzip file: {error}"
            raise DataError(message, findings=[Finding("unknown-format", message, where=self._document.name)],
                            hint="Fetch it again.") from error
        self._read += len(data)
        if self._read > max(_BOMB_BYTES, _BOMB_RATIO * self._document.size):
            message = f"{self._document.name} unpacks to more than {_BOMB_RATIO} times its size."
            raise DataError(message, findings=[Finding("bomb", message, where=self._document.name)])
        view[:len(data)] = data
        return len(data)

    def close(self) -> None:
        super().close()
        self._file.close()


def _all(stream: BinaryIO, document: Document) -> bytes:
    data = stream.read(TEXT_LIMIT + 1)
    if len(data) > TEXT_LIMIT:
        message = f"{document.name} has more than {TEXT_LIMIT // 1_000_000} MB; this format is read whole."
        raise DataError(message, findings=[Finding("too-big", message, where=document.name)],
                        hint="Split the file, or convert it to JSONL.")
    return data


def _decode(data: bytes, document: Document) -> str:
    try:
        return data.decode(document.encoding)
    except UnicodeDecodeError as error:
        raise _not_encoded(document, data, error) from None
    except (LookupError, ValueError) as error:
        raise DataError(f"{document.name} cannot be read as {document.encoding}: {error}") from error


def _not_encoded(document: Document, data: bytes, error: UnicodeDecodeError) -> DataError:
    return _encoding_finding(document, data[error.start], error.start, data.count(b"\n", 0, error.start) + 1)


def _encoding_finding(document: Document, byte: int, offset: int, line: int) -> DataError:
    where = f"{document.name}:{line}"
    message = f"byte 0x{byte:02x} at offset {offset}, in line {line}, is not {document.encoding.upper()}"
    hint = "save the file as UTF-8, or name its encoding in the source, as in `encoding: latin-1`"
    return DataError(f"{message}.", where=where, hint=f"S{hint[1:]}.",
                     findings=[Finding("encoding", message, where=where, hint=hint)])


def _unreadable(name: str, error: OSError) -> DataError:
    message = f"{name} cannot be read: {error.strerror}."
    return DataError(message, findings=[Finding("not-found", message, where=name)])
