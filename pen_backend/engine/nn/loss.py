"""The one loss: sum(w · nll) / sum(w) over a step's targets, with exact weights.

A batch is padded on the right, and attention is causal: no real token ever sees padding, so the mask is only needed by
models whose forward wants one. Which tokens count follows from weights and lengths, never from `id == pad`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from pen_backend.engine.nn.device import Device
from pen_backend.engine.nn.tokenise import Encoded

PROBE_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded examples: ids, weights and scored flags, each (B, T), and the attention mask of the real tokens."""

    input_ids: Tensor
    weights: Tensor
    scored: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Scores:
    """Sums over a batch: weighted loss, weight, and right and scored targets."""

    weighted_nll: Tensor
    correct: Tensor
    scored: Tensor


def collate(examples: Sequence[Encoded], pad: int, device: torch.device) -> Batch:
    """Pad examples to their longest and spread their weights over the tokens."""
    shape = (len(examples), max(len(example) for example in examples))
    batch = Batch(torch.full(shape, pad, dtype=torch.long), torch.zeros(shape), torch.zeros(shape, dtype=torch.bool),
                  torch.zeros(shape, dtype=torch.long))
    for row, example in enumerate(examples):
        batch.input_ids[row, : len(example)] = torch.tensor(example.ids, dtype=torch.long)
        batch.mask[row, : len(example)] = 1
        start = 0
        for span in example.spans:
            batch.weights[row, start : start + span.tokens] = span.weight
            batch.scored[row, start : start + span.tokens] = span.scored
            start += span.tokens
    return Batch(*(tensor.to(device) for tensor in (batch.input_ids, batch.weights, batch.scored, batch.mask)))


class WeightedLoss(nn.Module):
    """A language model with its loss, as one module: on several ranks the forward must run inside what is wrapped.

    `lean` runs the decoder and then the head on weighted positions only, the fastest way; it is right for most models,
    which `takes_lean_forward` finds out.
    """

    def __init__(self, model: PreTrainedModel, device: Device, *, lean: bool) -> None:
        super().__init__()
        self.model = model
        self.device = device
        self.lean = lean

    def forward(self, batch: Batch) -> Scores:
        """Score a batch's targets: every token from the second on whose weight is above 0."""
        chosen = batch.weights[:, 1:] > 0  # (B, T-1)
        targets = batch.input_ids[:, 1:][chosen]  # (N,)
        with self.device.autocast():
            logits = lean_logits(self.model, batch, chosen) if self.lean else full_logits(self.model, batch, chosen)
        nll = cross_entropy(logits.float(), targets, reduction="none")  # (N,)
        scored = batch.scored[:, 1:][chosen]
        return Scores((nll * batch.weights[:, 1:][chosen]).sum(), count_right(logits.detach(), targets, scored),
                      scored.sum())


def count_right(logits: Tensor, targets: Tensor, scored: Tensor) -> Tensor:
    """Count the scored rows of (N, V) whose first largest entry is the target; most rows only need their maximum."""
    top = logits.gather(1, targets[:, None])[:, 0] == logits.amax(-1)
    candidates = top & scored  # arg max, the slow part, is left for ties
    return (logits[candidates].argmax(-1) == targets[candidates]).sum()


def full_logits(model: PreTrainedModel, batch: Batch, chosen: Tensor) -> Tensor:
    """Run the model's own forward and keep the logits of the chosen positions, (N, V)."""
    logits = model(input_ids=batch.input_ids, attention_mask=batch.mask, use_cache=False).logits
    return cast(Tensor, logits[:, :-1][chosen])


def lean_logits(model: PreTrainedModel, batch: Batch, chosen: Tensor) -> Tensor:
    """Run the decoder, then the head on the chosen positions only, (N, V); causal attention needs no mask."""
    hidden = model.base_model(input_ids=batch.input_ids, attention_mask=None, use_cache=False).last_hidden_state
    return cast(Tensor, model.get_output_embeddings()(hidden[:, :-1][chosen]))


def takes_lean_forward(model: PreTrainedModel, vocab_size: int) -> bool:
    """Try both forwards on a padded probe in fp32: some families scale or cap their logits after the head."""
    ids = torch.arange(24, device=model.device).reshape(2, 12) * 7 % vocab_size
    mask = torch.ones_like(ids)
    mask[1, 8:] = 0
    batch = Batch(ids, mask.float(), mask.bool(), mask)
    chosen = mask[:, 1:] > 0
    was_training = model.training
    try:
        with torch.no_grad():
            model.eval()
            difference = (lean_logits(model, batch, chosen) - full_logits(model, batch, chosen)).abs().max()
        return difference.item() <= PROBE_TOLERANCE
    except (AttributeError, TypeError, ValueError, RuntimeError):  # a family whose parts are named otherwise
        return False
    finally:
        model.train(was_training)
