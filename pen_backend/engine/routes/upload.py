"""Read a multipart upload as it arrives: small fields into memory, the one file to disk, everything limited."""

from pathlib import Path

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from pen_backend.engine.routes.http import in_thread, require_size, require_type
from pen_backend.engine.store import BlobWriter
from pen_backend.engine.wire.errors import ApiError, invalid_value, too_large
from pen_backend.errors import TooLargeError
from pen_backend.files import Disk

UPLOAD_LIMIT = 512 << 20
PART_LIMIT = 16
FIELD_LIMIT = 64 << 10
NAME_LIMIT = 255
OVERHEAD = 1 << 20  # what boundaries, headers and small fields may add to the file


class Form:
    """A parsed form: its small fields, and the file that was written to disk."""

    def __init__(self, path: Path, *, limit: int, disk: Disk) -> None:
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self.bytes = 0
        self.sha256 = ""
        self._path = path
        self._limit = limit
        self._disk = disk
        self._parts = 0
        self._headers: dict[bytes, bytes] = {}
        self._header = [b"", b""]
        self._name = ""
        self._data = bytearray()
        self._writer: BlobWriter | None = None
        self._in_file = False
        self._ended = False

    def parser(self, boundary: bytes) -> MultipartParser:
        """Make the parser that fills this form."""
        return MultipartParser(boundary, {
            "on_part_begin": self._begin, "on_part_data": self._content, "on_part_end": self._end,
            "on_header_field": lambda data, start, end: self._add_header(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._add_header(1, data[start:end]),
            "on_header_end": self._header_end, "on_headers_finished": self._opened,
            "on_end": self._close})

    def finish(self) -> None:
        """Make the file durable; a form without one is refused, and one that is not whole."""
        if not self._ended:
            raise invalid_value(None, "The form is cut off: the boundary that ends it is missing. Send it again.")
        if self._writer is None:
            raise ApiError(400, "missing_required_parameter", "The parameter 'file' is required.", param="file")
        self.bytes = self._writer.bytes
        self.sha256 = self._writer.finish()

    def abandon(self) -> None:
        """Close what is open after a refusal."""
        if self._writer is not None:
            self._writer.abandon()

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > PART_LIMIT:
            raise invalid_value(None, f"The form has more than {PART_LIMIT} parts.")
        self._headers.clear()
        self._data.clear()

    def _close(self) -> None:
        self._ended = True

    def _add_header(self, which: int, data: bytes) -> None:
        self._header[which] += data

    def _header_end(self) -> None:
        self._headers[self._header[0].lower()] = self._header[1]
        self._header = [b"", b""]

    def _opened(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._in_file = self._name == "file"
        if not self._in_file:
            return
        if self._writer is not None:
            raise invalid_value("file", "The form has more than one 'file'.")
        if b"filename" not in options:
            raise invalid_value("file", "'file' must be sent as a file, with a file name.")
        self.filename = _plain_name(options[b"filename"].decode("utf-8", "replace"))
        self._writer = BlobWriter(self._path, limit=self._limit, disk=self._disk)

    def _content(self, data: bytes, start: int, end: int) -> None:
        if self._in_file and self._writer is not None:
            self._writer.write(data[start:end])
            return
        self._data += data[start:end]
        if len(self._data) > FIELD_LIMIT:
            raise too_large(f"The field '{self._name}'", FIELD_LIMIT)

    def _end(self) -> None:
        if self._in_file:
            self._in_file = False
            return
        try:
            self.fields[self._name] = self._data.decode()
        except UnicodeDecodeError:
            raise invalid_value(self._name, f"'{self._name}' is not UTF-8.") from None


async def read_form(request: Request, path: Path, *, disk: Disk, limit: int = UPLOAD_LIMIT) -> Form:
    """Read a form whose `file` goes to PATH."""
    require_type(request, "multipart/form-data")
    require_size(request, limit + OVERHEAD)
    _, options = parse_options_header(request.headers["content-type"])
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise invalid_value(None, "The content type of the form names no boundary.")
    form = Form(path, limit=limit, disk=disk)
    try:
        parser = form.parser(boundary)
        async for chunk in request.stream():
            await in_thread(parser.write, chunk)
        parser.finalize()
        await in_thread(form.finish)
    except FormParserError as error:
        raise invalid_value(None, "The form is not valid multipart/form-data.") from error
    except TooLargeError as error:
        raise too_large("The file", limit) from error
    finally:
        form.abandon()
    return form


def _plain_name(name: str) -> str:
    """Keep the last part of a file name, without control characters; it is shown, never opened."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:NAME_LIMIT] or "file"
