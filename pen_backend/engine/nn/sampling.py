"""Draw tokens: bias, penalties, temperature, top-p, then a draw that only its own key decides.

The draw is a number from a hash of (seed, prompt, choice, position), not from a generator that others advance: what
shares a batch, and what was drawn before, changes nothing.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

LIKELIEST = 256
"""Tokens among which top-p looks first."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; temperature 0 takes the likeliest."""

    temperature: float = 1.0
    top_p: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What one draw depends on beside the logits: how often each token was drawn before, and a number in [0, 1)."""

    sampling: Sampling
    drawn: Counter[int]
    number: float


def uniform(seed: int, prompt: int, choice: int, position: int) -> float:
    """Return a number in [0, 1) that belongs to one position of one choice."""
    digest = hashlib.blake2b(f"{seed}:{prompt}:{choice}:{position}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def draw_tokens(logits: Tensor, wishes: Sequence[Wish]) -> list[int]:
    """Draw a token from each row of logits, (B, V)."""
    scores = _adjusted(logits.float(), wishes)
    temperatures = [wish.sampling.temperature for wish in wishes]
    if not any(temperatures):
        return scores.argmax(-1).tolist()
    if any(temperature != 1 for temperature in temperatures):
        scores = scores / torch.tensor([[one or 1.0] for one in temperatures], device=scores.device)
    shares = torch.softmax(scores, dim=-1)
    numbers = torch.tensor([[wish.number] for wish in wishes], dtype=torch.float64, device=shares.device)
    narrow = [i for i, wish in enumerate(wishes) if wish.sampling.top_p < 1]
    if narrow:
        limits = torch.tensor([[wishes[i].sampling.top_p] for i in narrow], device=shares.device)
        shares[narrow] = _narrowed(shares[narrow], limits)
    sums = shares.cumsum(-1, dtype=torch.float64)
    # To the right of equal sums, so that a token without a share is never drawn.
    places = torch.searchsorted(sums, numbers * sums[:, -1:], right=True).clamp_(max=sums.shape[1] - 1)
    drawn: list[int] = places[:, 0].tolist()
    greedy = [i for i, temperature in enumerate(temperatures) if not temperature]
    for i, token in zip(greedy, scores[greedy].argmax(-1).tolist() if greedy else (), strict=True):
        drawn[i] = token
    return drawn


def _adjusted(scores: Tensor, wishes: Sequence[Wish]) -> Tensor:
    """Add biases and subtract penalties in a copy, if any row has them."""
    rows: list[int] = []
    tokens: list[int] = []
    values: list[float] = []
    for row, wish in enumerate(wishes):
        sampling = wish.sampling
        if sampling.logit_bias:
            tokens += sampling.logit_bias
            values += sampling.logit_bias.values()
        if sampling.presence_penalty or sampling.frequency_penalty:
            tokens += wish.drawn
            values += (-sampling.presence_penalty - count * sampling.frequency_penalty for count in wish.drawn.values())
        rows += [row] * (len(tokens) - len(rows))
    if not rows:
        return scores
    places = torch.tensor(rows, device=scores.device), torch.tensor(tokens, device=scores.device)
    return scores.index_put(places, torch.tensor(values, dtype=scores.dtype, device=scores.device), accumulate=True)


def _narrowed(shares: Tensor, limits: Tensor) -> Tensor:
    """Keep of each row, (B, V), the fewest likeliest that together reach its limit, (B, 1); the others become 0."""
    ordered, tokens = shares.topk(min(LIKELIEST, shares.shape[1]))
    few = (ordered.sum(-1) >= limits[:, 0]).tolist()  # for most rows; sorting a whole one takes five times as long
    narrowed = torch.zeros_like(shares)
    for enough in set(few):
        chosen = [i for i, each in enumerate(few) if each == enough]
        values, places = (ordered[chosen], tokens[chosen]) if enough else shares[chosen].sort(descending=True)
        before = values.cumsum(-1, dtype=torch.float64) - values
        values = values.masked_fill(before >= limits[chosen], 0.0)
        narrowed[chosen] = torch.zeros_like(shares[chosen]).scatter_(1, places, values)
    return narrowed
