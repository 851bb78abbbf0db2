"""Text that came as a file because it is too large for the wire: opened, checked and read (link.md, section 9)."""

import hashlib
import hmac
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pen_backend.errors import BadParamsError, DataError, TooLargeError

MOST = 512 * 1024 * 1024  # bytes; as much as the engine takes for an upload
AGAIN = "Send it again."


def read_text(given: Mapping[str, object], name: str) -> str:
    """Return the text of the file that GIVEN describes: `:file`, `:bytes`, `:sha256`; NAME is the argument's.

    DataError unless it is the user's own regular file, of that size and sum, and UTF-8.
    """
    file, size, digest = given.get(":file"), given.get(":bytes"), given.get(":sha256")
    if len(given) != 3 or type(file) is not str or type(size) is not int or type(digest) is not str:
        raise BadParamsError(f"{name} must be a string, or :file, :bytes and :sha256 of one.")
    if not file.startswith("/") or "\0" in file:
        raise BadParamsError(f"{name}: :file must be an absolute file name.")
    if size > MOST:
        raise TooLargeError(f"{name} has {size} bytes, over the limit of {MOST}.", hint="Send it in parts.")
    data = _content(Path(file), size, name)
    if not hmac.compare_digest(hashlib.sha256(data).hexdigest().encode(), digest.lower().encode("utf-8", "replace")):
        raise DataError(f"{name}: the file's content is not what was announced.", where=file, hint=AGAIN)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        position = len(data[:error.start].decode()) + 1
        raise DataError(f"{name} has a character that is no text at position {position}.",
                        hint="Save it as UTF-8, or remove the raw byte.") from None


def _content(path: Path, size: int, name: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DataError(f"{name}: the file cannot be opened: {error.strerror}.", where=str(path), hint=AGAIN) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise DataError(f"{name}: the file is not this user's alone.", where=str(path), hint=AGAIN)
        if status.st_size != size:
            raise DataError(f"{name}: the file has {status.st_size} bytes, {size} were announced.", where=str(path),
                            hint=AGAIN)
        data = bytearray()
        while len(data) < size and (more := os.read(descriptor, size - len(data))):
            data += more
        return bytes(data)
    finally:
        os.close(descriptor)
