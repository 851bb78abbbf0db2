"""A source's bytes: a file, packed or not, or the text of a region; hashed, and opened as often as needed."""

import codecs
import glob
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pen_backend.dataset.sources.streams import Recoded, Unpacked, fault, first_wrong_byte
from pen_backend.errors import DataError, NotFoundError
from pen_backend.files import advice_on_reading, expanded, instead_of_file
from pen_backend.prompts.sources import Source
from pen_backend.records import Origin, parse_json

TEXT_LIMIT = 256_000_000  # bytes that a reader which needs the whole text will take
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Request:
    """What a build asks of a reader: the source's own keys, and the fields that it will use."""

    source: Source = field(default_factory=lambda: Source(text=""))
    wanted: frozenset[str] = frozenset()
    prompt_loss_weight: float = 0.0
    conversation: bool = False  # who answers whom counts: nobody is left out and no text carries its author
    text: bool = True  # the record's whole text is asked for, where the file has none of that name


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

    @property
    def is_utf8(self) -> bool:
        """Say whether its bytes need no recoding; a BOM is removed everywhere."""
        return codecs.lookup(self.encoding).name in ("utf-8", "utf-8-sig")

    def open(self) -> BinaryIO:
        """Open the unpacked bytes as UTF-8."""
        stream = self._open_unpacked()
        return stream if self.is_utf8 else io.BufferedReader(Recoded(stream, self.name, self.encoding))

    def open_raw(self) -> BinaryIO:
        """Open the bytes as they are stored."""
        if self.path is None:
            return io.BytesIO(self.content)
        try:
            return self.path.open("rb")
        except OSError as error:
            raise _unreadable(self.name, error) from error

    def _open_unpacked(self) -> BinaryIO:
        if self.member is not None:
            return self.member()
        stream = self.open_raw()
        return io.BufferedReader(Unpacked(stream, self.name, self.size)) if self.packed else stream

    def text(self) -> str:
        """Return the whole text: strict, without BOM, lines ended by LF."""
        data = self._whole().removeprefix(_BOM)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise self.encoding_error() from None
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

    def json(self) -> object:
        """Return the whole text as one JSON value; strict, as a line of a training file is."""
        data = self._whole().removeprefix(_BOM)
        try:
            return parse_json(data, where=f"{self.name}:1", limit=TEXT_LIMIT)
        except DataError as error:
            raise (self.encoding_error() if error.findings[0].code == "encoding" else error) from None

    def is_blank(self) -> bool:
        """Say whether there is nothing but white space."""
        with self.open() as stream:
            first = True
            while data := stream.read(65_536):
                if (data.removeprefix(_BOM) if first else data).strip():
                    return False
                first = False
        return True

    def encoding_error(self) -> DataError:
        """Find the first byte that is not UTF-8, and say where it stands."""
        with self.open() as stream:
            return first_wrong_byte(stream, self.name)

    def _whole(self) -> bytes:
        with self.open() as stream:
            data = stream.read(TEXT_LIMIT + 1)
        if len(data) > TEXT_LIMIT:
            raise fault("too-big", f"{self.name} has more than {TEXT_LIMIT // 1_000_000} MB; this format is read whole",
                        self.name, "Split the file, or convert it to JSONL.")
        return data


def documents(source: Source, name: str, base: Path,
              permit: Callable[[Path], None] | None = None) -> Iterator[Document]:
    """Find and hash a source's files, in order of their names, or its text.

    PERMIT judges the paths of a source that stands in a definition: it is called with each before anything of it is
    looked at, and may raise. Such a source without a file is DataError; without PERMIT it is the caller who has named
    what is not there, NotFoundError.
    """
    try:
        yield from _found(source, name, base, permit or (lambda path: None))
    except DataError as error:
        if permit is not None or error.findings[0].code != "not-found":
            raise
        raise NotFoundError(error.message, hint=error.hint, where=error.where, findings=error.findings) from error


def _found(source: Source, name: str, base: Path, permit: Callable[[Path], None]) -> Iterator[Document]:
    if source.text is not None:
        try:
            content = source.text.encode()
        except UnicodeEncodeError as error:
            line = source.text.count("\n", 0, error.start) + 1
            raise fault("surrogate", f"line {line} holds half of a surrogate pair, which no text can hold",
                        f"{name}:{line}", "Remove it.") from None
        yield _checked(Document(name, hashlib.sha256(content).hexdigest(), len(content), content=content), source)
        return
    written = source.path or ""
    if "\0" in written:
        raise fault("not-found", "the path holds a NUL, which no name can", name, "Name a file.")
    path = expanded(written)
    found = [path if path.is_absolute() else base / path]
    permit(found[0])
    if not _exists(found[0]) and glob.has_magic(written):
        found = [Path(each) for each in sorted(glob.glob(str(found[0]), recursive=True))]  # noqa: PTH207 - absolute patterns
        if not found:
            raise fault("not-found", f"no file fits {written}", name, _from(base, path))
    for each in found:
        permit(each)
        if not _exists(each):
            raise fault("not-found", f"{written} does not exist", name, _from(base, path))
        if each.is_dir():
            raise fault("not-found", f"{written} is a directory", name, f"Name its files, as in {written}/*.jsonl.")
        if odd := instead_of_file(each):
            raise fault("not-found", f"{written} {odd}", name, "Name a file.")
        # No absolute path goes into any output: it would differ between machines, and name the user.
        shown = each.name if path.is_absolute() else str(each.relative_to(base)) if glob.has_magic(written) else written
        yield _checked(_file(each, shown, source.encoding), source)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or holds a NUL
        return False


def _from(base: Path, path: Path) -> str:
    return "Check its name." if path.is_absolute() else f"Relative paths begin at {base}."


def _file(path: Path, name: str, encoding: str) -> Document:
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Document(name, digest, path.stat().st_size, path, encoding=encoding)
    except OSError as error:
        raise _unreadable(name, error) from error


def _checked(document: Document, source: Source) -> Document:
    if source.sha256 is not None and source.sha256 != document.sha256:
        raise fault("checksum", f"{document.name} is not the file the definition names: its sha256 is "
                    f"{document.sha256}", document.name, "Fetch the right file, or write the new hash into the "
                    "definition.")
    if not document.size:
        raise fault("empty-file", f"{document.name} is empty; there is nothing to read", document.name,
                    "Mark a region that holds texts." if document.path is None else "Name a file that holds texts.")
    if not _is_encoding(document.encoding):
        raise fault("encoding", f"'{document.encoding}' is no encoding of texts", document.name,
                    "Name one that Python knows, as in `encoding: latin-1`.")
    return document


def _is_encoding(name: str) -> bool:
    """Say whether a name is that of a character set: Python has codecs for bytes and for escapes, too."""
    try:
        "".encode(name)
    except (LookupError, UnicodeError):
        return False
    return codecs.lookup(name).name not in ("idna", "punycode", "unicode-escape", "raw-unicode-escape")


def _unreadable(name: str, error: OSError) -> DataError:
    return fault("not-found", f"{name} cannot be read: {error.strerror}", name, advice_on_reading(error))
