"""The inference worker: frames in, tokens out (engine.md section 1).

    python -P -m pen_backend.engine.infer

A frame is four bytes of length, big-endian, and JSON: an object, or a list of events that came of one model step. All
requests for a model share its steps; a cancelled one leaves before the next. Models are loaded and chats are rendered
beside the thread that writes, so that a stream goes on meanwhile.
"""

import json
import os
import queue
import struct
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from pen_backend.engine.nn.outcome import from_exception

if TYPE_CHECKING:
    from pen_backend.engine.nn.answers import Answer
    from pen_backend.engine.nn.batching import Batch
    from pen_backend.engine.nn.loaded import Base, Models, Reference

FRAME_LIMIT = 64 << 20
PREPARING = 4
"""Threads that load and render; models are loaded one at a time, and a chat need not wait for one."""
END = object()

Frame = dict[str, Any]
Item = Frame | Callable[[], None] | None
"""What a worker finds in its inbox: a frame, something that another thread leaves to do, or the end."""


@dataclass(slots=True)
class Running:
    """A request in progress: where its rows are written, and what is to be read before that."""

    answer: "Answer"
    batch: "Batch"
    reading: Iterator[None]


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


def write_frame(stream: BinaryIO, frame: Frame | list[Frame]) -> None:
    """Write one frame."""
    body = json.dumps(frame, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    stream.write(struct.pack(">I", len(body)) + body)
    stream.flush()


class Worker:
    """Takes frames from a queue between model steps; every open request has a part in each step of its model."""

    def __init__(self, models: "Models", inbox: "queue.SimpleQueue[Item]", output: BinaryIO) -> None:
        self._models = models
        self._inbox = inbox
        self._output = output
        self._threads = ThreadPoolExecutor(PREPARING, thread_name_prefix="prepare")
        self._preparing: set[str] = set()
        self._running: dict[str, Running] = {}
        self._reading: deque[Running] = deque()
        self._generated = 0

    def run(self) -> None:
        """Serve until the input ends."""
        while True:
            while not self._running or not self._inbox.empty():
                item = self._inbox.get()
                if item is None:
                    return
                if callable(item):
                    item()
                else:
                    self._guarded(item.get("id"), partial(self._handle, item), model=_model_id(item))
            self._step()

    def _handle(self, frame: Frame) -> None:
        from pen_backend.engine.nn.loaded import Reference

        match frame.get("op"):
            case "load":
                reference = Reference.of(frame["model"])
                self._beside(None, reference.id, lambda: self._models.get(reference),
                             lambda base: self._loaded(reference.id, base))
            case "generate":
                self._prepare(frame, Reference.of(frame["model"]))
            case "cancel":
                self._cancel(frame["id"])
            case "unload":
                self._models.forget(_model_id(frame) or "")
            case "stats":
                open_ = sum(running.answer.usage.completion_tokens for running in self._running.values())
                self._send({"event": "stats", "id": frame["id"], "generated_tokens": self._generated + open_,
                            "loaded": sorted(self._models.names)})
            case other:
                raise ValueError(f"there is no operation {other!r}")

    def _prepare(self, frame: Frame, reference: "Reference") -> None:
        """Make a request of a frame: at once if its model is loaded and no template is to be rendered."""
        from pen_backend.engine.nn.answers import Answer
        from pen_backend.engine.nn.requests import read_request

        def begun(base: "Base") -> tuple["Base", Answer]:
            request = read_request(frame, base.vocabulary, base.context_length, base.chat)
            return base, Answer(base.vocabulary, request, reference.adapter)

        base = self._models.find(reference)
        if base is not None and frame.get("messages") is None:
            self._begin(*begun(base))
            return
        self._preparing.add(frame["id"])
        self._beside(frame["id"], reference.id, lambda: begun(self._models.get(reference)),
                     lambda pair: self._begin(*pair) if frame["id"] in self._preparing else None)

    def _begin(self, base: "Base", answer: "Answer") -> None:
        self._preparing.discard(answer.request.id)
        batch = base.batch(answer.adapter)
        running = self._running[answer.request.id] = Running(answer, batch, answer.read(batch.decoder))
        self._reading.append(running)

    def _loaded(self, model: str, base: "Base") -> None:
        vocabulary = base.vocabulary
        self._send({"event": "loaded", "model": model, "context_length": base.context_length,
                    "vocab_size": vocabulary.size, "bos": vocabulary.bos, "eos": vocabulary.eos})

    def _beside(self, request_id: str | None, model: str, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Do WORK in another thread, and THEN something with what came of it in this one."""
        def done() -> None:
            self._guarded(request_id, lambda: then(future.result()), model=model)

        future = self._threads.submit(work)
        future.add_done_callback(lambda _: self._inbox.put(done))

    def _cancel(self, request_id: str) -> None:
        if request_id in self._preparing:
            self._preparing.remove(request_id)
            self._send(_done(request_id, 0, 0, cancelled=True))
        elif request_id in self._running:
            self._send(self._leave(request_id, cancelled=True))

    def _step(self) -> None:
        """Take one request that is still read a step further, and every batch; send what came of it in one frame."""
        if self._reading:
            running = self._reading.popleft()
            self._guarded(running.answer.request.id, lambda: self._read(running))
        events: list[Frame] = []
        for batch in {id(running.batch): running.batch for running in self._running.values()}.values():
            try:
                touched = batch.step()
            except Exception as error:
                for request_id in [name for name, running in self._running.items() if running.batch is batch]:
                    self._fail(request_id, None, error)
                continue
            for answer in touched:
                events += answer.events
                answer.events.clear()
                if answer.done:
                    events.append(self._leave(answer.request.id))
        if events:
            self._send(events)

    def _read(self, running: Running) -> None:
        """Read what comes before a request's rows; then these may join their batch."""
        if next(running.reading, END) is END:
            running.batch.add(running.answer)
        else:
            self._reading.append(running)

    def _leave(self, request_id: str, *, cancelled: bool = False) -> Frame:
        """Take a request out of everything; return its last event."""
        running = self._running.pop(request_id)
        running.batch.drop(running.answer)
        if running in self._reading:
            self._reading.remove(running)
        usage = running.answer.usage
        self._generated += usage.completion_tokens
        return _done(request_id, usage.prompt_tokens, usage.completion_tokens, cancelled=cancelled)

    def _guarded(self, request_id: str | None, action: Callable[[], None], *, model: str | None = None) -> None:
        """Run one thing; whatever goes wrong ends this request only, and its sender hears of it."""
        try:
            action()
        except Exception as error:
            self._fail(request_id, model, error)

    def _fail(self, request_id: str | None, model: str | None, error: Exception) -> None:
        from pen_backend.engine.nn.requests import RequestError

        if request_id in self._running:
            self._leave(request_id)
        self._preparing.discard(request_id or "")
        failure = error if isinstance(error, RequestError) else from_exception(error)
        message = failure.message
        if failure.code == "internal_error":
            traceback.print_exception(error)
            message = f"The model could not answer ({type(error).__name__}); worker.log in the engine's directory " \
                      "has the details."
        whom = {"model": model} if request_id is None else {"id": request_id}
        self._send({"event": "error", **whom, "code": failure.code, "message": message, "param": failure.param})

    def _send(self, frame: Frame | list[Frame]) -> None:
        write_frame(self._output, frame)


def _done(request_id: str, prompt_tokens: int, completion_tokens: int, *, cancelled: bool = False) -> Frame:
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return {"event": "done", "id": request_id, "usage": usage} | ({"cancelled": True} if cancelled else {})


def _model_id(frame: Frame) -> str | None:
    """Return the id of the model a frame names, as a reference or alone."""
    model = frame.get("model")
    return model.get("id") if isinstance(model, dict) else model


def receive(stream: BinaryIO, inbox: "queue.SimpleQueue[Item]") -> None:
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
    inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
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
