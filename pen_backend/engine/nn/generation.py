"""Generate for a batch of prompts token by token, and score given tokens; the caller decides when the next step is.

Prompts of unlike length are padded on the left, so that all rows grow at the same end. A row that is finished leaves
the batch at once.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from pen_backend.engine.nn.sampling import Sampling, draw_token, uniform

LOWEST = -9999.0
"""Stands for the logarithm of a probability that is 0 in the machine's numbers; JSON has no infinity."""
SCORE_NUMBERS = 1 << 27
"""Limit of logits held at once while scoring: 512 MB in fp32."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token and, if asked for, its natural log probability before any sampling option, with the likeliest others."""

    id: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


@dataclass(slots=True)
class Row:
    """One choice in the making: its prompt, and which prompt and choice of the request it is."""

    prompt_ids: Sequence[int]
    prompt: int
    choice: int
    max_tokens: int
    tokens: list[Token] = field(default_factory=list)
    drawn: Counter[int] = field(default_factory=Counter)
    finished: bool = False


@torch.no_grad()
def generate(model: PreTrainedModel, rows: Sequence[Row], sampling: Sampling, *, pad: int, ends: frozenset[int],
             logprobs: int | None = None) -> Iterator[list[tuple[Row, Token]]]:
    """Yield, step by step, each unfinished row's next token; the caller may set `finished` between steps."""
    live = [row for row in rows if row.max_tokens > 0]
    if not live:
        return
    ids, mask = _pad_left([row.prompt_ids for row in live], pad, model.device)  # (B, T)
    cache = DynamicCache(config=model.config)
    while live:
        logits = _forward(model, ids, mask, cache)  # (B, V)
        drawn = []
        for row, scores in zip(live, logits, strict=True):
            token = draw_token(scores, row.drawn, sampling,
                               uniform(sampling.seed, row.prompt, row.choice, len(row.tokens)))
            row.drawn[token] += 1
            row.tokens.append(describe(scores, token, logprobs))
            row.finished = token in ends or len(row.tokens) == row.max_tokens
            drawn.append((row, row.tokens[-1]))
        yield drawn
        keep = [i for i, row in enumerate(live) if not row.finished]
        if len(keep) < len(live):
            live = [live[i] for i in keep]
            if not live:
                return
            chosen = torch.tensor(keep, device=model.device)
            cache.batch_select_indices(chosen)
            mask = mask[chosen] if mask is not None else None
        ids = torch.tensor([[row.tokens[-1].id] for row in live], device=model.device)
        if mask is not None:
            mask = torch.cat([mask, mask.new_ones(len(live), 1)], dim=1)


def describe(logits: Tensor, token: int, logprobs: int | None) -> Token:
    """Attach the log probability of a token, and of the likeliest LOGPROBS, from the untouched logits (V,)."""
    if logprobs is None:
        return Token(token)
    logs = torch.log_softmax(logits.float(), dim=-1).clamp(min=LOWEST)
    values, ids = logs.topk(min(logprobs, len(logs)))
    return Token(token, logs[token].item(), tuple(zip(ids.tolist(), values.tolist(), strict=True)))


@torch.no_grad()
def score(model: PreTrainedModel, prompts: Sequence[Sequence[int]], *, pad: int,
          logprobs: int) -> Iterator[list[list[Token]]]:
    """Yield each prompt's tokens with their log probabilities, a batch at a time, in order; the first has none."""
    room = SCORE_NUMBERS // model.config.get_text_config().vocab_size  # tokens, padding included
    batch: list[Sequence[int]] = []
    for prompt in prompts:
        if batch and (len(batch) + 1) * max(len(prompt), *map(len, batch)) > room:
            yield _score_batch(model, batch, pad, logprobs)
            batch = []
        batch.append(prompt)
    yield _score_batch(model, batch, pad, logprobs)


def _score_batch(model: PreTrainedModel, prompts: Sequence[Sequence[int]], pad: int,
                 logprobs: int) -> list[list[Token]]:
    width = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[*prompt, *[pad] * (width - len(prompt))] for prompt in prompts], device=model.device)
    mask = None
    if any(len(prompt) < width for prompt in prompts):
        mask = torch.tensor([[1] * len(prompt) + [0] * (width - len(prompt)) for prompt in prompts],
                            device=model.device)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits  # (B, T, V)
    return [_describe_all(row, prompt, logprobs) for prompt, row in zip(prompts, logits, strict=True)]


def _describe_all(logits: Tensor, prompt: Sequence[int], logprobs: int) -> list[Token]:
    """Attach to each token of a prompt what `describe` attaches to one, given all its logits, (T, V)."""
    logs = torch.log_softmax(logits[: len(prompt) - 1].float(), dim=-1).clamp(min=LOWEST)
    own = logs.gather(1, torch.tensor(prompt[1:], dtype=torch.long, device=logs.device)[:, None])[:, 0].tolist()
    values, ids = logs.topk(min(logprobs, logs.shape[1]))
    tops = [tuple(zip(*pair, strict=True)) for pair in zip(ids.tolist(), values.tolist(), strict=True)]
    return [Token(prompt[0]), *(Token(*item) for item in zip(prompt[1:], own, tops, strict=True))]


def _pad_left(prompts: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[Tensor, Tensor | None]:
    width = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[*[pad] * (width - len(prompt)), *prompt] for prompt in prompts], device=device)
    if all(len(prompt) == width for prompt in prompts):
        return ids, None
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
    return ids, (torch.arange(width, device=device) >= width - lengths[:, None]).long()


def _forward(model: PreTrainedModel, ids: Tensor, mask: Tensor | None, cache: DynamicCache) -> Tensor:
    """Run the next ids, (B, T), through the model and its cache; return the last position's logits, (B, V)."""
    positions = None
    if mask is not None:
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    output = model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True,
                   logits_to_keep=1)
    return output.logits[:, -1]  # type: ignore[no-any-return]  # the output class leaves its tensors untyped
