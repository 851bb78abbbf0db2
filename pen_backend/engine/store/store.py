"""What the engine keeps: one SQLite database, written by one thread over one connection, and content-addressed blobs.

Layout below the state directory: pen.db with its backup and seal, lock, blobs/sha256/ab/cdef…, jobs/ID/, models/ID/,
bases/NAME/, tmp/, ballast.
A row that names a blob is written after the blob is durable; what a crash leaves behind is unreferenced, never half.
"""

import contextlib
import hashlib
import logging
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
LOG_BYTES, LOG_MOST_BYTES = 256 << 10, 64 << 20  # of the write-ahead log: kept from the start, and kept at most

NAMED = ("SELECT id AS file, blob FROM files UNION SELECT NULL, training_blob FROM jobs WHERE finished_at IS NULL "
         "UNION SELECT NULL, validation_blob FROM jobs WHERE finished_at IS NULL AND validation_blob IS NOT NULL")

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


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

    def transact(self, function: Callable[[sqlite3.Connection], Result], *,
                 freeing: Callable[[sqlite3.Connection], object] | None = None) -> Result:
        """Run FUNCTION in one transaction of the writing thread; all of it becomes durable, or nothing.

        On a full disk room is made, and FUNCTION runs again: the write-ahead log begins anew, the ballast is given up,
        and last of all FREEING removes, for a deletion, the files that it is about: else nobody could ever make room.
        """
        return self._writer.submit(self._transaction_with_room, function, freeing).result()

    def read(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run FUNCTION, which only reads, in the store's thread."""
        return self._writer.submit(function, self._connection).result()

    def _transaction_with_room(self, function: Callable[[sqlite3.Connection], Result],
                               freeing: Callable[[sqlite3.Connection], object] | None) -> Result:
        makers: list[Callable[[], object]] = [lambda: None, self.ballast.give_up]
        if freeing is not None:
            makers.append(lambda: freeing(self._connection))
        for make_room in makers:
            try:
                return self._transaction(function)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise
                make_room()
                self._begin_log()
        return self._transaction(function)

    def _begin_log(self) -> None:
        """Take what the write-ahead log holds into the database; the next transaction is written over it."""
        with contextlib.suppress(sqlite3.OperationalError):  # the database may have to grow for it, and cannot
            self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()

    def _reserve_log(self, connection: sqlite3.Connection) -> None:
        """Give the write-ahead log room for small transactions while there is any; SQLite takes zeros for its end.

        The database has grown by then to what it holds: neither needs more room for what a full disk needs most.
        """
        log = self.directory / f"{integrity.DATABASE}-wal"
        with contextlib.suppress(sqlite3.OperationalError, OSError):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            with log.open("r+b") as stream:
                os.posix_fallocate(stream.fileno(), 0, LOG_BYTES)

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
            self._reserve_log(connection)
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
                       "wal_autocheckpoint=1000", f"journal_size_limit={LOG_MOST_BYTES}", "trusted_schema=OFF"):
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

    def drop_blob(self, connection: sqlite3.Connection, sha256: str, *, besides: str = "") -> None:
        """Remove a blob that no file BESIDES this one and no unfinished job names; in the writing thread.

        Whoever names a blob makes sure in the same transaction that it is there.
        """
        if not connection.execute(f"SELECT 1 FROM ({NAMED}) WHERE blob = ? AND file IS NOT ?",  # noqa: S608 - our words
                                  (sha256, besides)).fetchone():
            try:
                self.disk.remove(self.blob(sha256))
            except OSError as error:
                _log.warning("the content of a deleted file stays for a day: %s", error.strerror)

    def collect_garbage(self, *, now: float | None = None) -> int:
        """Forget expired files, and remove blobs that nothing names, if they are older than a day; count these."""
        moment = time.time() if now is None else now
        with contextlib.suppress(sqlite3.OperationalError):  # a full disk: they are not shown, and go at another start
            self.transact(lambda connection: connection.execute("DELETE FROM files WHERE expires_at <= ?", (moment,)))
        keep = self.read(lambda connection: {row["blob"] for row in connection.execute(NAMED)})
        limit = moment - GARBAGE_SECONDS
        removed = 0
        for path in (self.directory / "blobs" / "sha256").glob("*/*"):
            if path.parent.name + path.name not in keep and path.stat().st_mtime < limit:
                self.disk.remove(path)
                removed += 1
        return removed
