"""The head's loss against the formula."""

from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from pen_backend.engine.nn import head
from pen_backend.engine.nn.head import is_predicted, plain_head, weighted_nll


def inputs(count: int, *, vocabulary: int = 50) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(count)
    return (torch.randn(count, 16, requires_grad=True), torch.randn(vocabulary, 16, requires_grad=True),
            torch.randint(0, vocabulary, (count,)), torch.rand(count))


@pytest.mark.parametrize("count", [0, 1, 40, head.LEAST_ROWS + 3])
@pytest.mark.parametrize("large", [False, True])
def test_loss_and_gradients_are_the_formula_s(count: int, large: bool) -> None:
    hidden, weight, targets, weights = inputs(count, vocabulary=head.HELD // head.LEAST_ROWS + 1 if large else 50)
    wanted = (cross_entropy(hidden @ weight.t(), targets, reduction="none") * weights).sum()
    gradients = torch.autograd.grad(wanted * 0.3, (hidden, weight))

    loss, right = weighted_nll(hidden, weight, targets, weights, torch.float32)

    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert torch.equal(right, (hidden @ weight.t()).argmax(-1) == targets)
    for one, other in zip(torch.autograd.grad(loss * 0.3, (hidden, weight)), gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_target_of_almost_no_chance_has_its_finite_loss() -> None:
    hidden, weight = torch.tensor([[200.0]]), torch.tensor([[1.0], [-1.0]])

    loss, _ = weighted_nll(hidden, weight, torch.tensor([1]), torch.ones(1), torch.float32)

    assert loss.item() == pytest.approx(400.0)


def test_what_is_not_finite_stays_so() -> None:
    hidden, weight = torch.tensor([[float("nan")]]), torch.tensor([[1.0], [-1.0]])

    assert weighted_nll(hidden, weight, torch.tensor([1]), torch.ones(1), torch.float32)[0].isnan()


def test_a_frozen_head_gets_no_gradient() -> None:
    hidden, weight, targets, weights = inputs(5)
    frozen = weight.detach()

    weighted_nll(hidden, frozen, targets, weights, torch.float32)[0].backward()

    assert frozen.grad is None
    assert hidden.grad is not None


def test_a_tie_goes_to_the_first_entry() -> None:
    logits = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])

    assert is_predicted(logits, torch.tensor([0, 1, 2])).tolist() == [True, False, True]


def test_only_a_head_of_one_matrix_is_plain(model: Any) -> None:
    assert plain_head(model) is model.lm_head

    model.lm_head = torch.nn.Linear(32, 300, bias=True)
    assert plain_head(model) is None
