"""How fast tokens come, against the library's own generate, and what many clients and HTTP do to that.

Run it: python -m bench generation

All arms write with the packaged base, sampling at temperature 1, from the beginnings of the shipped puns, padded where
the library needs that. What is timed of pen is all that its worker does: slots, drawing, whole characters, events. The
library's arm is its generate, in fp32, which pen computes in too, and in bf16; the faster of the two is the peer. Its
first token is there for all streams at once; of pen's 16 the median counts. Arms take turns; figures are medians. On
one thread the time is the process's CPU time, which a busy machine changes least; on two it is the clock's.

Clients stream over HTTP from an engine of their own, one after another or 16 at once; the first token is that of a
client alone on a connection that is kept, as the service keeps it, against nothing but a worker's own pipe; and, while
a job of the same engine trains, against the same before.
"""

import http.client
import json
import os
import re
import statistics
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.arms import measure
from bench.engine import DEADLINE, WORKER, Started, started
from bench.row import Row
from bench.streams import DONE, UNASKED, streams

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "pen_backend/engine/base/pen-tiny"
PUNS = ROOT / "prompts/puns.org"
ROUNDS = 9
CLIENT_ROUNDS = 7
STREAMS = 16
TOKENS = 64
PROMPT = 40
"""Characters of a pun that are given, a good ten tokens."""
NEVER_ENDS = {"0": -100.0}

FIGURES = ((1, "first"), (1, "rate"), (STREAMS, "first"), (STREAMS, "rate"))


def rows() -> list[Row]:
    """Measure on one thread and on two."""
    return [row for threads in (1, 2) for row in (*against_library(threads), *clients(threads))]


def against_library(threads: int) -> list[Row]:
    """Compare first tokens and tokens a second."""
    found = measure({"ours": ours, "fp32": partial(theirs, "float32"), "bf16": partial(theirs, "bfloat16")},
                    threads=threads, rounds=ROUNDS * len(FIGURES))
    rows: list[Row] = []
    for place, (count, figure) in enumerate(FIGURES):
        values = {name: list_[place :: len(FIGURES)] for name, list_ in found.items()}
        middle = {name: statistics.median(list_) for name, list_ in values.items()}
        peer = max(("fp32", "bf16"), key=middle.__getitem__)  # a first token counts as so many in a second
        what = "first token" if figure == "first" else "tokens/s"
        rows.append({"name": f"generation-{figure}-{count}-threads-{threads}", "goal": 1.3, "better": "higher",
                     "against": f"transformers.generate in {peer}, {what}, streams: {count}, threads: {threads}",
                     "ratio": middle["ours"] / middle[peer],
                     "values": [*values["ours"], *values["fp32"], *values["bf16"]]})
    return rows


def texts() -> list[str]:
    """Read the shipped puns."""
    return re.findall(r"^- (.+)$", PUNS.read_text(), re.MULTILINE)


def prompts(count: int, round_: int) -> list[str]:
    """Take the beginnings of so many puns, others each round."""
    puns = [pun[:PROMPT] for pun in texts() if len(pun) >= PROMPT]
    return [puns[(round_ * count + i) % len(puns)] for i in range(count)]


def ours() -> Iterator[float]:
    """Yield the figures of pen's batch, one by one, round by round."""
    import torch

    from pen_backend.engine.nn.loaded import Models, Reference

    base = Models(torch.device("cpu")).get(Reference("pen-tiny", BASE, None))
    for count in (1, STREAMS):
        _write(base, prompts(count, 0))
    yield 0.0
    for round_ in range(1, 1000):
        for count, figure in FIGURES:
            first, rate = _write(base, prompts(count, round_))
            yield first if figure == "first" else rate


def _write(base: Any, given: Sequence[str]) -> tuple[float, float]:
    """Let the batch answer a request for each text; return first tokens and tokens in a second."""
    from pen_backend.engine.nn.answers import Answer
    from pen_backend.engine.nn.requests import read_request

    batch, clock = base.batch(None), clock_of()
    begun = clock()
    firsts: dict[str, float] = {}
    answers = []
    for i, text in enumerate(given):
        frame = {"id": str(i), "prompts": [text], "max_tokens": TOKENS, "logit_bias": NEVER_ENDS, "seed": i}
        answers.append(Answer(base.vocabulary, read_request(frame, base.vocabulary, base.context_length, base.chat)))
        batch.add(answers[-1])
    all_begun = 0.0
    while batch.busy:
        for answer in batch.step():
            firsts.setdefault(answer.request.id, clock() - begun)
            json.dumps(answer.events)
            answer.events.clear()
        if not all_begun and len(firsts) == len(given):
            all_begun = clock()
    made = sum(answer.usage.completion_tokens - 1 for answer in answers)
    return 1 / statistics.median(firsts.values()), made / (clock() - all_begun)


def clock_of() -> Callable[[], float]:
    """Return the clock for as many threads as torch has here."""
    import torch

    return time.process_time if torch.get_num_threads() == 1 else time.perf_counter


def theirs(dtype: str) -> Iterator[float]:
    """Yield the same figures of the library's generate."""
    import torch
    from transformers import AutoModelForCausalLM, LogitsProcessorList, PreTrainedTokenizerFast

    clock = clock_of()
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=getattr(torch, dtype)).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(BASE, padding_side="left", pad_token="<|pad|>")
    never = torch.tensor([int(token) for token in NEVER_ENDS])
    times: list[float] = []

    def note(_: Any, scores: Any) -> Any:
        times.append(clock())
        scores[:, never] = -float("inf")
        return scores

    def write(texts: Sequence[str]) -> tuple[float, float]:
        times.clear()
        begun = clock()
        given = tokenizer(list(texts), return_tensors="pt", padding=True, return_token_type_ids=False)
        model.generate(**given, max_new_tokens=TOKENS, do_sample=True, top_k=0, eos_token_id=None, pad_token_id=1,
                       logits_processor=LogitsProcessorList([note]))
        return 1 / (times[0] - begun), len(texts) * (TOKENS - 1) / (clock() - times[0])

    for count in (1, STREAMS):
        write(prompts(count, 0))
    yield 0.0
    for round_ in range(1, 1000):
        for count, figure in FIGURES:
            first, rate = write(prompts(count, round_))
            yield first if figure == "first" else rate


def clients(threads: int) -> list[Row]:
    """Compare 16 clients with one, and a first token over HTTP with one over the worker's pipe."""
    one, many, over_http, by_pipe, training = [], [], [], [], []
    environ = {**os.environ, "OMP_NUM_THREADS": str(threads), "PEN_ENGINE_THREADS": str(threads)}
    with TemporaryDirectory(prefix="pen-bench-") as name, started(Path(name), environ) as engine, \
            worker(environ) as ask, closing(http.client.HTTPConnection("127.0.0.1", engine.port)) as kept:
        streams(engine.port, engine.token, bodies(STREAMS, 0))
        ask(bodies(1, 0)[0])
        for round_ in range(1, CLIENT_ROUNDS + 1):
            seconds = 0.0
            for body in bodies(4, round_):
                seconds += streams(engine.port, engine.token, [body])[0]
                over_http.append(first_token(kept, engine.token, body))
                by_pipe.append(1000 * ask(body))
            one.append(4 * TOKENS / seconds)
            took, together = streams(engine.port, engine.token, bodies(STREAMS, round_))
            assert all(each.whole for each in together)
            many.append(STREAMS * TOKENS / took)
        with job(engine):
            training = [first_token(kept, engine.token, body) for round_ in range(CLIENT_ROUNDS)
                        for body in bodies(4, round_)]
    return [
        {"name": f"generation-clients-threads-{threads}", "goal": 4.0, "better": "higher", "values": [*many, *one],
         "ratio": statistics.median(many) / statistics.median(one),
         "against": f"one client, tokens/s over HTTP, clients: {STREAMS}, threads: {threads}"},
        {"name": f"generation-http-threads-{threads}", "goal": 2.0, "better": "lower",
         "values": [*over_http, *by_pipe], "ratio": statistics.median(over_http) - statistics.median(by_pipe),
         "against": f"ms that HTTP adds to the first token, threads: {threads}"},
        {"name": f"generation-while-training-threads-{threads}", "goal": 3.0, "better": "lower",
         "values": [*training, *over_http], "ratio": statistics.median(training) / statistics.median(over_http),
         "against": f"first token without training, threads: {threads}"},
    ]


def bodies(count: int, round_: int) -> list[dict[str, Any]]:
    """Make requests that all write as many tokens."""
    return [{"model": "pen-tiny", "prompt": text, "max_tokens": TOKENS, "logit_bias": NEVER_ENDS, "seed": round_}
            for text in prompts(count, round_)]


def first_token(kept: http.client.HTTPConnection, token: str, body: Mapping[str, Any]) -> float:
    """Stream a completion on an open connection; return the milliseconds to its first piece."""
    begun = time.monotonic()
    kept.request("POST", "/v1/completions", json.dumps({**body, "stream": True}),
                 {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
    response = kept.getresponse()
    line = response.readline()
    passed = 1000 * (time.monotonic() - begun)
    assert line.startswith(b"data: {"), line
    assert response.read().endswith(DONE)
    return passed


@contextmanager
def job(engine: Started) -> Iterator[None]:
    """Let the engine train the packaged base meanwhile."""
    from openai import OpenAI

    client = OpenAI(base_url=f"http://127.0.0.1:{engine.port}/v1", api_key=engine.token)
    lines = "".join(json.dumps({"data": text}) + "\n" for text in texts() * 4)
    file = client.files.create(file=("puns.jsonl", lines.encode()), purpose="fine-tune")
    made = client.fine_tuning.jobs.create(model="pen-tiny", training_file=file.id, method={
        "type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 50}}})
    deadline = time.monotonic() + DEADLINE
    while not any(event.type == "metrics" for event in client.fine_tuning.jobs.list_events(made.id).data):
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark's job does not begin to train")
        time.sleep(0.1)
    try:
        yield
        assert client.fine_tuning.jobs.retrieve(made.id).status == "running"
    finally:
        client.fine_tuning.jobs.cancel(made.id)


@contextmanager
def worker(environ: Mapping[str, str]) -> Iterator[Any]:
    """Run the inference worker by itself; yield what asks it and returns the seconds to the first token."""
    with subprocess.Popen(WORKER, env=dict(environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def ask(body: Mapping[str, Any]) -> float:
            order = {**UNASKED, "prompts": [body["prompt"]], "seed": body["seed"], "max_tokens": TOKENS,
                     "logit_bias": NEVER_ENDS, "op": "generate", "id": "a",
                     "model": {"id": "pen-tiny", "path": str(BASE), "adapter": None}}
            frame = json.dumps(order).encode()
            begun, first, done = time.monotonic(), 0.0, False
            stdin.write(struct.pack(">I", len(frame)) + frame)
            stdin.flush()
            while not done:
                told = json.loads(stdout.read(struct.unpack(">I", stdout.read(4))[0]))
                first = first or time.monotonic() - begun
                done = any(event["event"] == "done" for event in told)
            return first

        try:
            yield ask
        finally:
            process.kill()
