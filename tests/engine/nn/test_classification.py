"""The metrics of classes against their definitions, counted by hand or by brute force."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.engine.nn.classification import auprc, auroc, binary, multiclass

SCORED = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])), min_size=2,
                  max_size=30).filter(lambda pairs: len({true for true, _ in pairs}) == 2)


def test_accuracy_and_weighted_f1_of_many_classes() -> None:
    # class 0: P 2/3, R 2/2, F1 0.8; class 1: P 1/1, R 1/3, F1 0.5; class 2: P 0, R 0 of 1, F1 0
    found = multiclass([0, 0, 1, 1, 1, 2], [0, 0, 1, 0, 2, 3])

    assert found == pytest.approx({"accuracy": 3 / 6, "weighted_f1_score": (2 * 0.8 + 3 * 0.5 + 1 * 0) / 6})


def test_all_metrics_of_two_classes() -> None:
    found = binary([True, True, False, False, True], [0.9, 0.5, 0.8, 0.1, 0.2], [1, 0.5])

    assert found == pytest.approx({
        "accuracy": 3 / 5, "precision": 2 / 3, "recall": 2 / 3, "auroc": 4 / 6,
        "auprc": 1 / 3 * (1 + 2 / 3 + 3 / 4), "f1.0": 2 / 3, "f0.5": 2 / 3})


def test_nothing_by_nothing_is_nothing() -> None:
    assert binary([True, False], [0.1, 0.2], [1]) == {
        "accuracy": 0.5, "precision": 0.0, "recall": 0.0, "auroc": 0.0, "auprc": 0.5, "f1.0": 0.0}


def test_one_class_has_no_curves() -> None:
    assert set(binary([True, True], [0.1, 0.9], [2])) == {"accuracy", "precision", "recall", "f2.0"}


@given(SCORED)
def test_the_area_is_the_share_of_pairs_in_order(pairs: list[tuple[bool, float]]) -> None:
    wins = [1.0 if high > low else 0.5 if high == low else 0.0 for true, high in pairs if true
            for other, low in pairs if not other]

    assert auroc(*zip(*pairs, strict=True)) == pytest.approx(sum(wins) / len(wins))


@given(SCORED)
def test_average_precision_adds_up_over_thresholds(pairs: list[tuple[bool, float]]) -> None:
    area, recall = 0.0, 0.0
    for threshold in sorted({score for _, score in pairs}, reverse=True):
        taken = [true for true, score in pairs if score >= threshold]
        now = sum(taken) / sum(true for true, _ in pairs)
        area += (now - recall) * sum(taken) / len(taken)
        recall = now

    assert auprc(*zip(*pairs, strict=True)) == pytest.approx(area)
