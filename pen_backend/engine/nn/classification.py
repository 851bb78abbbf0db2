"""How well classes are told: the metrics of the classic fine-tuning API (openai-api.md section 7); 0/0 is 0."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

THRESHOLD = 0.5


def multiclass(truth: Sequence[int], predicted: Sequence[int]) -> dict[str, float]:
    """Measure accuracy, and the F1 scores of all classes weighted by how often each is true."""
    hits = Counter(true for true, guess in zip(truth, predicted, strict=True) if true == guess)
    support, guessed = Counter(truth), Counter(predicted)
    weighted = sum(count * f_beta(_ratio(hits[one], guessed[one]), _ratio(hits[one], count), 1.0)
                   for one, count in support.items())
    return {"accuracy": _ratio(hits.total(), len(truth)), "weighted_f1_score": _ratio(weighted, len(truth))}


def binary(truth: Sequence[bool], probabilities: Sequence[float], betas: Sequence[float]) -> dict[str, float]:
    """Measure accuracy, precision, recall, both areas under curves, and an F score for each beta.

    PROBABILITIES are those of the positive class. Where the truth is of one class only there are no curves.
    """
    predicted = [probability >= THRESHOLD for probability in probabilities]
    hits = sum(true and guess for true, guess in zip(truth, predicted, strict=True))
    precision, recall = _ratio(hits, sum(predicted)), _ratio(hits, sum(truth))
    right = sum(true == guess for true, guess in zip(truth, predicted, strict=True))
    found = {"accuracy": _ratio(right, len(truth)), "precision": precision, "recall": recall}
    if 0 < sum(truth) < len(truth):
        found |= {"auroc": auroc(truth, probabilities), "auprc": auprc(truth, probabilities)}
    return found | {f"f{float(beta)}": f_beta(precision, recall, beta) for beta in betas}


def f_beta(precision: float, recall: float, beta: float) -> float:
    """Weigh precision and recall into one number: (1 + b²) P R / (b² P + R)."""
    return _ratio((1 + beta**2) * precision * recall, beta**2 * precision + recall)


def auroc(truth: Sequence[bool], scores: Sequence[float]) -> float:
    """Return the share of pairs, one true and one false, whose true one has the higher score; ties count half."""
    below = won = 0.0
    for positives, negatives in _by_score(truth, scores):
        won += positives * (below + negatives / 2)
        below += negatives
    return _ratio(won, sum(truth) * (len(truth) - sum(truth)))


def auprc(truth: Sequence[bool], scores: Sequence[float]) -> float:
    """Return the average precision: over falling thresholds, the precision at each weighted by the recall it adds."""
    hits = seen = 0
    area = 0.0
    for positives, negatives in reversed(_by_score(truth, scores)):
        hits += positives
        seen += positives + negatives
        area += positives * hits / seen
    return _ratio(area, hits)


def _by_score(truth: Sequence[bool], scores: Sequence[float]) -> list[tuple[int, int]]:
    """Count true and false ones for each score, the lowest first."""
    pairs = sorted(zip(scores, truth, strict=True))
    groups = [[true for _, true in group] for _, group in groupby(pairs, key=lambda pair: pair[0])]
    return [(sum(group), len(group) - sum(group)) for group in groups]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
