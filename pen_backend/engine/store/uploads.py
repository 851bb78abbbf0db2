"""The files table: names for blobs, which may expire."""

import sqlite3
import time


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
