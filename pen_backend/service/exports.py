"""A model's tar as a folder: unpacked beside its place and published by one rename."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

from pen_backend.errors import ConfigError, UpstreamError
from pen_backend.files import Disk, temporary_name

CHUNK = 1 << 20


def folder_name(model: str) -> str:
    """Make a directory's name of a model's: `ft:pen-tiny:local:puns:abc` becomes `ft-pen-tiny-local-puns-abc`."""
    plain = "".join(sign if sign.isalnum() or sign in "._" else "-" for sign in model)
    return "-".join(part for part in plain.split("-") if part.strip(".")).lstrip(".") or "model"


def unpack(pieces: Iterator[bytes], directory: Path, disk: Disk) -> dict[str, int]:
    """Write a tar of plain files into DIRECTORY, whole or not at all; return the files' sizes by name.

    DIRECTORY may exist if it is empty. UpstreamError if the tar ends early or holds anything but files.
    """
    try:
        return _published(pieces, directory, temporary_name(directory), disk)
    except tarfile.TarError as error:
        raise UpstreamError("The model did not arrive whole.", hint="Try again.") from error
    except OSError as error:
        raise ConfigError(f"{directory} cannot be written: {error.strerror}.", hint="Name another one.") from error


def _published(pieces: Iterator[bytes], directory: Path, temporary: Path, disk: Disk) -> dict[str, int]:
    temporary.mkdir(parents=True)
    try:
        files = _write(pieces, temporary, disk)
        if directory.is_dir():
            directory.rmdir()
        disk.sync_directory(temporary)
        disk.publish(temporary, directory)
    finally:
        disk.remove(temporary)
    return files


def _write(pieces: Iterator[bytes], directory: Path, disk: Disk) -> dict[str, int]:
    files = {}
    with tarfile.open(fileobj=_Reader(pieces), mode="r|") as archive:  # type: ignore[call-overload]  # read() is all it uses
        for member in archive:
            name = Path(member.name).name
            stream = archive.extractfile(member) if member.isreg() and name == member.name else None
            if stream is None:
                raise tarfile.ReadError(f"{member.name} is no plain file")
            with (directory / name).open("wb") as target:
                while piece := stream.read(CHUNK):
                    disk.append(target.fileno(), piece)
                disk.sync(target.fileno())
            files[name] = member.size
    return files


class _Reader:
    """Bytes that arrive in pieces, read as tarfile reads them."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def read(self, size: int) -> bytes:
        while len(self._held) < size and (piece := next(self._pieces, b"")):
            self._held += piece
        found, self._held = self._held[:size], self._held[size:]
        return found
