"""The real engine with other programs: python -P engine.py STATE SETTINGS-AS-JSON, or as it is: … --state STATE.

Every answer it gives is written to STATE/answers.jsonl, where tests hold it against OpenAI's schemas.
"""

import errno
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pen_backend.engine.__main__ import main, run
from pen_backend.engine.server import Settings, unobserved
from pen_backend.files import Disk


class NearlyFullDisk(Disk):
    """A disk with so many free bytes, or one that takes no more uploads."""

    def __init__(self, free: int | None = None, full: bool = False) -> None:
        self._free = free
        self._full = full

    def free_bytes(self, path: Path) -> int:
        return super().free_bytes(path) if self._free is None else self._free

    def append(self, descriptor: int, data: bytes) -> None:
        if self._full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().append(descriptor, data)


class Recorder:
    """Writes down what is answered: method, path, status, content type and body.

    A whole answer is written before its last part is sent: who has it finds it written down.
    """

    def __init__(self, app: ASGIApp, path: Path) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = {"method": scope.get("method"), "path": scope.get("path"), "status": 0, "content_type": ""}
        body = bytearray()
        whole = False

        async def noted(message: Message) -> None:
            nonlocal whole
            if message["type"] == "http.response.start":
                headers = {key.decode().lower(): value.decode() for key, value in message["headers"]}
                found.update(status=message["status"], content_type=headers.get("content-type", ""))
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                whole = not message.get("more_body", False)
                if whole:
                    self._write(found, body)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            if found["status"] and not whole:
                self._write(found, body)

    def _write(self, found: dict[str, Any], body: bytearray) -> None:
        with self._path.open("a") as stream:
            stream.write(json.dumps({**found, "body": body.decode("utf-8", "replace")}) + "\n")


def observing(state: Path) -> Callable[[ASGIApp], ASGIApp]:
    return lambda app: Recorder(app, state / "answers.jsonl")


if __name__ == "__main__":
    if "--state" in sys.argv:
        sys.exit(main(observe=observing(Path(sys.argv[sys.argv.index("--state") + 1]))))
    state = Path(sys.argv[1])
    given = json.loads(sys.argv[2])
    given["bases"] = [Path(path) for path in given["bases"]]
    if "log" in given:
        given["log"] = Path(given["log"])
    given["disk"] = NearlyFullDisk(**given.pop("disk", {}))
    observe = observing(state) if given.pop("record", True) else unobserved
    sys.exit(run(Settings(state, observe=observe, **given), state / "engine.json"))
