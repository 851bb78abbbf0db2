"""The idempotency table: what a request with a key was answered; sent again, it is answered the same, no more."""

import hashlib
import sqlite3
import time
from dataclasses import dataclass

KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer of an earlier request with the same key, and whether its body was the same."""

    status: int
    answer: str
    same_body: bool


def find_answer(connection: sqlite3.Connection, key: str, body: bytes, *, now: float | None = None) -> Answered | None:
    """Find what the request with this key was answered within a day."""
    row = connection.execute("SELECT body, status, answer FROM idempotency WHERE key = ? AND expires > ?",
                             (key, time.time() if now is None else now)).fetchone()
    return None if row is None else Answered(row["status"], row["answer"], row["body"] == _digest(body))


def keep_answer(connection: sqlite3.Connection, key: str, body: bytes, status: int, answer: str, *,
                now: float | None = None) -> None:
    """Keep an answer for a day, in the transaction that does what it says; older ones go."""
    moment = time.time() if now is None else now
    connection.execute("DELETE FROM idempotency WHERE expires <= ?", (moment,))
    connection.execute("INSERT INTO idempotency (key, body, status, answer, expires) VALUES (?, ?, ?, ?, ?)",
                       (key, _digest(body), status, answer, moment + KEPT_SECONDS))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
