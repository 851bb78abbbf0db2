"""A document's bytes on their way: unpacked, and recoded to UTF-8, a piece at a time and never without a limit."""

import codecs
import gzip
import io
import zlib
from abc import abstractmethod
from typing import TYPE_CHECKING, BinaryIO

from pen_backend.errors import DataError, Finding

if TYPE_CHECKING:
    from typing_extensions import Buffer

CHUNK = 1 << 20
_BOMB_BYTES = 2_000_000  # below it nothing is called a bomb: it is read in a second whatever it holds
BOMB_RATIO = 100  # jokes pack about 1:3; zeros 1:1,028
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NO_TEXT = {b"\x1f\x8b": "It is gzipped: let its name end in .gz.", b"PK": "It is a zip file: unpack it.",
            b"%P": "It may be a PDF: export its text."}


class Raw(io.RawIOBase):
    """A stream of whatever `take` has next."""

    @abstractmethod
    def take(self, most: int) -> bytes:
        """Return the next bytes, MOST at most, none at the end; DataError if they are not what they should be."""

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: "Buffer") -> int:
        """Fill BUFFER with what is next."""
        view = memoryview(buffer).cast("B")
        data = self.take(len(view))
        view[:len(data)] = data
        return len(data)


class Unpacked(Raw):
    """A gzipped file's content, as long as it does not unpack to an unreasonable size."""

    def __init__(self, file: BinaryIO, name: str, size: int) -> None:
        self._gzip = gzip.GzipFile(fileobj=file)
        self._file = file
        self._name = name
        self._most = most_unpacked(size)
        self._read = 0

    def take(self, most: int) -> bytes:
        """Unpack the next bytes."""
        try:
            data = self._gzip.read(most)
        except (OSError, EOFError, zlib.error) as error:
            raise fault("unknown-format", f"{self._name} is not a whole gzip file: {error}", self._name,
                        "Fetch it again.") from error
        self._read += len(data)
        if self._read > self._most:
            raise bomb(self._name)
        return data

    def close(self) -> None:
        """Close it, and the file below it."""
        super().close()
        self._file.close()


def most_unpacked(packed: int) -> int:
    """Say to how many bytes so many packed ones may unpack; what is more is made to fill memory or time."""
    return max(_BOMB_BYTES, BOMB_RATIO * packed)


def bomb(name: str, hint: str = "Unpack it yourself if you know what it holds.") -> DataError:
    """Make the error of what unpacks to more than that."""
    return fault("bomb", f"{name} unpacks to more than {BOMB_RATIO} times its size", name, hint)


class Recoded(Raw):
    """A stream of another encoding as UTF-8; strict, and the first byte that does not fit is named."""

    def __init__(self, stream: BinaryIO, name: str, encoding: str) -> None:
        self._stream = stream
        self._name = name
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready = b""
        self._offset = 0
        self._line = 1
        self._ended = False

    def take(self, most: int) -> bytes:
        """Recode the next bytes."""
        while not self._ready and not self._ended:
            chunk = self._stream.read(CHUNK)
            self._ended = not chunk
            text = self._decoded(chunk)
            self._offset += len(chunk)
            self._line += text.count("\n")
            try:
                self._ready = text.encode()
            except UnicodeEncodeError as error:
                line = self._line - text.count("\n", error.start)
                raise fault("surrogate", f"line {line} holds half of a surrogate pair, which no text can hold",
                            f"{self._name}:{line}", "Write the whole character, or remove it.") from None
        data, self._ready = self._ready[:most], self._ready[most:]
        return data

    def _decoded(self, chunk: bytes) -> str:
        before = self._decoder.getstate()
        try:
            return self._decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            pending = len(error.object) - len(chunk)  # bytes of a character that began in an earlier chunk
            self._decoder.setstate(before)
            good = self._decoder.decode(chunk[:max(0, error.start - pending)])
            raise not_encoded(self._name, self._encoding, error.object[error.start],
                              self._offset - pending + error.start, self._line + good.count("\n")) from None
        except UnicodeError as error:
            raise fault("encoding", f"{self._name} is not {self._encoding.upper()}: {error}", self._name,
                        "Name its encoding in the source, as in `encoding: utf-16-le`.") from None

    def close(self) -> None:
        """Close it, and the file below it."""
        super().close()
        self._stream.close()


def first_wrong_byte(stream: BinaryIO, name: str) -> DataError:
    """Find the first byte of a stream that is not UTF-8, and say where it stands."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset, line, head = 0, 1, b""
    while True:
        chunk = stream.read(CHUNK)
        head = head or chunk[:2]
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            offset += error.start - (len(error.object) - len(chunk))
            line += error.object.count(b"\n", 0, error.start)
            hint = _NO_TEXT.get(head) or _other_encoding("utf-16" if head in _UTF_16 else "latin-1")
            return not_encoded(name, "utf-8", error.object[error.start], offset, line, hint)
        if not chunk:
            return fault("encoding", f"{name} is not UTF-8", name, "Save the file as UTF-8.")
        line += chunk.count(b"\n")
        offset += len(chunk)


def not_encoded(name: str, encoding: str, byte: int, offset: int, line: int, hint: str | None = None) -> DataError:
    """Make the error of a byte that does not belong to an encoding."""
    return fault("encoding", f"byte 0x{byte:02x} at offset {offset}, in line {line}, is not {encoding.upper()}",
                 f"{name}:{line}", hint or _other_encoding("latin-1"))


def _other_encoding(name: str) -> str:
    return f"Save the file as UTF-8, or name its encoding in the source, as in `encoding: {name}`."


def fault(code: str, message: str, where: str, hint: str | None = None) -> DataError:
    """Make the DataError of a file as a whole: a sentence, and its finding."""
    finding = Finding(code, message, where=where, hint=f"{hint[0].lower()}{hint[1:].rstrip('.')}" if hint else None)
    return DataError(f"{message}.", where=where, hint=hint, findings=[finding])
