"""Draw one token: bias, penalties, temperature, top-p, then a draw that only its own key decides.

The draw is a number from a hash of (seed, prompt, choice, position), not from a generator that others advance: what
shares a batch, and what was drawn before, changes nothing.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; temperature 0 takes the likeliest."""

    temperature: float = 1.0
    top_p: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    seed: int = 0


def uniform(seed: int, prompt: int, choice: int, position: int) -> float:
    """Return a number in [0, 1) that belongs to one position of one choice."""
    digest = hashlib.blake2b(f"{seed}:{prompt}:{choice}:{position}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def draw_token(logits: Tensor, drawn: Counter[int], sampling: Sampling, number: float) -> int:
    """Draw from the logits of one position, (V,), given how often each token was drawn before."""
    scores = logits.float()
    if sampling.logit_bias or (drawn and (sampling.presence_penalty or sampling.frequency_penalty)):
        scores = scores.clone()
        for token, bias in sampling.logit_bias.items():
            scores[token] += bias
        for token, count in drawn.items():
            scores[token] -= sampling.presence_penalty + count * sampling.frequency_penalty
    if sampling.temperature == 0:
        return int(scores.argmax())
    shares = torch.softmax(scores.double() / sampling.temperature, dim=-1)
    if sampling.top_p >= 1:
        return _at(shares.cumsum(-1), number)
    ordered, tokens = shares.sort(descending=True, stable=True)
    sums = ordered.cumsum(-1)
    kept = int((sums < sampling.top_p).sum()) + 1  # the fewest likeliest that together reach top_p
    return int(tokens[_at(sums[:kept], number)])


def _at(sums: Tensor, number: float) -> int:
    """Find the entry of a running sum that NUMBER, a share of the whole, falls into."""
    index = torch.searchsorted(sums, sums[-1] * number, right=True)
    return min(int(index), len(sums) - 1)
