"""A moment of the store, held still while it is sent: jobs go on meanwhile, and nothing waits for the client.

Files that are replaced and never written again are held by hard links, which take no room and no time; the database is
copied by SQLite, and so is what a trainer appends to.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pen_backend.engine.backup.layout import ABOUT, DATABASE, EVENTS, FORMAT, MANIFEST, allowed
from pen_backend.engine.models import PACKAGED
from pen_backend.engine.store import Store
from pen_backend.engine.store.migrations import back_up
from pen_backend.engine.store.store import NAMED
from pen_backend.engine.wire.ids import random_text
from pen_backend.engine.wire.tar import END, Item, length, member
from pen_backend.files import temporary_name


@dataclass(frozen=True, slots=True)
class Backup:
    """What is to be sent, in order, and the directory that holds it."""

    directory: Path
    items: Sequence[Item]
    moment: int

    @property
    def length(self) -> int:
        """Count the bytes of the tar."""
        unknown = dict.fromkeys((one.name for one in self.items), "0" * 64)
        return length([*self.items, self._manifest(unknown)], self.moment)

    def tar(self) -> Iterator[bytes]:
        """Yield the tar."""
        hashes = {}
        for one in self.items:
            seen = hashlib.sha256()
            yield from member(one, self.moment, seen.update)
            hashes[one.name] = seen.hexdigest()
        yield from member(self._manifest(hashes), self.moment)
        yield END

    def _manifest(self, hashes: Mapping[str, str]) -> Item:
        content = _json({one.name: {"bytes": one.size, "sha256": hashes[one.name]} for one in self.items})
        return Item(MANIFEST, len(content), content=content)


def hold(store: Store, *, version: str, now: float | None = None) -> Backup:
    """Hold the store as it is, between two transactions; whoever sends it removes the directory afterwards.

    OSError or sqlite3.OperationalError on a full disk; nothing is left behind then.
    """
    moment = int(time.time() if now is None else now)
    directory = temporary_name(store.directory / "tmp" / f"backup-{random_text()}")
    try:
        about = store.read(lambda connection: _hold(store, connection, directory))
        about = {"format": FORMAT, "pen": version, "created_at": moment, "directory": str(store.directory),
                 "packaged": str(PACKAGED), **about}
        content = _json(about)
        found = [Item(path.relative_to(directory).as_posix(), path.stat().st_size, path)
                 for path in sorted(directory.rglob("*")) if path.is_file() and path != directory / DATABASE]
        database = Item(DATABASE, (directory / DATABASE).stat().st_size, directory / DATABASE)
        return Backup(directory, [Item(ABOUT, len(content), content=content), database, *found], moment)
    except BaseException:
        store.disk.remove(directory)
        raise


def _hold(store: Store, connection: sqlite3.Connection, directory: Path) -> dict[str, Any]:
    """Copy the database, and link what its rows name; in the writing thread, so that nothing of it goes meanwhile."""
    directory.mkdir(mode=0o700)
    back_up(connection, directory / DATABASE, store.disk)
    sources = {store.blob(row["blob"]) for row in connection.execute(NAMED)}
    for row in connection.execute("SELECT path, adapter FROM models"):
        sources |= {Path(path) for path in row if path is not None}
    # A model moves from its job to its place before a row names it: jobs are taken first, then their models' places.
    sources |= {store.directory / folder / row["id"] for folder in ("jobs", "models")
                for row in connection.execute("SELECT id FROM jobs WHERE finished_at IS NULL")}
    bases = store.directory / "bases"
    links = {path.relative_to(bases).as_posix(): os.readlink(path)  # noqa: PTH115 - as somebody made it
             for pattern in ("*", "*/*") for path in bases.glob(pattern) if path.is_symlink()}
    for source in sorted({*sources, bases}):
        if source.is_relative_to(store.directory):
            _take(source, store.directory, directory)
    return {"linked": links}


def _take(source: Path, root: Path, directory: Path) -> None:
    """Link a file, or a folder's, at the same place below DIRECTORY; what a trainer removes meanwhile is left out."""
    if source.is_symlink():
        return
    if source.is_dir():
        with contextlib.suppress(FileNotFoundError):
            for path in source.iterdir():
                _take(path, root, directory)
        return
    name = source.relative_to(root).as_posix()
    target = directory / name
    if not allowed(name) or target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if source.name == EVENTS:
            shutil.copyfile(source, target)
            return
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:  # a file system without hard links
            shutil.copyfile(source, target)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"
