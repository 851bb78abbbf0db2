"""The inference worker: frames in, tokens out, turns between requests."""

import io
import json
import os
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import pen_backend.engine
from pen_backend.engine.infer import Frame, Item, Worker, read_frame, write_frame
from pen_backend.engine.nn.loaded import Base, Models, Reference
from pen_backend.engine.nn.models import load_model
from pen_backend.engine.nn.outcome import Exit, Stop
from pen_backend.engine.nn.vocabulary import Vocabulary
from pen_backend.engine.train import run_job
from tests.disks import QuickDisk
from tests.engine.nn import tiny

DEADLINE = 60.0
NEVER = {str(i): -100 for i in (0, 1, 2, 3)}
"""A bias against all tokens that could end a text."""
PEN_TINY = Path(pen_backend.engine.__file__).with_name("base") / "pen-tiny"


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_model(tmp_path_factory.mktemp("models") / "tiny")


class Output(io.BytesIO):
    """Collects what a worker sends, and calls back after each frame."""

    def __init__(self, *after: Callable[[Frame], None]) -> None:
        super().__init__()
        self.frames: list[Frame] = []
        self.after = list(after)

    def write(self, data: Any) -> int:
        frame = json.loads(bytes(data[4:]))
        for event in frame if isinstance(frame, list) else [frame]:
            self.frames.append(event)
            for call in self.after:
                call(event)
        return len(data)


def serve(models: Models, frames: list[Frame], output: Output, inbox: "queue.SimpleQueue[Item]",
          more: Iterable[str] = ()) -> list[Frame]:
    """Let a worker answer frames until every request has ended, those of MORE that come later too."""
    for frame in frames:
        inbox.put(frame)
    open_requests = {frame["id"] for frame in frames if frame["op"] == "generate"} | set(more)

    def leave_when_done(frame: Frame) -> None:
        open_requests.discard(frame["id"] if frame["event"] in ("done", "error") else None)
        if not open_requests:
            inbox.put(None)

    output.after.append(leave_when_done)
    Worker(models, inbox, output).run()
    return output.frames


def loaded(model: Path) -> Models:
    """Models of which one is in memory: what is asked of it begins in the order in which it is asked."""
    models = Models(torch.device("cpu"))
    models.get(Reference("tiny", model, None))
    return models


def ask(request_id: str, model: Path, **options: Any) -> Frame:
    return {"op": "generate", "id": request_id, "model": {"id": "tiny", "path": str(model), "adapter": None},
            "prompts": ["Question 1"], "max_tokens": 8, "seed": 1} | options


def test_frames_survive_the_wire() -> None:
    stream = io.BytesIO()
    for frame in ({"op": "stats", "id": "é😀"}, {"op": "cancel", "id": "b"}):
        write_frame(stream, frame)
    stream.seek(0)

    assert [read_frame(stream), read_frame(stream), read_frame(stream)] == [
        {"op": "stats", "id": "é😀"}, {"op": "cancel", "id": "b"}, None]


@pytest.mark.parametrize("data", [b"", b"\0\0", struct.pack(">I", 9) + b"{", struct.pack(">I", 1 << 31), b"\0\0\0\2[]"])
def test_a_torn_or_huge_frame_ends_the_stream(data: bytes) -> None:
    assert read_frame(io.BytesIO(data)) is None


def test_requests_share_steps_so_a_long_one_holds_up_no_short_one(model_folder: Path) -> None:
    inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
    frames = serve(loaded(model_folder), [ask("long", model_folder, max_tokens=100),
                                          ask("short", model_folder, max_tokens=5)], Output(), inbox)
    ends = [frame["id"] for frame in frames if frame["event"] == "done"]
    before = [frame for frame in frames[: frames.index(next(f for f in frames if f["event"] == "done"))]
              if frame["id"] == "long"]

    assert ends == ["short", "long"]
    assert len(before) < 10  # the short one's five, and the end of its text


def test_a_stream_goes_on_while_another_model_is_loaded(model_folder: Path, tmp_path: Path) -> None:
    inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
    went_on = threading.Event()

    class Slow(Models):
        def get(self, reference: Reference) -> Base:
            assert reference.id != "other" or went_on.wait(DEADLINE)
            return super().get(reference)

    def count(frame: Frame) -> None:
        if frame["event"] == "token" and frame["id"] == "stream":
            stream.append(frame)
        if len(stream) == 1:
            inbox.put(ask("second", other) | {"model": {"id": "other", "path": str(other), "adapter": None}})
        elif len(stream) == 20:
            went_on.set()

    stream: list[Frame] = []
    other = tiny.make_model(tmp_path / "other", seed=2)
    frames = serve(Slow(torch.device("cpu")), [ask("stream", model_folder, max_tokens=60, logit_bias=NEVER)],
                   Output(count), inbox, {"second"})
    begun = next(i for i, frame in enumerate(frames) if frame["id"] == "second")

    assert sum(frame["id"] == "stream" for frame in frames[:begun]) >= 20
    assert {frame["id"] for frame in frames if frame["event"] == "done"} == {"stream", "second"}


def test_a_request_that_is_cancelled_before_its_model_is_there_ends_at_once(model_folder: Path) -> None:
    inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
    ended = threading.Event()

    class Slow(Models):
        def get(self, reference: Reference) -> Base:
            assert ended.wait(DEADLINE)
            return super().get(reference)

    inbox.put(ask("a", model_folder))
    inbox.put({"op": "cancel", "id": "a"})
    frames = serve(Slow(torch.device("cpu")), [ask("b", model_folder)], Output(lambda _: ended.set()), inbox)

    assert frames[0] == {"event": "done", "id": "a", "cancelled": True,
                         "usage": {"prompt_tokens": 0, "completion_tokens": 0}}
    assert {frame["id"] for frame in frames[1:]} == {"b"}


def test_a_step_that_fails_ends_its_requests_and_no_later_one(model_folder: Path) -> None:
    inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
    broken = Models(torch.device("cpu"))
    base = broken.get(Reference("tiny", model_folder, None))
    step, steps = base.batch(None).decoder.feed, []

    def fail_at_third(parts: Any) -> torch.Tensor:
        steps.append(parts)
        if len(steps) == 3:
            raise RuntimeError("this step fails")
        return step(parts)

    base.batch(None).decoder.feed = fail_at_third  # type: ignore[method-assign]
    frames = serve(broken, [ask("a", model_folder), ask("b", model_folder)], Output(), inbox)
    later = serve(broken, [ask("c", model_folder)], Output(), inbox)

    assert [(frame["id"], frame["code"]) for frame in frames if frame["event"] == "error"] == [
        ("a", "internal_error"), ("b", "internal_error")]
    assert all("The model could not answer (RuntimeError)" in frame["message"] for frame in frames
               if frame["event"] == "error")
    assert later[-1]["usage"]["completion_tokens"] == 8


def test_a_cancelled_request_stops_within_a_step(model_folder: Path) -> None:
    inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
    seen: list[Frame] = []

    def cancel_at_third(frame: Frame) -> None:
        seen.append(frame)
        if len(seen) == 3:
            inbox.put({"op": "cancel", "id": "a"})

    frames = serve(Models(torch.device("cpu")), [ask("a", model_folder, max_tokens=200, logit_bias=NEVER)],
                   Output(cancel_at_third), inbox)

    assert frames[-1]["event"] == "done"
    assert frames[-1]["cancelled"] is True
    assert frames[-1]["usage"]["completion_tokens"] <= 8


def test_a_cancelled_request_gives_its_slots_to_the_next_within_a_step(model_folder: Path) -> None:
    inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
    models = Models(torch.device("cpu"))
    decoder = models.get(Reference("tiny", model_folder, None)).batch(None).decoder
    decoder.parallel = 2
    seen: list[str] = []

    def cancel(frame: Frame) -> None:
        seen.append(frame["id"])
        if seen == ["a"]:
            inbox.put({"op": "cancel", "id": "a"})

    frames = serve(models, [ask("a", model_folder, n=2, max_tokens=200, logit_bias=NEVER),
                            ask("b", model_folder, max_tokens=3, logit_bias=NEVER)], Output(cancel), inbox)
    cancelled = next(frame for frame in frames if frame.get("cancelled"))

    assert cancelled["usage"]["completion_tokens"] <= 2 * 2
    assert next(frame["id"] for frame in frames[frames.index(cancelled) + 1 :]) == "b"


def test_candidates_nobody_sees_yet_stop_within_a_step_too(model_folder: Path) -> None:
    inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()

    def cancel_at_first_token(frame: Frame) -> None:
        if frame["event"] == "token" and frame["id"] == "seen":
            inbox.put({"op": "cancel", "id": "hidden"})

    frames = serve(loaded(model_folder), [
        ask("hidden", model_folder, max_tokens=200, n=1, best_of=4, logit_bias=NEVER),
        ask("seen", model_folder, max_tokens=20, logit_bias={**NEVER, "30": 100})],
        Output(cancel_at_first_token), inbox)
    done = next(frame for frame in frames if frame["event"] == "done" and frame["id"] == "hidden")

    assert done["cancelled"] is True
    assert done["usage"]["completion_tokens"] <= 4 * 3


def test_a_bad_request_ends_alone(model_folder: Path) -> None:
    inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
    frames = serve(Models(torch.device("cpu")), [
        ask("bad", model_folder, prompts=[[9999]]), ask("none", Path("/nowhere")), ask("good", model_folder)],
        Output(), inbox)
    errors = {frame["id"]: (frame["code"], frame["param"]) for frame in frames if frame["event"] == "error"}

    assert errors == {"bad": ("invalid_value", "prompt"), "none": ("invalid_model", "model")}
    (done,) = [frame for frame in frames if frame["event"] == "done"]
    assert (done["id"], done["usage"]["completion_tokens"]) == ("good", 8)


def test_the_least_recently_used_model_goes_first(model_folder: Path, tmp_path: Path) -> None:
    folders = [tiny.make_model(tmp_path / name, seed=seed) for seed, name in enumerate("abc")]
    one = Models(torch.device("cpu")).get(Reference("a", folders[0], None)).bytes
    models = Models(torch.device("cpu"), held_bytes=2 * one)

    for name, folder in zip("abac", [folders[0], folders[1], folders[0], folders[2]], strict=True):
        models.get(Reference(name, folder, None))

    assert set(models.names) == {"a", "c"}


@pytest.fixture(scope="module")
def adapters(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two adapters trained on other data."""
    found = []
    for seed in (1, 2):
        job = tiny.make_job(tmp_path_factory.mktemp("jobs") / "job", model_folder, tiny.LINES[10 * seed :], tune="lora",
                            seed=seed, n_epochs=1, learning_rate=1e-2)
        assert run_job(job, attempt=1, disk=QuickDisk(), stop=Stop()) == Exit.DONE
        found.append(Path(json.loads((job / "result.json").read_bytes())["model_path"]))
    return found


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-P", "-m", "pen_backend.engine.infer"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"], "PEN_ENGINE_THREADS": "1"})
    with process:
        yield process
        process.kill()


def exchange(worker: subprocess.Popen[bytes], frame: Frame) -> list[Frame]:
    """Send a frame; read until its request is over."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    write_frame(worker.stdin, frame)  # type: ignore[arg-type]  # a pipe is a binary stream
    frames: list[Frame] = []
    while not frames or frames[-1]["event"] not in ("done", "error", "loaded", "stats"):
        found = json.loads(worker.stdout.read(struct.unpack(">I", worker.stdout.read(4))[0]))
        frames += found if isinstance(found, list) else [found]
    return frames


@pytest.mark.slow
def test_pen_tiny_tuned_with_lora_has_the_logits_of_peft_when_the_program_serves_it(
        worker: subprocess.Popen[bytes], tmp_path: Path) -> None:
    from peft import PeftModel

    job = tiny.make_job(tmp_path / "job", PEN_TINY, tune="lora", n_epochs=1)
    assert run_job(job, attempt=1, disk=QuickDisk(), stop=Stop()) == Exit.DONE
    adapter = json.loads((job / "result.json").read_bytes())["model_path"]
    model = {"id": "tuned", "path": str(PEN_TINY), "adapter": adapter}
    ids = Vocabulary(PEN_TINY).encode("Question 1: what comes after 1?")
    with torch.no_grad():
        tuned = PeftModel.from_pretrained(load_model(PEN_TINY, torch.device("cpu")), adapter)
        logs = tuned(torch.tensor([ids])).logits[0].log_softmax(-1)

    loaded = exchange(worker, {"op": "load", "model": model})
    scored = exchange(worker, {"op": "generate", "id": "a", "model": model, "prompts": [ids], "max_tokens": 0,
                               "echo": True, "logprobs": 0})
    stats = exchange(worker, {"op": "stats", "id": "s"})

    assert loaded[0] == {"event": "loaded", "model": "tuned", "context_length": 2048, "vocab_size": 4096, "bos": 0,
                         "eos": 0}
    assert scored[0]["logprobs"]["token_logprobs"][1:] == pytest.approx(
        [logs[i, token].item() for i, token in enumerate(ids[1:])], abs=1e-5)
    assert stats == [{"event": "stats", "id": "s", "generated_tokens": 0, "loaded": ["tuned"]}]
    assert worker.stdin is not None
    worker.stdin.close()
    assert worker.wait(DEADLINE) == 0
