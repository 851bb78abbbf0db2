"""Direct preference optimisation: the preferred answer becomes likelier than the other, measured from where one began.

    loss = -log sigmoid(β · ((log p(preferred) - log p(other)) - the same of the model before training))

https://arxiv.org/abs/2305.18290. The second part never changes: it is computed once (references.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid
from transformers import PreTrainedModel

from pen_backend.engine.nn.device import Device
from pen_backend.engine.nn.loss import Batch, Scores, WeightedLoss, collate, count_right
from pen_backend.engine.nn.preferences import Pair


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Preferred answers in the first half of the rows, the others in the second; the reference of each pair, (B,)."""

    answers: Batch
    reference: Tensor


def collate_pairs(pairs: Sequence[Pair], pad: int, device: torch.device) -> PairBatch:
    """Pad both answers of all pairs to the longest; accuracy looks at the preferred ones."""
    answers = collate([*(pair.preferred for pair in pairs), *(pair.other for pair in pairs)], pad, device)
    answers.scored[len(pairs) :] = False
    return PairBatch(answers, torch.tensor([pair.reference for pair in pairs], device=device))


class PreferenceLoss(WeightedLoss):
    """A language model with the loss of preferences."""

    def __init__(self, model: PreTrainedModel, device: Device, *, lean: bool, beta: float,
                 written: bool = False) -> None:
        super().__init__(model, device, lean=lean, written=written)
        self.beta = beta

    def forward(self, batch: PairBatch) -> Scores:  # type: ignore[override]  # what it scores is another thing
        """Score a batch's pairs."""
        favour, accuracies = self.favour(batch.answers)
        margin = self.beta * (favour - batch.reference)  # (B,)
        return Scores(-logsigmoid(margin).sum(), {
            **accuracies, "rewards_right": (margin > 0).sum(), "margin": margin.detach().sum(),
            "pairs": torch.tensor(len(margin))})

    def favour(self, answers: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return by how much log p of the first half's answers exceeds that of the second's, (B,), and accuracies."""
        chosen = answers.weights[:, 1:] > 0  # (2B, T-1)
        targets = answers.input_ids[:, 1:][chosen]  # (N,)
        logits = self.logits(answers, chosen)  # (N, V)
        nll = cross_entropy(logits.float(), targets, reduction="none")  # (N,)
        rows = torch.zeros(len(chosen), device=nll.device).index_add(0, chosen.nonzero()[:, 0], -nll)  # (2B,)
        preferred, other = rows.chunk(2)
        return preferred - other, count_right(logits.detach(), targets, answers.scored[:, 1:][chosen],
                                              answers.documents[:, :-1][chosen])
