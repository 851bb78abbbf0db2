"""What the engine keeps: one SQLite database, written by one thread over one connection, and content-addressed blobs.

Layout below the state directory: pen.db, lock, blobs/sha256/ab/cdef…, jobs/ID/, models/ID/, bases/NAME/, tmp/.
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
from typing import BinaryIO, TypeVar

from pen_backend.errors import TooLargeError, VersionError
from pen_backend.files import Disk, sweep

SCHEMA_VERSION = 1
GARBAGE_SECONDS = 24 * 3600
CHUNK = 1 << 20

# `seq` orders by creation: several rows of one second keep their order.
SCHEMA = """
CREATE TABLE files (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    filename TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    blob TEXT NOT NULL,
    dialect TEXT,
    records INTEGER,
    expires_at INTEGER
);
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    state TEXT NOT NULL CHECK (state IN ('validating_files', 'queued', 'running', 'paused', 'succeeded', 'failed',
                                         'cancelled')),
    want TEXT NOT NULL DEFAULT 'run' CHECK (want IN ('run', 'pause', 'cancel')),
    model TEXT NOT NULL,
    training_file TEXT NOT NULL,
    training_blob TEXT NOT NULL,
    training_dialect TEXT NOT NULL,
    validation_file TEXT,
    validation_blob TEXT,
    validation_dialect TEXT,
    seed INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    hyperparameters TEXT NOT NULL,
    options TEXT NOT NULL,
    model_name TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 1,
    lease_until REAL,
    pid INTEGER,
    pid_start_time INTEGER,
    boot_id TEXT,
    events_offset INTEGER NOT NULL DEFAULT 0,
    total_steps INTEGER,
    trained_tokens INTEGER,
    fine_tuned_model TEXT,
    result_files TEXT NOT NULL DEFAULT '[]',
    error TEXT
);
CREATE INDEX jobs_state ON jobs (state, seq);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    job_id TEXT NOT NULL REFERENCES jobs (id),
    created_at INTEGER NOT NULL,
    level TEXT NOT NULL,
    type TEXT NOT NULL,
    message TEXT NOT NULL,
    data TEXT
);
CREATE INDEX events_job ON events (job_id, seq);
CREATE TABLE checkpoints (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    job_id TEXT NOT NULL REFERENCES jobs (id),
    created_at INTEGER NOT NULL,
    model TEXT NOT NULL,
    step INTEGER NOT NULL,
    metrics TEXT NOT NULL
);
CREATE INDEX checkpoints_job ON checkpoints (job_id, seq);
CREATE TABLE models (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('full', 'lora')),
    base TEXT NOT NULL,
    path TEXT NOT NULL,
    adapter TEXT,
    sha256 TEXT NOT NULL,
    job_id TEXT,
    step INTEGER,
    prompt TEXT,
    format_hash TEXT
);
"""

Result = TypeVar("Result")


class Store:
    """The database and the blobs below one directory; safe to call from any thread."""

    def __init__(self, directory: Path, *, disk: Disk | None = None) -> None:
        self.directory = directory
        self.disk = disk or Disk()
        for name in ("blobs/sha256", "jobs", "models", "bases", "tmp"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        for name in ("tmp", "models"):
            sweep(directory / name, self.disk)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._connection = self._writer.submit(self._open).result()

    def close(self) -> None:
        """Finish what is being written and close the database."""
        self._writer.submit(self._connection.close).result()
        self._writer.shutdown()

    def transact(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run FUNCTION in one transaction of the writing thread; all of it becomes durable, or nothing."""
        return self._writer.submit(self._transaction, function).result()

    def read(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run FUNCTION, which only reads, in the store's thread."""
        return self._writer.submit(function, self._connection).result()

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

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.directory / "pen.db", isolation_level=None)
        connection.row_factory = sqlite3.Row
        for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON",
                       "wal_autocheckpoint=1000", f"journal_size_limit={64 << 20}", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise VersionError(f"The store is of version {version}; this pen reads up to {SCHEMA_VERSION}.",
                               hint="Update pen, or choose another --state.", where=str(self.directory / "pen.db"))
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        return connection

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


def add_file(connection: sqlite3.Connection, *, file_id: str, filename: str, size: int, purpose: str, blob: str,
             dialect: str | None = None, records: int | None = None, expires_at: int | None = None,
             now: float | None = None) -> None:
    """Name a blob as a file; a repeated id changes nothing."""
    connection.execute(
        "INSERT OR IGNORE INTO files (id, created_at, filename, bytes, purpose, blob, dialect, records, expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (file_id, int(time.time() if now is None else now), filename, size, purpose, blob, dialect, records,
         expires_at))


def find_file(connection: sqlite3.Connection, file_id: str, *, now: float | None = None) -> sqlite3.Row | None:
    """Find a file that has not expired."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM files WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)",
        (file_id, time.time() if now is None else now)).fetchone()
    return row


class BlobWriter:
    """Write a file while counting, hashing and limiting its bytes."""

    def __init__(self, path: Path, *, limit: int, disk: Disk) -> None:
        self.bytes = 0
        self._limit = limit
        self._disk = disk
        self._hash = hashlib.sha256()
        self._stream: BinaryIO = path.open("xb", buffering=0)

    def write(self, data: bytes) -> None:
        """Append DATA, or refuse when the file grows over its limit."""
        self.bytes += len(data)
        if self.bytes > self._limit:
            raise TooLargeError(f"The file is larger than {self._limit:,} bytes.")
        self._hash.update(data)
        self._disk.append(self._stream.fileno(), data)

    def finish(self) -> str:
        """Sync the file and return its hash."""
        self._disk.sync(self._stream.fileno())
        self._stream.close()
        return self._hash.hexdigest()

    def abandon(self) -> None:
        """Close the file; whoever named it removes it."""
        self._stream.close()


NOT_THE_MODEL = frozenset({"manifest.json", "state.json", "optim.safetensors", "pen.json"})
"""Files beside a model's own: a checkpoint loses some of them when it is superseded, and stays the same model."""


def hash_directory(directory: Path) -> str:
    """Hash a model's directory: names and contents of what the model is loaded from."""
    digest = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        if path.suffix in (".json", ".safetensors", ".txt") and path.name not in NOT_THE_MODEL:
            with path.open("rb") as stream:
                digest.update(f"{path.name}\0{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
