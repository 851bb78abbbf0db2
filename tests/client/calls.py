"""The calls that a provider answers, and a client that makes them without a pause."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pen_backend.client import Client
from pen_backend.client.exchange import USUAL, Bounds
from pen_backend.secrets import Secret
from tests.client.hostile_server import Hostile, Talk, hostile

ASK = {"model": "m", "prompt": "p", "max_tokens": 5}
KEY = "sk-canary-0123456789"
SSE = "text/event-stream"


@contextmanager
def against(talk: Talk, bounds: Bounds = USUAL, *, reads: bool = True, local: bool = False,
            ) -> Iterator[tuple[Client, Hostile]]:
    """A client of a provider that talks so; it repeats without a pause."""
    with hostile(talk, reads=reads) as server:
        yield Client(server.base_url, Secret(KEY), local=local, bounds=bounds, sleep=lambda seconds: None), server


@contextmanager
def soon(seconds: float = 20.0) -> Iterator[None]:
    """Fail if what is done here takes longer: it would go on for ever, or for a minute, without a limit."""
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < seconds


def whole(client: Client) -> None:
    client.complete(ASK)


def streamed(client: Client) -> None:
    list(client.stream(ASK))


def listed(client: Client) -> None:
    client.jobs()


def downloaded(client: Client) -> None:
    client.file_content("file-1")


def uploaded(client: Client) -> None:
    client.upload("a.jsonl", b"x" * (8 << 20))


def created(client: Client) -> None:
    client.create_job({"model": "m", "training_file": "f"}, "k1")


EVERY = [whole, streamed, listed, downloaded, uploaded, created]
