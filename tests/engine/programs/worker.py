"""A worker that thinks of nothing: it answers each request with numbered words, one every DELAY seconds.

    python -P worker.py DELAY

Messages are taken for a prompt of the last one's content. A prompt of `die` kills it; `babble` is answered with a
frame over the limit; `refuse` is an error; `count` tokens are made in turns, so that a cancel stops within one.
"""

import json
import os
import queue
import struct
import sys
import threading
import time
from typing import Any

DELAY = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0


def send(event: dict[str, Any]) -> None:
    body = json.dumps(event).encode()
    os.write(1, struct.pack(">I", len(body)) + body)


def receive(frames: "queue.SimpleQueue[dict[str, Any] | None]") -> None:
    while len(head := sys.stdin.buffer.read(4)) == 4:
        frames.put(json.loads(sys.stdin.buffer.read(struct.unpack(">I", head)[0])))
    frames.put(None)


def logprobs(request: dict[str, Any], step: int) -> dict[str, Any] | None:
    if request["logprobs"] is None:
        return None
    word = {"token": f"w{step} ", "logprob": -0.5, "bytes": list(f"w{step} ".encode())}
    if request.get("messages"):
        return {"content": [{**word, "top_logprobs": [word] * request["logprobs"]}], "refusal": None}
    return {"tokens": [f"w{step} "], "token_logprobs": [-0.5], "top_logprobs": [{f"w{step} ": -0.5}],
            "text_offset": [3 * step]}


def main() -> None:
    frames: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=receive, args=(frames,), daemon=True).start()
    running: dict[str, dict[str, Any]] = {}
    generated = 0
    while True:
        while not frames.empty() or not running:
            frame = frames.get()
            if frame is None:
                return
            if frame.get("messages"):
                frame["prompts"] = [frame["messages"][-1]["content"]]
            if frame["op"] == "cancel":
                running.pop(frame["id"], None)
            elif frame["op"] == "stats":
                send({"event": "stats", "id": frame["id"], "generated_tokens": generated, "loaded": ["tiny"]})
            elif frame["op"] == "generate" and frame["prompts"] == ["die"]:
                os._exit(9)
            elif frame["op"] == "generate" and frame["prompts"] == ["babble"]:
                os.write(1, b"\xff" * 4)
            elif frame["op"] == "generate" and frame["prompts"] == ["refuse"]:
                send({"event": "error", "id": frame["id"], "code": "context_length_exceeded", "message": "too long",
                      "param": "prompt"})
            elif frame["op"] == "generate":
                running[frame["id"]] = {**frame, "step": 0}
        time.sleep(DELAY)
        for identifier, request in list(running.items()):
            step, choices = request["step"], request["n"] * len(request["prompts"])
            request["step"] += 1
            if step < (request["max_tokens"] or 5):
                for index in range(choices):
                    send({"event": "token", "id": identifier, "index": index, "text": f"w{step} ",
                          "logprobs": logprobs(request, step)})
                    generated += 1
                continue
            for index in range(choices):
                send({"event": "finish", "id": identifier, "index": index, "finish_reason": "length"})
            send({"event": "done", "id": identifier,
                  "usage": {"prompt_tokens": 2, "completion_tokens": step * choices}})
            del running[identifier]


if __name__ == "__main__":
    main()
