"""A real HTTP server on the loopback that answers what a test has written down."""

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Answer:
    """One answer; `cut` closes the connection after so many bytes of the body, -1 before the status line.

    It begins once `after` is set, and ends once `hold` is.
    """

    body: Any = b""
    status: int = 200
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    after: threading.Event | None = None
    hold: threading.Event | None = None

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Request:
    """What a client has asked; headers by lower-case name."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedServer:
    """Answers requests in the order of its script; by path where the script is a mapping."""

    def __init__(self, *answers: Answer, by_path: Mapping[str, Answer] | None = None) -> None:
        self.requests: list[Request] = []
        self._answers = deque(answers)
        self._by_path = dict(by_path or {})
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                owner.requests.append(Request(self.command, self.path, headers, body))
                owner._write(self, owner._next(self.path))

            do_GET = do_POST = do_DELETE = answer  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _next(self, path: str) -> Answer:
        for part, answer in self._by_path.items():
            if part in path:
                return answer
        return self._answers.popleft() if self._answers else Answer({"error": {"message": "script ended"}}, 418)

    def _write(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        handler.close_connection = True
        if answer.after is not None:
            answer.after.wait(60)
        if answer.cut == -1:
            return
        handler.send_response(answer.status)
        for name, value in {"Content-Type": answer.type, "Connection": "close", **answer.headers}.items():
            handler.send_header(name, value)
        if not answer.type.startswith("text/event-stream"):
            handler.send_header("Content-Length", str(len(answer.data)))
        handler.end_headers()
        handler.wfile.write(answer.data if answer.cut is None else answer.data[:answer.cut])
        handler.wfile.flush()
        if answer.hold is not None:
            answer.hold.wait(60)


def chunk(text: str, *, index: int = 0, finish_reason: str | None = None) -> dict[str, Any]:
    """One chunk of a streamed completion, as the engine sends it."""
    return {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "usage": None,
            "choices": [{"index": index, "text": text, "finish_reason": finish_reason, "logprobs": None}]}


USAGE = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [],
         "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}


def chat_chunk(text: str | None, *, index: int = 0, finish_reason: str | None = None) -> dict[str, Any]:
    """One chunk of a streamed chat; the first of a choice has its role, the last no text."""
    delta = {"role": "assistant", "content": ""} if text is None else {"content": text} if text else {}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "usage": None,
            "choices": [{"index": index, "delta": delta, "finish_reason": finish_reason, "logprobs": None}]}


def chat(*texts: str, finish_reason: str = "stop") -> Answer:
    """A whole chat answer."""
    return Answer({**USAGE, "object": "chat.completion", "choices": [
        {"index": index, "message": {"role": "assistant", "content": text, "refusal": None},
         "finish_reason": finish_reason, "logprobs": None} for index, text in enumerate(texts)]})


def events(*chunks: object, done: bool = True) -> Answer:
    """A server-sent-events answer."""
    lines = [f"data: {one if isinstance(one, str) else json.dumps(one)}\n\n" for one in chunks]
    return Answer("".join([*lines, "data: [DONE]\n\n" if done else ""]).encode(), type="text/event-stream")


def completion(*texts: str, finish_reason: str | None = "stop") -> Answer:
    """A whole completion."""
    return Answer({**USAGE, "choices": [
        {"index": index, "text": text, "finish_reason": finish_reason, "logprobs": None}
        for index, text in enumerate(texts)]})


def job(job_id: str = "ftjob-1", status: str = "queued", **more: Any) -> dict[str, Any]:
    """A job object."""
    return {"id": job_id, "object": "fine_tuning.job", "created_at": 1_700_000_000, "status": status,
            "model": "pen-tiny", "fine_tuned_model": None, "finished_at": None, "hyperparameters": {},
            "organization_id": "org-local", "result_files": [], "seed": 0, "trained_tokens": None,
            "training_file": "file-1", "validation_file": None, "error": None, "metadata": {}, **more}


def listing(*data: Mapping[str, Any]) -> Answer:
    """A page that is the last."""
    return Answer({"object": "list", "data": list(data), "has_more": False})


def error(status: int, code: str | None = None, *, message: str = "said by the provider",
          headers: Mapping[str, str] | None = None) -> Answer:
    """An error body."""
    return Answer({"error": {"message": message, "type": "t", "param": None, "code": code}}, status,
                  headers=headers or {})
