"""Train a base from random weights on a corpus, within a budget of tokens.

The loop is plain next-token prediction over windows of joined documents. The learning rate warms up, stays, and falls
linearly over the last 40 % of the steps; prose comes first and the jokes' second pass falls into that last part,
because what a model sees while its rate falls is what it keeps.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM

from pen_backend.engine.nn.corpus import Book, Corpus

END = 0
"""Id of the end-of-text token, the first one reserved."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a base is trained; lengths in tokens."""

    tokens: int = 8_000_000
    window: int = 256
    windows_per_step: int = 16
    muon_rate: float = 0.006
    adam_rate: float = 2.5e-3
    warmup: float = 0.02
    decay: float = 0.4
    joke_passes: int = 2
    seed: int = 1

    @property
    def steps(self) -> int:
        """Count the optimiser steps of the whole budget."""
        return self.tokens // (self.window * self.windows_per_step)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the training stands; loss in nats per token."""

    step: int
    steps: int
    loss: float
    tokens_per_second: float


def use_threads(threads: int) -> str:
    """Fix the number of CPU threads, which decides the exact bits of the result; return torch's version."""
    torch.set_num_threads(threads)
    return str(torch.__version__)


def encode_documents(books: tuple[Book, ...], tokenizer: Tokenizer) -> torch.Tensor:
    """Encode all documents, each closed by end-of-text, into one stream of ids (N,)."""
    documents = [document for book in books for document in book.documents]
    ids: list[int] = []
    for start in range(0, len(documents), 1000):
        for encoding in tokenizer.encode_batch_fast(documents[start : start + 1000], add_special_tokens=False):
            ids.extend(encoding.ids)
            ids.append(END)
    return torch.tensor(ids, dtype=torch.int32)


def windows(corpus: Corpus, tokenizer: Tokenizer, recipe: Recipe) -> torch.Tensor:
    """Order the training windows (N, window + 1): prose and one pass of jokes mixed, then the other joke passes.

    The tail also holds an eighth of the prose, so that plain English is not forgotten while the rate falls.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    jokes = _cut(encode_documents(tuple(b for b in corpus.train if b.kind == "jokes"), tokenizer), recipe, generator)
    prose = _cut(encode_documents(tuple(b for b in corpus.train if b.kind == "prose"), tokenizer), recipe, generator)
    need = recipe.steps * recipe.windows_per_step
    prose = prose[: max(0, need - recipe.joke_passes * len(jokes))]
    eighth = len(prose) // 8
    head = torch.cat([prose[eighth:], jokes])
    tail = torch.cat([prose[:eighth], *[jokes] * (recipe.joke_passes - 1)])
    ordered = torch.cat([head[torch.randperm(len(head), generator=generator)],
                         tail[torch.randperm(len(tail), generator=generator)]])
    return ordered[-need:]


def _cut(stream: torch.Tensor, recipe: Recipe, generator: torch.Generator) -> torch.Tensor:
    """Cut a stream into shuffled windows that share one token with their neighbour, so that each is a target once."""
    cut = stream.unfold(0, recipe.window + 1, recipe.window)
    return cut[torch.randperm(len(cut), generator=generator)]


def rate_at(step: int, recipe: Recipe) -> float:
    """Return the factor of the learning rate at a step: trapezoid, to 5 % at the end."""
    done = (step + 1) / recipe.steps
    return min(done / recipe.warmup, 1.0, 0.05 + 0.95 * (1 - done) / recipe.decay)


def optimisers(model: LlamaForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms.

    Tokens are what an hour on two cores lacks: after 0.5 M of them Muon stood at 2.07 bits per byte on held-out books,
    AdamW alone at 2.47, for 1.36x the time a token.
    """
    inner = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    other = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(inner, lr=recipe.muon_rate, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(other, lr=recipe.adam_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def train(model: LlamaForCausalLM, data: torch.Tensor, recipe: Recipe, report: Callable[[Progress], None]) -> None:
    """Run the loop over DATA (N, window + 1) once, in its order; bf16 autocast, fp32 master weights."""
    model.train()
    both = optimisers(model, recipe)
    groups = [(group, group["lr"]) for optimiser in both for group in optimiser.param_groups]
    started, smooth = time.monotonic(), math.nan
    for step in range(recipe.steps):
        batch = data[step * recipe.windows_per_step : (step + 1) * recipe.windows_per_step].long()  # (B, T+1)
        for group, rate in groups:
            group["lr"] = rate * rate_at(step, recipe)
        loss = window_loss(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in both:
            optimiser.step()
            optimiser.zero_grad()
        value = loss.item()
        smooth = value if math.isnan(smooth) else 0.98 * smooth + 0.02 * value
        if (step + 1) % 20 == 0 or step + 1 == recipe.steps:
            seen = (step + 1) * recipe.windows_per_step * recipe.window
            report(Progress(step + 1, recipe.steps, smooth, seen / (time.monotonic() - started)))


def window_loss(model: LlamaForCausalLM, batch: torch.Tensor) -> torch.Tensor:
    """Return the mean negative log-likelihood, in nats, of each window's tokens after its first; BATCH is (B, T+1)."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(batch[:, :-1], use_cache=False).logits.float()  # (B, T, V)
    return cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())


def bits_per_byte(model: LlamaForCausalLM, documents: Iterator[str], tokenizer: Tokenizer, limit: int = 1024) -> float:
    """Score whole documents, each after end-of-text: sum of nats / (ln 2 · UTF-8 bytes), end tokens included.

    Documents longer than LIMIT tokens are scored up to there and count only those bytes.
    """
    model.eval()
    nats, size = 0.0, 0
    with torch.no_grad():
        for document in documents:
            ids = [END, *tokenizer.encode(document, add_special_tokens=False).ids, END][: limit + 1]
            kept = document if ids[-1] == END else tokenizer.decode(ids[1:], skip_special_tokens=False)
            nats += window_loss(model, torch.tensor([ids])).item() * (len(ids) - 1)
            size += len(kept.encode())
    model.train()
    return nats / math.log(2) / size
