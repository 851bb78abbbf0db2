"""Thousands of malformed requests: never a 5xx, always OpenAI's error body, and nothing of them is left behind."""

import json
import os
import random
import socket
from collections import Counter
from pathlib import Path

import pytest

from tests.engine.harness import SCRIPTED, EngineProcess, engine
from tests.engine.malformed import request
from tests.engine.scheduler.desk import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.reliability]

MEGABYTES = 20
MOST_THREADS = 3 + min(32, (os.cpu_count() or 1) + 4)  # its own, the scheduler's, the store's, and asyncio's pool
SECONDS = 60.0
WAIT_SECONDS = 0.5


def exchange(port: int, sent: bytes) -> tuple[int, bytes]:
    """Send one request over a connection of its own; return status and body, or 0 if it was only closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        received = b""
        try:
            connection.sendall(sent)
            connection.settimeout(WAIT_SECONDS)
            received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        except (ConnectionError, TimeoutError):  # a body that never ends gets no answer
            pass
    head, _, body = received.partition(b"\r\n\r\n")
    return (int(head.split(b" ", 2)[1]), body) if head.startswith(b"HTTP/1.1 ") else (0, b"")


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def assail(served: EngineProcess, draw: random.Random, count: int) -> Counter[int]:
    """Send so many; each answer that is no success has the error body."""
    seen: Counter[int] = Counter()
    for number in range(count):
        sent = request(draw, served.port, served.token)
        status, body = exchange(served.port, sent)
        seen[status] += 1
        assert status < 500, (number, sent[:2000], body)
        if status >= 400 and body:
            error = json.loads(body)
            assert set(error) == {"error"}, (number, sent[:2000], body)
            assert set(error["error"]) == {"message", "type", "param", "code"}
    return seen


def check_unharmed(tmp_path: Path, bases: Path, seed: int, count: int) -> None:
    draw = random.Random(seed)
    with engine(tmp_path / "state", bases, record=False, **SCRIPTED) as running:
        assert running.process is not None
        pid = running.process.pid
        assail(running, draw, 300)  # what is loaded and kept on the first occasion is no leak
        before = resident(pid)
        seen = assail(running, draw, count)
        assert {200, 400, 401, 403, 404, 405, 415, 421} <= set(seen), seen
        assert threads(pid) <= MOST_THREADS
        assert resident(pid) <= before + MEGABYTES
        assert running.get("/v1/models")["data"]
        wait_until(lambda: running.get("/pen/status")["completions"] == 0)  # some clients have only just gone
        assert "Traceback" not in (running.state / "engine.log").read_text()
    names = {each.name for each in (tmp_path / "state").iterdir()}
    assert not [name for name in names if ".tmp-" in name]
    assert list((tmp_path / "state" / "tmp").iterdir()) == []


def test_malformed_requests_are_refused_and_forgotten(tmp_path: Path, bases: Path, seed: int) -> None:
    check_unharmed(tmp_path, bases, seed, 2_000)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_ten_thousand_malformed_requests_are_refused_and_forgotten(tmp_path: Path, bases: Path, seed: int) -> None:
    check_unharmed(tmp_path, bases, seed, 10_000)

