"""Measure a run on held-out examples, with the loss, weights and precision it trains with."""

import torch

from pen_backend.engine.nn.batches import cut, pick
from pen_backend.engine.nn.loss import collate
from pen_backend.engine.nn.run import Run
from pen_backend.engine.nn.totals import Totals


def due_validation(run: Run) -> dict[str, float]:
    """Measure what is due at the run's step: a fixed sample every so many steps, all of it at epoch ends."""
    if run.valid is None:
        return {}
    figures: dict[str, float] = {}
    evaluate = run.spec.evaluate
    everything = range(len(run.valid.examples))
    if evaluate and evaluate.every and run.step % evaluate.every == 0:
        sample = pick(len(everything), evaluate.sample, run.spec.seed, "validation")
        figures |= validate(run, sample, "valid")
    if run.plan.ends_epoch(run.step):
        figures |= validate(run, list(everything), "full_valid")
    return figures


@torch.no_grad()
def validate(run: Run, numbers: list[int], prefix: str) -> dict[str, float]:
    """Measure some of the validation examples; leave between batches if asked to stop."""
    assert run.valid is not None  # noqa: S101 - both callers have asked
    examples = run.valid.examples
    order = sorted(numbers, key=lambda i: (len(examples[i]), i))
    size = run.spec.evaluate.batch_size if run.spec.evaluate else None
    batches = ([tuple(order[i : i + size]) for i in range(0, len(order), size)] if size
               else cut(examples, order, run.plan.token_budget))
    run.loss.eval()
    totals = Totals()
    for batch in batches:
        run.stop.check()
        totals.add(run.loss(collate([examples[i] for i in batch], run.vocabulary.pad, run.device.torch)))
    return totals.figures(prefix, sum(examples[i].weight_sum for i in numbers))
