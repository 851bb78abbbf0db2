"""Files as a tar that is made while it is sent, and whose length is known before."""

import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 20
BLOCK = 512  # tar's
END = bytes(2 * BLOCK)


@dataclass(frozen=True, slots=True)
class Item:
    """One file: what it is called, and its bytes, or the file that has them."""

    name: str
    size: int
    path: Path | None = None
    content: bytes = b""


def length(found: Sequence[Item], moment: int) -> int:
    """Count the bytes of the tar of these files."""
    return sum(len(_header(one, moment)) + one.size + _padding(one.size) for one in found) + len(END)


def tar(found: Sequence[Item], moment: int) -> Iterator[bytes]:
    """Yield the tar of these files; each is read while it is sent, and one that has shrunk is an OSError."""
    for one in found:
        yield from member(one, moment)
    yield END


def member(one: Item, moment: int, seen: Callable[[bytes], object] = len) -> Iterator[bytes]:
    """Yield one file of a tar, whose bytes SEEN is shown."""
    yield _header(one, moment)
    for piece in [one.content] if one.path is None else _pieces(one.path, one.size):
        seen(piece)
        yield piece
    yield bytes(_padding(one.size))


def _header(one: Item, moment: int) -> bytes:
    info = tarfile.TarInfo(one.name)
    info.size, info.mtime, info.mode = one.size, moment, 0o644
    return info.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> int:
    return -size % BLOCK


def _pieces(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while size:
            piece = stream.read(min(CHUNK, size))
            if not piece:
                raise OSError(f"{path.name} became shorter while it was read")
            size -= len(piece)
            yield piece
