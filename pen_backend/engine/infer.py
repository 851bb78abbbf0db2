"""The inference worker: frames in, tokens out (engine.md section 1).

    python -P -m pen_backend.engine.infer

A frame is four bytes of length, big-endian, and JSON. Requests take turns, one model step each, so that a long answer
does not hold up a short one and a cancelled one stops within a step.
"""

import json
import os
import queue
import struct
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from pen_backend.engine.nn.outcome import from_exception

if TYPE_CHECKING:
    from pen_backend.engine.nn.answers import Usage
    from pen_backend.engine.nn.loaded import Base, Models, Reference

FRAME_LIMIT = 64 << 20
Frame = dict[str, Any]


@dataclass(slots=True)
class Running:
    """A request in progress: its generator, the model it runs on, and what it has used."""

    steps: Iterator[list[Frame]]
    base: "Base"
    reference: "Reference"
    usage: "Usage"


def read_frame(stream: BinaryIO) -> Frame | None:
    """Read one frame; None at the end of the stream, also in the middle of a frame."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    length = struct.unpack(">I", head)[0]
    if length > FRAME_LIMIT:
        return None
    body = stream.read(length)
    value = json.loads(body) if len(body) == length else None
    return value if isinstance(value, dict) else None


def write_frame(stream: BinaryIO, frame: Frame) -> None:
    """Write one frame."""
    body = json.dumps(frame, ensure_ascii=False, allow_nan=False).encode()
    stream.write(struct.pack(">I", len(body)) + body)
    stream.flush()


class Worker:
    """Takes frames from a queue between model steps and gives every open request its turn."""

    def __init__(self, models: "Models", inbox: "queue.SimpleQueue[Frame | None]", output: BinaryIO) -> None:
        self._models = models
        self._inbox = inbox
        self._output = output
        self._running: dict[str, Running] = {}
        self._generated = 0

    def run(self) -> None:
        """Serve until the input ends."""
        while True:
            while not self._running or not self._inbox.empty():
                frame = self._inbox.get()
                if frame is None:
                    return
                self._guarded(frame.get("id"), lambda frame=frame: self._handle(frame), model=_model_id(frame))
            for request_id in list(self._running):
                self._guarded(request_id, lambda request_id=request_id: self._step(request_id))

    def _handle(self, frame: Frame) -> None:
        from pen_backend.engine.nn.loaded import Reference

        match frame.get("op"):
            case "load":
                base = self._models.get(Reference.of(frame["model"]))
                vocabulary = base.vocabulary
                self._send({"event": "loaded", "model": frame["model"]["id"], "context_length": base.context_length,
                            "vocab_size": vocabulary.size, "bos": vocabulary.bos, "eos": vocabulary.eos})
            case "generate":
                self._start(frame, Reference.of(frame["model"]))
            case "cancel":
                if running := self._running.pop(frame["id"], None):
                    self._done(frame["id"], running, cancelled=True)
            case "unload":
                self._models.forget(_model_id(frame) or "")
            case "stats":
                self._send({"event": "stats", "id": frame["id"], "generated_tokens": self._generated,
                            "loaded": sorted(self._models.names)})
            case other:
                raise ValueError(f"there is no operation {other!r}")

    def _start(self, frame: Frame, reference: "Reference") -> None:
        from pen_backend.engine.nn.answers import Usage, answer
        from pen_backend.engine.nn.requests import read_request

        base = self._models.get(reference)
        request = read_request(frame, base.vocabulary, base.context_length, base.chat)
        usage = Usage()
        self._running[request.id] = Running(answer(base.model, base.vocabulary, request, usage), base, reference, usage)

    def _step(self, request_id: str) -> None:
        """Give one request its turn: a single model step."""
        running = self._running[request_id]
        before = running.usage.completion_tokens
        running.base.use(running.reference.adapter)
        events = next(running.steps, None)
        self._generated += running.usage.completion_tokens - before
        for event in events or ():
            self._send(event)
        if events is None:
            del self._running[request_id]
            self._done(request_id, running)

    def _done(self, request_id: str, running: Running, *, cancelled: bool = False) -> None:
        usage = {"prompt_tokens": running.usage.prompt_tokens, "completion_tokens": running.usage.completion_tokens}
        self._send({"event": "done", "id": request_id, "usage": usage} | ({"cancelled": True} if cancelled else {}))

    def _guarded(self, request_id: str | None, action: Any, *, model: str | None = None) -> None:
        """Run one thing; whatever goes wrong ends this request only, and its sender hears of it."""
        from pen_backend.engine.nn.requests import RequestError

        try:
            action()
        except RequestError as error:
            self._fail(request_id, model, error.code, error.message, error.param)
        except Exception as error:
            failure = from_exception(error)
            if failure.code == "internal_error":
                traceback.print_exc()
            self._fail(request_id, model, failure.code, failure.message, failure.param)

    def _fail(self, request_id: str | None, model: str | None, code: str, message: str, param: str | None) -> None:
        if request_id is not None:
            self._running.pop(request_id, None)
        whom = {"model": model} if request_id is None else {"id": request_id}
        self._send({"event": "error", **whom, "code": code, "message": message, "param": param})

    def _send(self, frame: Frame) -> None:
        write_frame(self._output, frame)


def _model_id(frame: Frame) -> str | None:
    """Return the id of the model a frame names, as a reference or alone."""
    model = frame.get("model")
    return model.get("id") if isinstance(model, dict) else model


def receive(stream: BinaryIO, inbox: "queue.SimpleQueue[Frame | None]") -> None:
    """Read frames into the inbox until the stream ends."""
    frame: Frame | None = {}
    while frame is not None:
        try:
            frame = read_frame(stream)
        except ValueError:
            frame = None
        inbox.put(frame)


def main() -> int:
    """Serve on standard input and output until the input ends."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the frames
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    inbox: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
    threading.Thread(target=receive, args=(sys.stdin.buffer, inbox), daemon=True).start()
    # After the reader has started: torch takes seconds to load, and requests may queue meanwhile.
    from pen_backend.engine.nn.device import choose_device, limit_threads
    from pen_backend.engine.nn.loaded import Models

    limit_threads(int(os.environ.get("PEN_ENGINE_THREADS", "1")))
    try:
        Worker(Models(choose_device().torch), inbox, output).run()
    except BrokenPipeError:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
