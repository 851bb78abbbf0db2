"""How the database of an older pen becomes one of this pen: numbered SQL files, all in one transaction or none.

The file schema/NNNN.sql leads from version NNNN - 1 to NNNN; a released one is never changed. A backup of the old
database is durable before anything happens to it. A database of a newer pen is left alone.
"""

import os
import sqlite3
from pathlib import Path

from pen_backend.errors import DataError, VersionError
from pen_backend.files import Disk, temporary_name

SCHEMA = Path(__file__).parent / "schema"


def versions(schema: Path = SCHEMA) -> list[str]:
    """Read the SQL that makes each version of the one before, beginning with nothing."""
    files = sorted(schema.glob("*.sql"))
    if [path.stem for path in files] != [f"{number:04}" for number in range(1, len(files) + 1)]:
        raise ValueError("the schema's files are not numbered without gaps")
    return [path.read_text() for path in files]


def migrate(connection: sqlite3.Connection, directory: Path, disk: Disk, *, schema: Path = SCHEMA) -> None:
    """Bring the database of DIRECTORY up to date; VersionError if a newer pen has written it.

    DataError if what is in it does not fit the new version; nothing is changed then.
    """
    steps = versions(schema)
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(steps):
        raise VersionError(f"The store is of version {version}; this pen reads up to {len(steps)}.",
                           hint="Update pen, or choose another --state.", where=str(directory / "pen.db"))
    if version == len(steps):
        return
    if version:
        back_up(connection, directory / f"backup-v{version}.db", disk)
    connection.execute("PRAGMA foreign_keys=OFF")  # a table that is built anew is missing for a moment
    try:
        connection.execute("BEGIN IMMEDIATE")
        for sql in steps[version:]:
            _run(connection, sql)
        orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
        if orphans:
            raise DataError(f"{len(orphans)} rows of the store name others that do not exist; it stays as it is.",
                            where=str(directory / "pen.db"), hint=f"Use pen's version {version} of the store.")
        connection.execute(f"PRAGMA user_version={len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("PRAGMA foreign_keys=ON")


def back_up(connection: sqlite3.Connection, final: Path, disk: Disk) -> None:
    """Write a durable copy of the database as it is."""
    temporary = temporary_name(final)
    disk.remove(temporary)
    try:
        connection.execute("VACUUM INTO ?", (str(temporary),))
        descriptor = os.open(temporary, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, 0o600)
            disk.sync(descriptor)
        finally:
            os.close(descriptor)
        disk.publish(temporary, final)
    finally:
        disk.remove(temporary)


def _run(connection: sqlite3.Connection, sql: str) -> None:
    """Execute statement by statement: `executescript` would commit what has been done before it."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    if statement.strip():
        raise ValueError("a statement of the schema has no end")
