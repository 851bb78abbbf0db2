"""The one loss: sum(w · nll) / sum(w) over a step's targets, with exact weights.

A batch is padded on the right, and attention is causal: no real token ever sees padding, so the mask is only needed by
models whose forward wants one. Which tokens count follows from weights and lengths, never from `id == pad`.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from pen_backend.engine.nn.decoder import decode, is_written_out
from pen_backend.engine.nn.device import Device
from pen_backend.engine.nn.head import is_predicted, plain_head, weighted_nll
from pen_backend.engine.nn.tokenise import Encoded, Span

PROBE_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded examples: ids, weights, scored flags, numbers of the documents, attention mask, positions; each (B, T).

    Where a row holds several documents, positions restart with each and there is no mask: only so the library keeps
    them apart. Elsewhere there are no positions.
    """

    input_ids: Tensor
    weights: Tensor
    scored: Tensor
    documents: Tensor
    mask: Tensor | None
    positions: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """A batch's loss, summed and not divided yet, and sums of what else is measured, by name."""

    loss: Tensor
    sums: dict[str, Tensor]


def collate(examples: Sequence[Encoded], pad: int, device: torch.device) -> Batch:
    """Pad examples to their longest and spread their weights over the tokens."""
    shape = (len(examples), max(len(example) for example in examples))
    ids, mask = torch.full(shape, pad, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    weights, scored = torch.zeros(shape), torch.zeros(shape, dtype=torch.bool)
    documents, positions = torch.zeros(shape, dtype=torch.long), torch.arange(shape[1]).repeat(shape[0], 1)
    number = -1
    for row, example in enumerate(examples):
        ids[row, : len(example)] = torch.tensor(example.ids, dtype=torch.long)
        mask[row, : len(example)] = 1
        start = 0
        for span in example.spans:
            weights[row, start : start + span.tokens] = span.weight
            scored[row, start : start + span.tokens] = span.scored
            start += span.tokens
        for start in (0, *example.starts):
            number += 1
            documents[row, start:] = number
            positions[row, start:] -= int(positions[row, start])
    windows = any(example.starts for example in examples)
    return Batch(ids.to(device), weights.to(device), scored.to(device), documents.to(device),
                 None if windows else mask.to(device), positions.to(device) if windows else None)


class WeightedLoss(nn.Module):
    """A language model with its loss, as one module: on several ranks the forward must run inside what is wrapped.

    `lean` runs the decoder and then the head on weighted positions only; it is right for most models, which
    `takes_lean_forward` finds out. `written` runs pen's own decoder, the fastest way, if `takes_written_decoder`.
    """

    def __init__(self, model: PreTrainedModel, device: Device, *, lean: bool, written: bool = False) -> None:
        super().__init__()
        self.model = model
        self.device = device
        self.lean = lean
        self.written = written

    def forward(self, batch: Batch) -> Scores:
        """Score a batch's targets: every token from the second on whose weight is above 0."""
        chosen = batch.weights[:, 1:] > 0  # (B, T-1)
        targets, weights = batch.input_ids[:, 1:][chosen], batch.weights[:, 1:][chosen]  # (N,)
        head = plain_head(self.model) if self.lean else None
        if head is None:
            logits = self.logits(batch, chosen)
            loss = (cross_entropy(logits.float(), targets, reduction="none") * weights).sum()
            right = is_predicted(logits.detach(), targets)
        else:
            loss, right = weighted_nll(self.hidden(batch, chosen), head.weight, targets, weights, self.device.dtype)
        # a document's number rides on its first token too, which the one before predicts
        return Scores(loss, count(right, batch.scored[:, 1:][chosen], batch.documents[:, :-1][chosen]))

    def hidden(self, batch: Batch, chosen: Tensor) -> Tensor:
        """Return what the head sees at the chosen positions, (N, H)."""
        if self.written:
            return decode(self.model, batch.input_ids, None if batch.positions is None else batch.documents, chosen,
                          self.device.dtype)
        with self.device.autocast():
            return lean_hidden(self.model, batch, chosen)

    def logits(self, batch: Batch, chosen: Tensor) -> Tensor:
        """Return what the model says at the chosen positions, (N, V)."""
        with self.device.autocast():
            if not self.lean:
                return full_logits(self.model, batch, chosen)
            return cast(Tensor, self.model.get_output_embeddings()(self.hidden(batch, chosen)))


def count_right(logits: Tensor, targets: Tensor, scored: Tensor, documents: Tensor) -> dict[str, Tensor]:
    """Count the scored rows of (N, V), those whose first largest entry is the target, and the same by document."""
    return count(is_predicted(logits, targets), scored, documents)


def count(right: Tensor, scored: Tensor, documents: Tensor) -> dict[str, Tensor]:
    """Count what is scored and what of it is right, tokens (N,) and documents.

    A document counts if it has a scored token, and is right if all of them are.
    """
    right = right & scored
    sequences = torch.zeros((2, int(documents.max()) + 1 if len(documents) else 1), dtype=torch.bool,
                            device=right.device)
    sequences[0].index_fill_(0, documents[scored], value=True)
    sequences[1].index_fill_(0, documents[scored & ~right], value=True)
    return {"right": right.sum(), "scored": scored.sum(), "sequences_right": (sequences[0] & ~sequences[1]).sum(),
            "sequences": sequences[0].sum()}


def full_logits(model: PreTrainedModel, batch: Batch, chosen: Tensor) -> Tensor:
    """Run the model's own forward and keep the logits of the chosen positions, (N, V)."""
    logits = model(input_ids=batch.input_ids, attention_mask=batch.mask, use_cache=False, **_positions(batch)).logits
    return cast(Tensor, logits[:, :-1][chosen])


def lean_hidden(model: PreTrainedModel, batch: Batch, chosen: Tensor) -> Tensor:
    """Run the library's decoder and keep the chosen positions, (N, H); causal attention needs no mask."""
    hidden = model.base_model(input_ids=batch.input_ids, attention_mask=None, use_cache=False,
                              **_positions(batch)).last_hidden_state
    return cast(Tensor, hidden[:, :-1][chosen])


def lean_logits(model: PreTrainedModel, batch: Batch, chosen: Tensor) -> Tensor:
    """Run the decoder, then the head on the chosen positions only, (N, V)."""
    return cast(Tensor, model.get_output_embeddings()(lean_hidden(model, batch, chosen)))


def _positions(batch: Batch) -> dict[str, Tensor]:
    """Name positions only where there are some: not every family knows them."""
    return {} if batch.positions is None else {"position_ids": batch.positions}


def takes_lean_forward(model: PreTrainedModel, vocab_size: int) -> bool:
    """Try both forwards on a padded probe in fp32: some families scale or cap their logits after the head."""
    batch = collate([_probe(12, vocab_size), _probe(8, vocab_size)], 0, model.device)
    chosen = batch.weights[:, 1:] > 0
    return _agree(model, lambda: (lean_logits(model, batch, chosen), full_logits(model, batch, chosen)))


def takes_written_decoder(model: PreTrainedModel, vocab_size: int, device: Device) -> bool:
    """Try pen's own decoder against the library's in fp32, on padded rows and on documents that share rows.

    It is for a CPU that multiplies bf16: elsewhere products are not what takes the time, or kernels are fused.
    """
    if device.torch.type != "cpu" or device.precision != "bf16" or not is_written_out(model):
        return False
    both = replace(_probe(12, vocab_size), starts=(7,))
    batches = [collate(rows, 0, model.device) for rows in ([_probe(12, vocab_size), _probe(8, vocab_size)],
                                                           [both, both])]

    def forwards() -> tuple[Tensor, Tensor]:
        pairs = [(decode(model, batch.input_ids, None if batch.positions is None else batch.documents,
                         batch.weights[:, 1:] > 0, torch.float32),
                  lean_hidden(model, batch, batch.weights[:, 1:] > 0)) for batch in batches]
        return torch.cat([one for one, _ in pairs]), torch.cat([other for _, other in pairs])

    return _agree(model, forwards)


def keeps_documents_apart(model: PreTrainedModel, vocab_size: int, *, lean: bool) -> bool:
    """Try two windows of two documents each in fp32: no family may let one see the other."""
    logits = lean_logits if lean else full_logits
    one, other, both = _probe(7, vocab_size), _probe(5, vocab_size), _probe(12, vocab_size)
    both = replace(both, ids=one.ids + other.ids, starts=(7,))
    packed = collate([both, both], 0, model.device)

    def forwards() -> tuple[Tensor, Tensor]:
        alone = [logits(model, batch, batch.weights[:, 1:] > 0)
                 for batch in (collate([each], 0, model.device) for each in (one, other))]
        chosen = packed.weights[:, 1:] > 0
        chosen[:, 6] = False  # the last token of the first document predicts nothing
        return logits(model, packed, chosen), torch.cat(alone * 2)

    return _agree(model, forwards)


def _probe(length: int, vocab_size: int) -> Encoded:
    return Encoded(array("i", [i * 7 % vocab_size for i in range(1, length + 1)]), (Span(length, 1.0, scored=True),))


def _agree(model: PreTrainedModel, forwards: Callable[[], tuple[Tensor, Tensor]]) -> bool:
    """Tell whether two ways to compute the same numbers give the same; one that cannot be run does not."""
    was_training = model.training
    try:
        with torch.no_grad():
            model.eval()
            one, other = forwards()
        return (one - other).abs().max().item() <= PROBE_TOLERANCE
    except (AttributeError, TypeError, ValueError, RuntimeError):  # a family whose parts are named otherwise
        return False
    finally:
        model.train(was_training)
