"""What trains in the training benchmark; each yields, round by round, how many tokens a CPU-second it trains.

All train pen-tiny, or a random model of another size, on the same file of examples, in orders of their own that differ
each round. Tokens are those with a loss: padding does not count. Time is the process's own, on all its threads.
"""

import json
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

Packing = tuple[str, int]
PACKINGS: tuple[Packing, ...] = (("bfd", 512), ("bfd", 1024), ("wrapped", 512))
"""Strategies and lengths of TRL that were fastest; larger batches than of 1 were slower."""


def load(folder: Path, model: Path, kind: str, threads: int) -> Any:
    """Load a job as the trainer program does."""
    from pen_backend.engine.nn.device import keep_memory
    from pen_backend.engine.nn.journal import Journal
    from pen_backend.engine.nn.outcome import Stop
    from pen_backend.engine.nn.run import load_run
    from pen_backend.engine.nn.spec import Base, Batch, Data, Spec
    from pen_backend.files import Disk

    keep_memory()
    batch = Batch("windows", size=8) if kind == "windows" else Batch()
    spec = Spec(spec_version=1, job_id="bench", seed=1, n_epochs=9, learning_rate=6e-4, base=Base("bench", model),
                train=Data(folder / "train.jsonl"), tune="full", max_tokens=512 if kind == "windows" else 2048,
                batch=batch, overlong="drop", device="cpu", threads=threads)
    journal = Journal(folder / f"events-{kind}.jsonl", attempt=1, disk=Disk())
    return load_run(spec, folder, journal, disk=Disk(), stop=Stop(), guard=lambda: None)


def our_rates(folder: Path, model: Path, steps: int, kind: str, threads: int) -> Iterator[float]:
    """Train by pen's own loop, some steps at a time, in the job's own order."""
    from pen_backend.engine.nn.reporting import Report
    from pen_backend.engine.nn.trainer import take_step

    run = load(folder, model, kind, threads)
    report = Report(run.journal, run.plan.total_steps)
    for start in range(1, run.plan.total_steps - steps, steps):
        begun, tokens = time.process_time(), 0
        for number in range(start, start + steps):
            take_step(run, number, report)
            tokens += run.plan.step(number).tokens
        yield tokens / (time.process_time() - begun)


def their_rates(folder: Path, model: Path, steps: int, *, bf16: bool) -> Iterator[float]:
    """Train by the library's Trainer at its defaults: batches of 8 examples in random order, padded."""
    import torch
    from transformers import DataCollatorForSeq2Seq, PreTrainedTokenizerFast, Trainer, TrainingArguments

    from pen_backend.engine.nn.models import load_model

    examples = [{"input_ids": ids, "labels": ids} for ids in encoded(folder, model)]
    collator = DataCollatorForSeq2Seq(PreTrainedTokenizerFast.from_pretrained(model))
    trained = load_model(model, torch.device("cpu"))
    counted: list[int] = []

    def collate(features: list[dict[str, list[int]]]) -> Any:
        counted.append(sum(len(feature["input_ids"]) for feature in features))
        return collator(features)

    for seed in range(1, 100):
        arguments = TrainingArguments(output_dir=str(folder / "out"), max_steps=steps, seed=seed, data_seed=seed,
                                      use_cpu=True, bf16=bf16, save_strategy="no", report_to="none",
                                      disable_tqdm=True)
        trainer = Trainer(model=trained, args=arguments, train_dataset=examples, data_collator=collate)
        counted.clear()
        begun = time.process_time()
        trainer.train()
        yield sum(counted[:steps]) / (time.process_time() - begun)


def trl_rates(folder: Path, model: Path, steps: int, packages: Path) -> Iterator[float]:
    """Train by TRL in bf16 with packing, the kind that was fastest in the first round."""
    packing = max(PACKINGS, key=lambda one: next(packed_rates(folder, model, steps, packages, one)))
    print(f"TRL's best packing here: {packing[0]} at {packing[1]} tokens", file=sys.stderr, flush=True)
    yield from packed_rates(folder, model, steps, packages, packing)


def packed_rates(folder: Path, model: Path, steps: int, packages: Path, packing: Packing) -> Iterator[float]:
    """Train by TRL with one way to pack."""
    sys.path.append(str(packages))  # last: what pen's environment has comes from there
    import torch
    from transformers import PreTrainedTokenizerFast

    from pen_backend.engine.nn.models import load_model

    datasets, library = import_module("datasets"), import_module("trl")
    table = datasets.table.InMemoryTable.from_pydict({"input_ids": encoded(folder, model)})
    examples = datasets.Dataset(table, fingerprint="bench")
    strategy, length = packing
    trained = load_model(model, torch.device("cpu"))
    for seed in range(1, 100):
        arguments = library.SFTConfig(output_dir=str(folder / "out"), max_steps=steps, seed=seed, data_seed=seed,
                                      packing=True, packing_strategy=strategy, max_length=length,
                                      per_device_train_batch_size=1, bf16=True, use_cpu=True, save_strategy="no",
                                      report_to="none", disable_tqdm=True)
        trainer = library.SFTTrainer(model=trained, args=arguments, train_dataset=examples,
                                     processing_class=PreTrainedTokenizerFast.from_pretrained(model))
        counted: list[int] = []
        trainer.data_collator = counting(trainer.data_collator, counted)
        begun = time.process_time()
        trainer.train()
        yield sum(counted[:steps]) / (time.process_time() - begun)


def counting(collator: Any, counted: list[int]) -> Any:
    """Note how many tokens of each batch have a loss."""
    def collate(features: Any) -> Any:
        batch = collator(features)
        counted.append(int((batch["labels"] != -100).sum()))
        return batch

    return collate


def roof_rates(model: Path, threads: int) -> Iterator[float]:
    """Multiply bf16 matrices of the model's shapes, nothing else; yield operations a CPU-second."""
    import torch

    torch.set_num_threads(threads)
    shapes = [(shape[0], shape[1]) for shape in matrices(model)]
    pairs = [(torch.randn(4096, inner).bfloat16(), torch.randn(outer, inner).bfloat16()) for outer, inner in shapes]
    results = [torch.empty(4096, outer, dtype=torch.bfloat16) for outer, _ in shapes]
    while True:
        begun, done = time.process_time(), 0
        while time.process_time() - begun < 1.0:
            for (inputs, weight), result in zip(pairs, results, strict=True):
                torch.mm(inputs, weight.t(), out=result)
                done += 2 * inputs.shape[0] * weight.numel()
        yield done / (time.process_time() - begun)


def matrices(model: Path) -> list[tuple[int, ...]]:
    """List the shapes of a model's matrices in products; a tied head is the embeddings once more, which are none."""
    from pen_backend.engine.nn.folder import read_model_folder

    folder = read_model_folder(model)
    return [shape for name, shape in folder.shapes.items()
            if len(shape) == 2 and ("embed" not in name or folder.config.get("tie_word_embeddings"))]


def operations(model: Path) -> float:
    """Count the operations of a token in the products with weights: forward, and twice as many backward.

    Attention's own products come on top and are left out, so shares of the roof are a little better than they look.
    """
    return 6.0 * sum(rows * columns for rows, columns in matrices(model))


def encoded(folder: Path, model: Path) -> list[list[int]]:
    """Encode the same examples, each closed by end-of-text, those above the model's context left out."""
    from pen_backend.engine.nn.vocabulary import Vocabulary

    vocabulary = Vocabulary(model)
    with (folder / "train.jsonl").open() as stream:
        ids = [[*vocabulary.prompt_ids(""), *vocabulary.encode(json.loads(line)["text"]), vocabulary.eos]
               for line in stream]
    return [one for one in ids if len(one) <= 2048]
