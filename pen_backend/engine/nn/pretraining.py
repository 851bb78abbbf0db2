"""Train a base from random weights on a corpus, within a budget of tokens.

The loop is plain next-token prediction over windows of joined documents. It leaves a checkpoint every few minutes and
goes on from the last one: hours on two cores are seldom had in one piece.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from pen_backend.engine.nn.checkpoints import STATE, newest_checkpoint, prune, sweep_temporary, write_checkpoint
from pen_backend.engine.nn.corpus import Book, Corpus
from pen_backend.engine.nn.curriculum import Curriculum, Stream
from pen_backend.engine.nn.decoder import decode
from pen_backend.engine.nn.head import weighted_nll
from pen_backend.engine.nn.optimiser import optimiser_tensors, restore_optimiser
from pen_backend.engine.nn.recipe import Recipe
from pen_backend.errors import DataError
from pen_backend.files import Disk

END = 0
"""Id of the end-of-text token, the first one reserved."""


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
    ids: list[torch.Tensor] = []
    for start in range(0, len(documents), 1000):
        for encoding in tokenizer.encode_batch_fast(documents[start : start + 1000], add_special_tokens=False):
            ids.append(torch.tensor([*encoding.ids, END], dtype=torch.int32))
    return torch.cat(ids) if ids else torch.empty(0, dtype=torch.int32)


def curriculum(corpus: Corpus, tokenizer: Tokenizer, recipe: Recipe) -> Curriculum:
    """Cut each kind of text into windows that share one token with their neighbour, so that each is a target once.

    Raises DataError when a kind has less text than one window.
    """
    def stream(kind: str, seed: int) -> Stream:
        ids = encode_documents(tuple(book for book in corpus.train if book.kind == kind), tokenizer)
        if len(ids) <= recipe.window:
            raise DataError(f"The corpus has too little text of the kind '{kind}': {len(ids)} tokens, a window takes "
                            f"{recipe.window + 1}.", hint="Add books of that kind.")
        return Stream(ids.unfold(0, recipe.window + 1, recipe.window), seed)

    seed = 1000 * recipe.seed
    return Curriculum(stream("prose", seed), stream("jokes", seed + 10_000), stream("own", seed + 20_000))


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


def train(model: LlamaForCausalLM, text: Curriculum, recipe: Recipe, report: Callable[[Progress], None], *,
          root: Path | None = None, save_seconds: float = 300.0) -> None:
    """Run the loop to the end of the budget; products in bf16, fp32 master weights.

    With ROOT, a directory, a checkpoint is left there every SAVE_SECONDS, and training goes on from the newest one.
    """
    model.train()
    both = optimisers(model, recipe)
    groups = [(group, group["lr"]) for optimiser in both for group in optimiser.param_groups]
    first = _resume(model, both, recipe, root) if root is not None else 0
    started = saved = time.monotonic()
    smooth = math.nan
    for step in range(first, recipe.steps):
        for group, rate in groups:
            group["lr"] = rate * recipe.rate_at(step)
        loss = window_loss(model, text.batch(step, recipe).long())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in both:
            optimiser.step()
            optimiser.zero_grad()
        value = loss.item()
        smooth = value if math.isnan(smooth) else 0.98 * smooth + 0.02 * value
        if (step + 1) % 20 == 0 or step + 1 == recipe.steps:
            seen = (step + 1 - first) * recipe.windows_per_step * recipe.window
            report(Progress(step + 1, recipe.steps, smooth, seen / (time.monotonic() - started)))
        due = time.monotonic() - saved >= save_seconds or step + 1 in (recipe.falls_at, recipe.steps)
        if root is not None and due:
            _save(model, both, recipe, root, step + 1)
            saved = time.monotonic()


def _save(model: LlamaForCausalLM, both: list[torch.optim.Optimizer], recipe: Recipe, root: Path, step: int) -> None:
    """Leave weights and moments as tensors, and the recipe that they belong to."""
    moments = {name: tensor for optimiser in both for name, tensor in optimiser_tensors(optimiser, model).items()}
    state = json.dumps({"step": step, "recipe": asdict(recipe)}).encode() + b"\n"
    disk = Disk()
    # The weights when the rate begins to fall are kept: from there, another budget can be tried.
    write_checkpoint(root, step, [("model.safetensors", save(dict(model.named_parameters()))),
                                  ("optim.safetensors", save(moments)), (STATE, state)],
                     public=False, disk=disk, score=0.0 if step == recipe.falls_at else None)
    prune(root, disk)


def _resume(model: LlamaForCausalLM, both: list[torch.optim.Optimizer], recipe: Recipe, root: Path) -> int:
    """Load the newest checkpoint and return the step to go on with; 0 without one.

    Raises DataError when it was made by another recipe: other numbers than the budget, or a budget whose rate would
    have fallen before.
    """
    sweep_temporary(root, Disk())
    found = newest_checkpoint(root)
    if found is None:
        return 0
    then = json.loads((found.path / STATE).read_bytes())["recipe"]
    now = asdict(recipe)
    free = {"tokens"} if found.step <= min(recipe.falls_at, Recipe(**then).falls_at) else set()
    if changed := [name for name in now if name not in free and now[name] != then[name]]:
        raise DataError(f"{found.path.name} was trained with another recipe: {', '.join(changed)}.", where=str(root),
                        hint="Give the same options, or remove the directory to begin again.")
    model.load_state_dict(load_file(found.path / "model.safetensors"), strict=False)  # tied weights are stored once
    tensors = load_file(found.path / "optim.safetensors")
    parameters = dict(model.named_parameters())
    for optimiser in both:
        mine = {id(parameter) for group in optimiser.param_groups for parameter in group["params"]}
        restore_optimiser(optimiser, model, {name: tensor for name, tensor in tensors.items()
                                             if id(parameters[name.rpartition("|")[0]]) in mine})
    return found.step


def window_loss(model: LlamaForCausalLM, batch: torch.Tensor) -> torch.Tensor:
    """Return the mean negative log-likelihood, in nats, of each window's tokens after its first; BATCH is (B, T+1)."""
    targets = batch[:, 1:]
    every = torch.ones_like(targets, dtype=torch.bool)
    hidden = decode(model, batch, None, every, torch.bfloat16)  # (B·T, H)
    loss, _ = weighted_nll(hidden, model.lm_head.weight, targets.flatten(), torch.ones(targets.numel()), torch.bfloat16)
    return loss / targets.numel()


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
