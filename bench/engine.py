"""How soon the engine is ready, and how it bears a thousand streams at once.

Run it: python -m bench engine

Ready is from the start of the process to its first answer, with everything it imports; torch is not among that. The
streams are of a random two-layer model; the bound is what the inference worker takes for the same requests by itself,
without HTTP, with nothing else to do. Rounds alternate. The client has a core's worth of work of its own beside them.
"""

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.row import Row
from bench.streams import alone, streams
from pen_backend.secrets import child_environment

STARTS = 11
ROUNDS = 3
STREAMS = 1000
TOKENS = 8
DEADLINE = 60.0
WORKER = [sys.executable, "-P", "-m", "pen_backend.engine.infer"]


@dataclass(frozen=True, slots=True)
class Started:
    """A running engine, and the seconds until it answered."""

    pid: int
    port: int
    token: str
    seconds: float


def rows() -> list[Row]:
    """Measure the start, then the streams."""
    with TemporaryDirectory(prefix="pen-bench-") as name:
        ready = []
        for number in range(STARTS):
            with started(Path(name) / str(number)) as engine:
                ready.append(engine.seconds)
                assert "libtorch" not in Path(f"/proc/{engine.pid}/maps").read_text()
        ratios, peaks = crowd(Path(name) / "crowd")
    return [
        {"name": "engine-ready", "ratio": statistics.median(ready), "against": "s to the first answer", "goal": 1.0,
         "better": "lower", "values": ready},
        {"name": "engine-streams", "ratio": statistics.median(ratios), "goal": 2.0, "better": "lower",
         "against": f"the worker alone, {STREAMS:,} streams", "values": ratios},
        {"name": "engine-streams-memory", "ratio": max(peaks), "against": "MB of the server", "goal": 300.0,
         "better": "lower", "values": peaks},
    ]


def crowd(state: Path) -> tuple[list[float], list[float]]:
    """Stream all at once, with the worker alone between; return the ratios and the server's peaks in MB."""
    from tests.engine.nn.tiny import make_model

    base = make_model(state / "bases" / "two-layer")
    model = {"id": "two-layer", "path": str(base), "adapter": None}
    bodies = [{"model": "two-layer", "prompt": f"Question {number}: what comes after", "max_tokens": TOKENS,
               "seed": number} for number in range(STREAMS)]
    ratios, peaks = [], []
    with started(state) as engine:
        streams(engine.port, engine.token, bodies[:1])
        for _ in range(ROUNDS):
            bound = alone(WORKER, child_environment(environment()), model, bodies)
            seconds, found = streams(engine.port, engine.token, bodies)
            wrong = [one for one in found if not one.whole]
            if wrong:
                raise RuntimeError(f"{len(wrong)} of {STREAMS} streams were not answered: {wrong[0].body[-300:]!r}")
            ratios.append(seconds / bound)
            peaks.append(peak(engine.pid))
    return ratios, peaks


@contextmanager
def started(state: Path, environ: Mapping[str, str] | None = None) -> Iterator[Started]:
    """Run an engine on a state directory for a while."""
    environ = dict(environ or environment())
    state.mkdir(exist_ok=True, parents=True, mode=0o700)
    begun = time.monotonic()
    with (state / "engine.log").open("ab") as log, subprocess.Popen(
            [sys.executable, "-P", "-m", "pen_backend.engine", "--state", str(state)], env=environ, stdout=log,
            stderr=log, stdin=subprocess.DEVNULL) as process:
        try:
            port, token = _ready(state, process)
            yield Started(process.pid, port, token, time.monotonic() - begun)
        finally:
            process.terminate()
            process.wait(DEADLINE)


def _ready(state: Path, process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    """Wait for the runtime file, then for an answer."""
    deadline = time.monotonic() + DEADLINE
    while not (state / "engine.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError((state / "engine.log").read_text()[-2000:])
        time.sleep(0.002)
    told = json.loads((state / "engine.json").read_text())
    port = int(told["base_url"].rpartition(":")[2].removesuffix("/v1"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {told['token']}"})
    assert connection.getresponse().status == 200
    connection.close()
    return port, str(told["token"])


def environment() -> dict[str, str]:
    """Return what the engine is started with: one thread, so that figures compare."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PEN_ENGINE_THREADS": "1"}


def peak(pid: int) -> float:
    """Read the most memory a process has held, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM:"))
