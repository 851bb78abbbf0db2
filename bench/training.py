"""How many tokens a CPU-second trains, against transformers.Trainer at its own defaults, on one thread.

Run it: python -m bench training

Both arms train the packaged base on the same examples, one joke each: pen's own loop, and the Trainer with batches of 8
in random order, padded, in fp32. Each has a process of its own, as it would in use; rounds alternate, and each arm
takes other batches every round. Tokens are real ones, padding does not count; time is the process's CPU time.
"""

import gzip
import json
import multiprocessing
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.row import Row

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "pen_backend/engine/base/pen-tiny"
JOKES = ROOT.parent / "shared/data/jokes/taivop_stupidstuff.json.gz"
PUNS = ROOT / "prompts/puns.org"
ROUNDS = 5
DEADLINE = 300.0


@dataclass(frozen=True, slots=True)
class Case:
    """One data set, how many steps of it each arm trains in a round, and the figure to reach."""

    name: str
    texts: list[str]
    our_steps: int
    their_steps: int
    goal: float | None


def rows() -> list[Row]:
    """Measure both data sets; jokes that are not on this machine are left out."""
    cases = [Case("training tokens per CPU-second, shipped puns", puns(), 3, 12, None)]
    if JOKES.exists():
        cases.insert(0, Case("training tokens per CPU-second, taivop_stupidstuff", jokes(), 6, 8, 6.0))
    return [measure(case) for case in cases]


def jokes() -> list[str]:
    """Read the collection without the jokes that have no body."""
    with gzip.open(JOKES) as stream:
        return [joke["body"] for joke in json.load(stream) if joke["body"].strip()]


def puns() -> list[str]:
    """Read the puns shipped with pen, the items of an org file."""
    return re.findall(r"^- (.+)$", PUNS.read_text(), re.MULTILINE)


def measure(case: Case) -> Row:
    """Alternate the two arms; the figure is the ratio of the medians."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "train.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in case.texts))
        with closing(arm(our_rates, folder, case.our_steps)) as ours, \
                closing(arm(their_rates, folder, case.their_steps)) as theirs:
            next(ours), next(theirs)  # the first round warms up
            pairs = [(next(ours), next(theirs)) for _ in range(ROUNDS)]
    return {"name": case.name, "against": "transformers.Trainer, its defaults (batch 8, fp32)", "goal": case.goal,
            "ratio": statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs),
            "better": "higher", "values": [a / b for a, b in pairs]}


def arm(rates: Callable[[Path, int], Iterator[float]], folder: str, steps: int) -> Generator[float, None, None]:
    """Run an arm in a process of its own, a round each time it is asked."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, rates, folder, steps), daemon=True)
    process.start()
    try:
        while True:
            here.send(None)
            if not here.poll(DEADLINE):
                raise TimeoutError("the benchmark's process does not answer")
            yield here.recv()
    finally:
        process.kill()
        process.join()


def serve(pipe: Connection, rates: Callable[[Path, int], Iterator[float]], folder: str, steps: int) -> None:
    """Answer each request with the next rate."""
    import torch

    torch.set_num_threads(1)
    os.dup2(2, 1)  # the library's reports are not the benchmark's
    for rate in rates(Path(folder), steps):
        pipe.recv()
        pipe.send(rate)


def load(folder: Path) -> Any:
    """Load the job as the trainer program does."""
    from pen_backend.engine.nn.device import keep_memory
    from pen_backend.engine.nn.journal import Journal
    from pen_backend.engine.nn.outcome import Stop
    from pen_backend.engine.nn.run import load_run
    from pen_backend.engine.nn.spec import Base, Batch, Data, Spec
    from pen_backend.files import Disk

    keep_memory()
    spec = Spec(spec_version=1, job_id="bench", seed=1, n_epochs=9, learning_rate=6e-4, base=Base("pen-tiny", BASE),
                train=Data(folder / "train.jsonl"), tune="full", max_tokens=2048, batch=Batch(), overlong="drop",
                device="cpu", threads=1)
    journal = Journal(folder / "events.jsonl", attempt=1, disk=Disk())
    return load_run(spec, folder, journal, disk=Disk(), stop=Stop(), guard=lambda: None)


def our_rates(folder: Path, steps: int) -> Iterator[float]:
    """Yield tokens per CPU-second of pen's loop, some steps at a time, in the job's own order."""
    from pen_backend.engine.nn.reporting import Report
    from pen_backend.engine.nn.trainer import take_step

    run = load(folder)
    report = Report(run.journal, run.plan.total_steps)
    for start in range(1, run.plan.total_steps, steps):
        begun, tokens = time.process_time(), 0
        for number in range(start, start + steps):
            take_step(run, number, report)
            tokens += run.plan.step(number).tokens
        yield tokens / (time.process_time() - begun)


def their_rates(folder: Path, steps: int) -> Iterator[float]:
    """Yield tokens per CPU-second of the library's Trainer, some steps at a time, in an order of its own each round."""
    import torch
    from transformers import DataCollatorForSeq2Seq, PreTrainedTokenizerFast, Trainer, TrainingArguments

    from pen_backend.engine.nn.models import load_model

    examples = [{"input_ids": ids, "labels": ids} for ids in encoded(folder)]
    collator = DataCollatorForSeq2Seq(PreTrainedTokenizerFast.from_pretrained(BASE))
    model = load_model(BASE, torch.device("cpu"))
    counted: list[int] = []

    def collate(features: list[dict[str, list[int]]]) -> Any:
        counted.append(sum(len(feature["input_ids"]) for feature in features))
        return collator(features)

    for seed in range(1, 100):
        counted.clear()
        arguments = TrainingArguments(output_dir=str(folder), max_steps=steps, seed=seed, data_seed=seed, use_cpu=True,
                                      save_strategy="no", report_to="none", disable_tqdm=True)
        trainer = Trainer(model=model, args=arguments, train_dataset=examples, data_collator=collate)
        begun = time.process_time()
        trainer.train()
        yield sum(counted[:steps]) / (time.process_time() - begun)


def encoded(folder: Path) -> list[list[int]]:
    """Encode the same examples, each closed by end-of-text, those above the model's context left out."""
    from pen_backend.engine.nn.vocabulary import Vocabulary

    vocabulary = Vocabulary(BASE)
    with (folder / "train.jsonl").open() as stream:
        ids = [[*vocabulary.prompt_ids(""), *vocabulary.encode(json.loads(line)["text"]), vocabulary.eos]
               for line in stream]
    return [one for one in ids if len(one) <= 2048]
