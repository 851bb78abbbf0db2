"""A trainer that trains nothing: python -P trainer.py JOBDIR [--check].

What it does is written in the job's own first sample prompt, as JSON: `steps`, `delay` seconds a step, `die` (at this
step, in the first attempts `deaths` of them), `exit` with `error`, `check` (an exit status), `public` steps, `deaf` to
TERM. It keeps a checkpoint after each step.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any


def main() -> int:
    jobdir = Path(sys.argv[1])
    spec = json.loads((jobdir / "spec.json").read_text())
    prompts = (spec["completions"] or {}).get("prompts") or ["{}"]
    script = {"steps": 3, "delay": 0.0, **json.loads(prompts[0])}
    if "--check" in sys.argv:
        return check(jobdir, script)
    return train(jobdir, script, int(os.environ["PEN_ATTEMPT"]))


def check(jobdir: Path, script: dict[str, Any]) -> int:
    if script.get("check"):
        write(jobdir / "error.json", script["error"])
        return int(script["check"])
    write(jobdir / "check.json", {"examples": 4, "tokens": 40, "longest": 10, "steps_per_epoch": script["steps"],
                                  "total_steps": script["steps"], "memory_bytes": script.get("memory", 1000),
                                  "findings": script.get("findings", [])})
    return 0


def train(jobdir: Path, script: dict[str, Any], attempt: int) -> int:
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: None if script.get("deaf") else stopped.append(True))
    journal = jobdir / "events.jsonl"
    seq = len(journal.read_bytes().splitlines()) if journal.exists() else 0
    total = script["steps"]
    checkpoint = jobdir / "step"
    done = int(checkpoint.read_text()) if checkpoint.exists() else 0

    def tell(kind: str, step: int, data: dict[str, Any] | None = None, message: str = "") -> None:
        nonlocal seq
        seq += 1
        event = {"seq": seq, "time": time.time(), "attempt": attempt, "step": step, "kind": kind, "level": "info",
                 "message": message, "data": data}
        with journal.open("a") as stream:
            stream.write(json.dumps(event) + "\n")

    tell("message", done, message=f"starting after step {done}")
    for step in range(done + 1, total + 1):
        time.sleep(script["delay"])
        tell("metrics", step, {"step": step, "total_steps": total, "epoch": 1, "train_loss": 1 / step,
                               "train_mean_token_accuracy": 0.5, "learning_rate": 1e-3, "tokens_per_second": 100.0},
             f"Step {step}/{total}: training loss={1 / step:.2f}")
        tell("progress", step, {"steps_done": step, "total_steps": total, "tokens_per_second": 100.0, "eta_seconds": 5})
        if step in script.get("public", []) or step == total:
            path = jobdir / "ckpt" / f"step-{step:08d}"
            model(path, step)
            tell("checkpoint", step, {"step": step, "path": str(path), "public": True, "metrics": {"train_loss": 0.5}})
        if step == script.get("die") and attempt <= script.get("deaths", 1):
            os.kill(os.getpid(), signal.SIGKILL)
        write(checkpoint, step)  # by one rename: it may be killed at any moment
        if stopped:
            return 75
    if script.get("exit"):
        write(jobdir / "error.json", script["error"])
        return int(script["exit"])
    tell("sample", total, {"step": total, "prompt": "a", "completion": "b", "finish_reason": "stop", "index": 0})
    (jobdir / "step_metrics.csv").write_text("step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n")
    write(jobdir / "result.json", {"model_path": str(jobdir / "ckpt" / f"step-{total:08d}"), "steps": total,
                                   "trained_tokens": 40, "metrics": {"train_loss": 0.25}, "seconds": 0.1})
    return 0


def model(path: Path, step: int) -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps({"max_position_embeddings": 64, "vocab_size": 100, "step": step}))
    (path / "tokenizer.json").write_text("{}")
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).encode()
    (path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))


def write(path: Path, value: object) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value))
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main())
