"""Many completions at once: streamed over HTTP by a client of bare sockets, or asked of the inference worker itself."""

import asyncio
import json
import statistics
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEADLINE = 300.0
DONE = b"data: [DONE]\n\n"
UNASKED: Mapping[str, Any] = {
    "n": 1, "best_of": 1, "logprobs": None, "echo": False, "stop": [], "temperature": 1.0, "top_p": 1.0,
    "presence_penalty": 0.0, "frequency_penalty": 0.0, "logit_bias": {}}


@dataclass(frozen=True, slots=True)
class Answered:
    """One stream: its status, its whole body, and when it began and ended, in seconds after all were started."""

    status: int
    body: bytes
    first: float
    last: float

    @property
    def whole(self) -> bool:
        """Say whether it was answered to the end, without an error on the way."""
        return self.status == 200 and self.body.endswith(DONE) and b'data: {"error"' not in self.body


def streams(port: int, token: str, bodies: Sequence[Mapping[str, Any]]) -> tuple[float, list[Answered]]:
    """Stream all completions at once; return the seconds until the last one's end, and each."""
    async def together() -> tuple[float, list[Answered]]:
        begun = time.monotonic()
        async with asyncio.timeout(DEADLINE):
            found = await asyncio.gather(*(_stream(port, token, body, begun) for body in bodies))
        return time.monotonic() - begun, found

    return asyncio.run(together())


async def _stream(port: int, token: str, body: Mapping[str, Any], begun: float) -> Answered:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = json.dumps({**body, "stream": True}).encode()
    writer.write(f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
                 f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode()
                 + data)
    head = await reader.readuntil(b"\r\n\r\n")
    text, first = bytearray(await reader.read() if b"chunked" not in head else b""), 0.0
    while size := int((await reader.readline()).strip() or b"0", 16) if b"chunked" in head else 0:
        text += (await reader.readexactly(size + 2))[:-2]
        first = first or time.monotonic() - begun
    writer.close()
    return Answered(int(head.split(b" ", 2)[1]), bytes(text), first, time.monotonic() - begun)


def alone(argv: Sequence[str], environ: Mapping[str, str], model: Mapping[str, Any],
          bodies: Sequence[Mapping[str, Any]]) -> float:
    """Ask the worker itself for the same, all at once, once it has the model; return the seconds it takes."""
    with subprocess.Popen(list(argv), env=dict(environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        stdin, stdout = worker.stdin, worker.stdout
        assert stdin is not None
        assert stdout is not None

        def ask(orders: Sequence[Mapping[str, Any]]) -> float:
            begun = time.monotonic()
            for number, one in enumerate(orders):
                frame = json.dumps({"op": "generate", "id": str(number), "model": dict(model), **one}).encode()
                stdin.write(struct.pack(">I", len(frame)) + frame)
            stdin.flush()
            left = len(orders)
            while left:
                told = json.loads(stdout.read(struct.unpack(">I", stdout.read(4))[0]))
                for event in told if isinstance(told, list) else [told]:
                    assert event["event"] != "error", event
                    left -= event["event"] == "done"
            return time.monotonic() - begun

        orders = [{**UNASKED, "prompts": [body["prompt"]], "seed": body.get("seed"), "max_tokens": body["max_tokens"]}
                  for body in bodies]
        ask(orders[:1])
        seconds = ask(orders)
        stdin.close()
        worker.wait(DEADLINE)
    return seconds


def order(found: Sequence[Answered]) -> float:
    """Tell how fair the order was: the correlation of when streams were asked for and when they began."""
    return statistics.correlation(range(len(found)), [one.first for one in found])
