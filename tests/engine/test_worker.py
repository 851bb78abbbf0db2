"""The worker's client: each request belongs to one process, and only that one's end can fail it."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pen_backend.engine.worker import Worker
from tests.engine.harness import PROGRAMS

pytestmark = pytest.mark.slow


def in_worker(directory: Path, use: Callable[[Worker], Awaitable[None]]) -> None:
    async def run() -> None:
        worker = Worker([sys.executable, "-P", str(PROGRAMS / "worker.py"), "0.002"], environ=dict(os.environ),
                        log=directory / "worker.log")
        try:
            async with asyncio.timeout(30):
                await use(worker)
        finally:
            await worker.close()

    asyncio.run(run())


async def ask(worker: Worker, prompt: str = "a", tokens: int = 3) -> dict[str, Any]:
    """Return a request's last event."""
    last: dict[str, Any] = {}
    async for events in worker.generate({"id": "m"}, {"prompts": [prompt], "n": 1, "max_tokens": tokens,
                                                      "logprobs": None}):
        last = events[-1]
    return last


def test_a_request_during_a_close_has_the_next_process(tmp_path: Path) -> None:
    async def use(worker: Worker) -> None:
        assert (await ask(worker))["event"] == "done"
        old = asyncio.create_task(ask(worker, tokens=100_000))
        await asyncio.sleep(0)
        closing = asyncio.create_task(worker.close())
        await asyncio.sleep(0)
        assert (await ask(worker))["event"] == "done"
        assert (await old)["event"] == "error"
        await closing

    in_worker(tmp_path, use)


@pytest.mark.parametrize("end", ["die", "babble"])
def test_a_request_after_a_death_has_the_next_process(tmp_path: Path, end: str) -> None:
    async def use(worker: Worker) -> None:
        assert (await ask(worker))["event"] == "done"
        dying = asyncio.create_task(ask(worker, end))
        while worker.pid is not None or not worker.busy:
            await asyncio.sleep(0)
        assert (await ask(worker))["event"] == "done"
        assert (await dying)["event"] == "error"

    in_worker(tmp_path, use)


def test_stats_and_cancels_reach_the_process_of_their_request(tmp_path: Path) -> None:
    async def use(worker: Worker) -> None:
        events = worker.generate({"id": "m"}, {"prompts": ["a"], "n": 1, "max_tokens": 100_000, "logprobs": None})
        assert (await anext(events))[0]["event"] == "token"
        await events.aclose()
        first = await worker.stats()
        second = await worker.stats()
        assert first is not None
        assert second is not None
        assert second["generated_tokens"] == first["generated_tokens"]

    in_worker(tmp_path, use)
