"""Measure a run on held-out examples, with the loss, weights and precision it trains with."""

from collections.abc import Iterable, Iterator, Sequence

import torch

from pen_backend.engine.nn.batches import cut, pick
from pen_backend.engine.nn.best import judged
from pen_backend.engine.nn.classes import Classes
from pen_backend.engine.nn.classification import binary, multiclass
from pen_backend.engine.nn.loss import collate
from pen_backend.engine.nn.run import Run
from pen_backend.engine.nn.tokenise import Encoded, Span
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
        figures |= validate(run, sample, "valid") | classified(run, sample)
    run.best.note(judged(figures, run.spec), run.step, run.spec.early_stopping)
    if run.plan.ends_epoch(run.step) or run.best.stopped:
        figures |= validate(run, list(everything), "full_valid")
        figures |= classified(run, list(everything))
        run.best.note(judged(figures, run.spec), run.step, run.spec.early_stopping)
    return figures


@torch.no_grad()
def validate(run: Run, numbers: list[int], prefix: str) -> dict[str, float]:
    """Measure some of the validation examples."""
    assert run.valid is not None  # noqa: S101 - both callers have asked
    examples = run.valid.examples
    run.loss.eval()
    totals = Totals()
    for batch in batches(run, examples, numbers, shared=True):
        totals.add(run.loss(run.collate([examples[i] for i in batch], run.vocabulary.pad, run.device.torch)))
    totals.gather(run.ranks)
    return totals.figures(prefix, sum(examples[i].weight_sum for i in numbers))


def classified(run: Run, numbers: list[int]) -> dict[str, float]:
    """Measure how well the classes of some of the validation examples are told, if the job has classes."""
    found = classify(run, run.classes, numbers) if run.classes else {}
    return {f"classification/{name}": value for name, value in found.items()}


@torch.no_grad()
def classify(run: Run, classes: Classes, numbers: list[int]) -> dict[str, float]:
    """Measure which class is likeliest where the prompts of some of the validation examples end."""
    assert run.valid is not None  # noqa: S101 - there are no classes without
    asked_for = [run.valid.examples[i] for i in numbers]
    prompts = [_ask(example) for example in asked_for]
    first_tokens = torch.tensor(classes.first_tokens, device=run.device.torch)
    truth: list[int] = []
    shares: list[list[float]] = []
    run.loss.eval()
    for batch in batches(run, prompts, range(len(prompts))):
        asked = collate([prompts[i] for i in batch], run.vocabulary.pad, run.device.torch)
        logits = run.loss.logits(asked, asked.weights[:, 1:] > 0)[:, first_tokens]  # (B, classes)
        shares += logits.float().softmax(-1).tolist()
        truth += [classes.of(asked_for[i]) for i in batch]
    if classes.positive is None or run.spec.classification is None:
        return multiclass(truth, [row.index(max(row)) for row in shares])
    return binary([one == classes.positive for one in truth], [row[classes.positive] for row in shares],
                  run.spec.classification.betas)


def _ask(example: Encoded) -> Encoded:
    """Keep of an example its prompt and the one token that is asked for."""
    prompt = len(example.prompt)
    return Encoded(example.ids[: prompt + 1], (Span(prompt, 0.0, scored=False), Span(1, 1.0, scored=True)))


def batches(run: Run, examples: Sequence[Encoded], numbers: Iterable[int], *,
            shared: bool = False) -> Iterator[tuple[int, ...]]:
    """Cut some of the examples into batches of like length; leave between them if asked to stop.

    SHARED ones are divided among the processes of the run.
    """
    order = sorted(numbers, key=lambda i: (len(examples[i]), i))
    size = run.spec.evaluate.batch_size if run.spec.evaluate else None
    groups = ([tuple(order[i : i + size]) for i in range(0, len(order), size)] if size
              else cut(examples, order, run.plan.token_budget))
    for group in groups[run.ranks.index :: run.ranks.count] if shared else groups:
        run.stop.check()
        yield group
