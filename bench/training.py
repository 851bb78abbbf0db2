"""How many tokens a CPU-second trains, against transformers.Trainer at its own defaults, on one thread.

Run it: python -m bench training

Both arms train the packaged base on the same examples, one joke each, in one process: pen's own loop with its length
buckets and bf16, and the Trainer with batches of 8 in random order, padded, in fp32. Rounds alternate, each arm on
other batches every round; tokens are real ones, padding does not count.
"""

import gzip
import json
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import DataCollatorForSeq2Seq, PreTrainedTokenizerFast, Trainer, TrainingArguments

from bench.row import Row
from pen_backend.engine.nn.journal import Journal
from pen_backend.engine.nn.outcome import Stop
from pen_backend.engine.nn.reporting import Report
from pen_backend.engine.nn.run import Run, load_run
from pen_backend.engine.nn.spec import Base, Batch, Data, Spec
from pen_backend.engine.nn.tokenise import Encoded
from pen_backend.engine.nn.trainer import take_step
from pen_backend.files import Disk

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "pen_backend/engine/base/pen-tiny"
JOKES = ROOT.parent / "shared/data/jokes/taivop_stupidstuff.json.gz"
PUNS = ROOT / "prompts/puns.org"
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Case:
    """One data set, how much of it each arm trains on in a round, and the figure to reach."""

    name: str
    texts: list[str]
    our_steps: int
    their_steps: int
    goal: float | None


def rows() -> list[Row]:
    """Measure both data sets; jokes that are not on this machine are left out."""
    torch.set_num_threads(1)
    cases = [Case("training tokens per CPU-second, shipped puns", puns(), 3, 12, None)]
    if JOKES.exists():
        cases.insert(0, Case("training tokens per CPU-second, taivop_stupidstuff", jokes(), 5, 6, 6.0))
    return [measure(case) for case in cases]


def jokes() -> list[str]:
    """Read the collection; jokes without a body and those above the model's context are left out."""
    with gzip.open(JOKES) as stream:
        return [joke["body"] for joke in json.load(stream) if joke["body"].strip()]


def puns() -> list[str]:
    """Read the puns shipped with pen, the items of an org file."""
    return re.findall(r"^- (.+)$", PUNS.read_text(), re.MULTILINE)


def measure(case: Case) -> Row:
    """Alternate the two arms; the figure is the ratio of the medians."""
    with tempfile.TemporaryDirectory() as folder:
        run, report = our_run(case.texts, Path(folder))
        ours, theirs = our_rates(run, report, case.our_steps), their_rates(run, case.their_steps, folder)
        next(ours), next(theirs)  # the first round warms up
        pairs = [(next(ours), next(theirs)) for _ in range(ROUNDS)]
        report.journal.close()
    return {"name": case.name, "against": "transformers.Trainer, its defaults (batch 8, fp32)", "goal": case.goal,
            "ratio": statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs),
            "better": "higher", "values": [a / b for a, b in pairs]}


def our_run(texts: Sequence[str], folder: Path) -> tuple[Run, Report]:
    """Load a job as the trainer program does."""
    (folder / "train.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    spec = Spec(spec_version=1, job_id="bench", seed=1, n_epochs=3, learning_rate=6e-4, base=Base("pen-tiny", BASE),
                train=Data(folder / "train.jsonl"), tune="full", max_tokens=2048, batch=Batch(), overlong="drop",
                device="cpu", threads=1)
    journal = Journal(folder / "events.jsonl", attempt=1, disk=Disk())
    run = load_run(spec, folder, journal, disk=Disk(), stop=Stop(), guard=lambda: None)
    return run, Report(journal, run.plan.total_steps)


def our_rates(run: Run, report: Report, steps: int) -> Iterator[float]:
    """Yield tokens per CPU-second of pen's loop, some steps at a time, in the job's own order."""
    number = 0
    while True:
        begun, tokens = time.process_time(), 0
        for _ in range(steps):
            number += 1
            tokens += run.plan.step(number).tokens
            take_step(run, number, report)
        yield tokens / (time.process_time() - begun)


def their_rates(run: Run, steps: int, folder: str) -> Iterator[float]:
    """Yield tokens per CPU-second of the library's Trainer, some steps at a time, in an order of its own each round."""
    from pen_backend.engine.nn.models import load_model

    model = load_model(BASE, torch.device("cpu"))
    tokenizer = PreTrainedTokenizerFast.from_pretrained(BASE)
    examples = [{"input_ids": list(example.ids), "labels": labels(example)} for example in run.train.examples]
    seed = 0
    while True:
        seed += 1
        counted: list[int] = []
        arguments = TrainingArguments(output_dir=folder, max_steps=steps, seed=seed, data_seed=seed, use_cpu=True,
                                      save_strategy="no", report_to="none", disable_tqdm=True)
        trainer = Trainer(model=model, args=arguments, train_dataset=examples,
                          data_collator=counting(DataCollatorForSeq2Seq(tokenizer), counted))
        begun = time.process_time()
        trainer.train()
        yield sum(counted[:steps]) / (time.process_time() - begun)


def labels(example: Encoded) -> list[int]:
    """Give the library what to learn: the whole text, but not the token it begins with."""
    return [-100] * example.begin + list(example.ids[example.begin :])


def counting(collator: Any, counted: list[int]) -> Any:
    """Count the real tokens of each batch that is collated."""
    def collate(features: list[dict[str, list[int]]]) -> Any:
        counted.append(sum(len(feature["input_ids"]) for feature in features))
        return collator(features)
    return collate
