"""Rates measured side by side: each arm is a process of its own, and they take turns: all meet the same noise."""

import multiprocessing
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, closing
from multiprocessing.connection import Connection

DEADLINE = 600.0
Rates = Callable[[], Iterator[float]]


def measure(arms: Mapping[str, Rates], *, threads: int, rounds: int) -> dict[str, list[float]]:
    """Return the rates of each arm, round by round, after one that warms up."""
    with ExitStack() as stack:
        running = {name: stack.enter_context(closing(arm(rates, threads))) for name, rates in arms.items()}
        for one in running.values():
            next(one)
        return {name: list(values) for name, values in zip(running, zip(*(
            [next(one) for one in running.values()] for _ in range(rounds)), strict=True), strict=True)}


def arm(rates: Rates, threads: int) -> Generator[float, None, None]:
    """Run an arm in a process of its own, a round each time it is asked."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, rates, threads), daemon=True)
    process.start()
    there.close()
    try:
        while True:
            here.send(None)
            if not here.poll(DEADLINE):
                raise TimeoutError("the benchmark's process does not answer")
            yield here.recv()
    finally:
        process.kill()
        process.join()


def serve(pipe: Connection, rates: Rates, threads: int) -> None:
    """Answer each request with the next rate."""
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read when torch is imported, which no arm has done yet
    os.dup2(2, 1)  # the libraries' reports are not the benchmark's
    for rate in rates():
        pipe.recv()
        pipe.send(rate)
