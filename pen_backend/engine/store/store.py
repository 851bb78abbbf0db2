"""What the engine keeps: one SQLite database, written by one thread over one connection, and content-addressed blobs.

Layout below the state directory: pen.db with its backup and seal, lock, blobs/sha256/ab/cdef…, jobs/ID/, models/ID/,
bases/NAME/, tmp/, ballast.
A row that names a blob is written after the blob is durable; what a crash leaves behind is unreferenced, never half.
"""

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pen_backend.engine.store import integrity
from pen_backend.engine.store.ballast import BALLAST_BYTES, Ballast
from pen_backend.engine.store.migrations import migrate
from pen_backend.errors import DataError
from pen_backend.files import Disk, sweep

GARBAGE_SECONDS = 24 * 3600

Result = TypeVar("Result")


class Store:
    """The database and the blobs below one directory; safe to call from any thread."""

    def __init__(self, directory: Path, *, disk: Disk | None = None, ballast: int = BALLAST_BYTES) -> None:
        self.directory = directory
        self.disk = disk or Disk()
        for name in ("blobs/sha256", "jobs", "models", "bases", "tmp"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        for name in ("tmp", "models", "."):
            sweep(directory / name, self.disk)
        self.ballast = Ballast(directory / "ballast", self.disk, size=ballast)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            self._connection = self._writer.submit(self._open).result()
        except BaseException:
            self._writer.shutdown()
            raise

    def close(self) -> None:
        """Finish what is being written and close the database."""
        self._writer.submit(self._close).result()
        self._writer.shutdown()

    def transact(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run FUNCTION in one transaction of the writing thread; all of it becomes durable, or nothing.

        On a full disk the ballast is given up, and FUNCTION runs a second time.
        """
        return self._writer.submit(self._transaction_with_ballast, function).result()

    def read(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run FUNCTION, which only reads, in the store's thread."""
        return self._writer.submit(function, self._connection).result()

    def _transaction_with_ballast(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            return self._transaction(function)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL or not self.ballast.give_up():
                raise
        return self._transaction(function)

    def _transaction(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = function(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # after a full disk, SQLite itself has rolled back
                self._connection.execute("ROLLBACK")
            raise
        return result

    def _close(self) -> None:
        integrity.copy(self._connection, self.directory, self.disk)
        self._connection.close()
        integrity.seal(self.directory, self.disk)

    def _open(self) -> sqlite3.Connection:
        path = self.directory / integrity.DATABASE
        integrity.examine(self.directory, self.disk)
        integrity.unseal(self.directory, self.disk)
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            self._set_up(connection)
        except sqlite3.DatabaseError as error:
            connection.close()
            raise DataError(f"The store cannot be opened ({error}).", where=str(path),
                            hint="Make room, restore a backup, or choose another --state.") from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON",
                       "wal_autocheckpoint=1000", f"journal_size_limit={64 << 20}", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        migrate(connection, self.directory, self.disk)

    # Blobs

    def blob(self, sha256: str) -> Path:
        """Locate a blob by the hash of its content."""
        return self.directory / "blobs" / "sha256" / sha256[:2] / sha256[2:]

    @contextlib.contextmanager
    def temporary(self) -> Iterator[Path]:
        """Name a file below tmp/, gone at the end unless it became a blob."""
        path = self.directory / "tmp" / f"upload-{time.monotonic_ns()}.tmp-{os.getpid()}"
        try:
            yield path
        finally:
            self.disk.remove(path)

    def publish_blob(self, temporary: Path, sha256: str) -> Path:
        """Make a written and synced file a blob: read-only, durable under its hash; equal content exists once."""
        final = self.blob(sha256)
        if not final.exists():
            temporary.chmod(0o400)
            final.parent.mkdir(exist_ok=True)
            self.disk.sync_directory(final.parent.parent)
            self.disk.publish(temporary, final)
        return final

    def add_blob(self, data: bytes) -> str:
        """Keep DATA as a blob; return its hash."""
        sha256 = hashlib.sha256(data).hexdigest()
        with self.temporary() as path:
            self.disk.write(path, data)
            self.publish_blob(path, sha256)
        return sha256

    def collect_garbage(self, *, now: float | None = None) -> int:
        """Remove blobs that no file and no unfinished job names, if they are older than a day; count them."""
        def referenced(connection: sqlite3.Connection) -> set[str]:
            rows = connection.execute(
                "SELECT blob FROM files UNION SELECT training_blob FROM jobs WHERE finished_at IS NULL "
                "UNION SELECT validation_blob FROM jobs WHERE finished_at IS NULL AND validation_blob IS NOT NULL")
            return {row[0] for row in rows}

        keep = self.read(referenced)
        limit = (time.time() if now is None else now) - GARBAGE_SECONDS
        removed = 0
        for path in (self.directory / "blobs" / "sha256").glob("*/*"):
            if path.parent.name + path.name not in keep and path.stat().st_mtime < limit:
                self.disk.remove(path)
                removed += 1
        return removed
