"""Chat templates that models bring, rendered in the model library's sandbox, in a process of its own.

    python -P -m pen_backend.engine.nn.rendering

A template is a program of whoever made the model. The library's sandbox keeps it from files and objects; this process,
a child of the worker or the trainer, keeps it from taking all time and memory: the machine's own limits end it, also
inside one long multiplication, and the next request starts another. It reads and writes lines of JSON.
"""

import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

CPU_SECONDS = 2.0
MEMORY_BYTES = 512 << 20
TEXT_LIMIT = 1 << 20  # bytes
PLACED = 64
"""Messages of a chat whose places are found before it is answered: each costs two renderings of what is before it."""
PATIENCE = 120.0
"""Seconds after which a renderer that says nothing is given up, its start on a busy machine included."""

KEPT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH")
OUT_OF_MEMORY = 71
OVER_A_LIMIT = (None, OUT_OF_MEMORY, -signal.SIGVTALRM, -signal.SIGKILL)
"""How the process ends that took too much; None is one that had to be ended."""

Message = Mapping[str, Any]
Render = Callable[[Sequence[Message], bool], str]


class TemplateError(Exception):
    """A chat template that cannot render these messages; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A chat as text, and where its messages are.

    For each message: where its text ends, and where, behind the words that ask for it, an answer begins; None if the
    template does not render what comes before as it does alone.
    """

    text: str
    ends: tuple[int | None, ...]
    answers: tuple[int | None, ...]


class Renderer:
    """The process that renders, started when it is first needed; a context that ends it."""

    def __init__(self, *, cpu_seconds: float = CPU_SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self._argv = [sys.executable, "-P", "-m", __name__, str(cpu_seconds), str(memory_bytes)]
        self._process: subprocess.Popen[bytes] | None = None
        self._rendering = threading.Lock()

    def __enter__(self) -> "Renderer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def render(self, template: str, messages: Sequence[Message], *, tools: Sequence[Mapping[str, Any]] | None = None,
               names: Mapping[str, str], ask: bool) -> Rendered:
        """Render a chat; ASK adds the words that ask for an answer, NAMES are tokens by their names in the template."""
        line = json.dumps({"template": template, "messages": list(messages), "tools": tools and list(tools),
                           "names": dict(names), "ask": ask}).encode()
        with self._rendering:
            answer = self._answer(line)
        if "error" in answer:
            raise TemplateError(str(answer["error"]))
        return Rendered(answer["text"], tuple(answer["ends"]), tuple(answer["answers"]))

    def _answer(self, line: bytes) -> dict[str, Any]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", start_new_session=True,
                env={**{key: os.environ[key] for key in KEPT if key in os.environ}, "HF_HUB_OFFLINE": "1",
                     "LC_ALL": "C.UTF-8"})
        answer = _exchange(self._process, line)
        if answer is None:
            try:
                status: int | None = self._process.wait(1.0)
            except subprocess.TimeoutExpired:
                status = None
            self.close()
            raise TemplateError("the model's chat template took too much time or memory" if status in OVER_A_LIMIT else
                                f"the program that renders chat templates has ended with status {status}")
        return answer


def _exchange(process: "subprocess.Popen[bytes]", line: bytes) -> dict[str, Any] | None:
    """Send a line and read the answer's; None if the process ends or goes silent."""
    assert process.stdin is not None  # noqa: S101 - both were asked for
    assert process.stdout is not None  # noqa: S101 - both were asked for
    deadline = time.monotonic() + PATIENCE
    received = bytearray()
    try:
        process.stdin.write(line + b"\n")
        process.stdin.flush()
        while not received.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                return None
            chunk = os.read(process.stdout.fileno(), 1 << 20)
            if not chunk:
                return None
            received += chunk
    except BrokenPipeError:
        return None
    answer = json.loads(received)
    return answer if isinstance(answer, dict) else None


def place(render: Render, messages: Sequence[Message], *, ask: bool) -> Rendered:
    """Render a chat and find its messages in it: what a message adds is what the text grows by.

    A chat that is to be answered is placed from its last messages on; a training row needs the place of each.
    """
    text = render(messages, ask)
    if len(text.encode("utf-8", "surrogatepass")) > TEXT_LIMIT:
        raise TemplateError(f"the model's chat template makes more than {TEXT_LIMIT:,} bytes of these messages")
    first = len(messages) - PLACED if ask else 0
    ends: list[int | None] = []
    answers: list[int | None] = []
    for number, message in enumerate(messages):
        placed = number >= first
        ends.append(_reached(render, messages[: number + 1], text, ask=False) if placed else None)
        answered = placed and message["role"] == "assistant"
        answers.append(_reached(render, messages[:number], text, ask=True) if answered else None)
    return Rendered(text, tuple(ends), tuple(answers))


def _reached(render: Render, messages: Sequence[Message], text: str, *, ask: bool) -> int | None:
    """Say how far into TEXT these messages reach, if it begins with what they alone are rendered as."""
    try:
        begin = render(messages, ask)
    except Exception:  # a template may refuse a part of a chat, such as a lone system message, in its own way
        return None
    return len(begin) if text.startswith(begin) else None


def _answer(line: bytes) -> dict[str, Any]:
    from transformers.utils.chat_template_utils import render_jinja_template

    asked = json.loads(line)

    def render(messages: Sequence[Message], ask: bool) -> str:
        chats: list[Any] = [list(messages)]
        texts: Any = render_jinja_template(chats, tools=asked["tools"], chat_template=asked["template"],
                                           add_generation_prompt=ask, **asked["names"])[0]
        return str(texts[0])

    try:
        found = place(render, asked["messages"], ask=asked["ask"])
    except MemoryError:
        raise
    except TemplateError as error:
        return {"error": str(error)}
    except Exception as error:  # whatever somebody else's program ends with
        said = " ".join(str(error).split())[:200] or type(error).__name__
        return {"error": f"the model's chat template does not take these messages ({said})"}
    return {"text": found.text, "ends": found.ends, "answers": found.answers}


def serve(lines: IO[bytes], output: IO[bytes], *, cpu_seconds: float) -> None:
    """Answer one line after the other; whoever takes longer is ended by the timer's signal."""
    for line in lines:
        signal.setitimer(signal.ITIMER_VIRTUAL, cpu_seconds)
        answer = json.dumps(_answer(line)).encode()
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        output.write(answer + b"\n")
        output.flush()


def main() -> int:
    """Serve on standard input and output until the input ends."""
    from transformers.utils.chat_template_utils import render_jinja_template  # noqa: F401 - before any limit holds

    cpu_seconds, memory_bytes = float(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + memory_bytes, held + memory_bytes))
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer, cpu_seconds=cpu_seconds)
    except MemoryError:
        return OUT_OF_MEMORY
    except BrokenPipeError:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
