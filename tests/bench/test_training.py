"""The arithmetic of the training benchmark."""

from collections.abc import Iterator

import numpy
import pytest

from bench import training
from bench.arms import measure
from bench.trainers import counting, matrices, operations

CASE = training.Case("jokes", ["a joke"], 2, 1, 1, goals=True)
FOUND = {training.BUCKETS: [700.0, 1400.0, 700.0], training.WINDOWS: [600.0] * 3, training.DEFAULT: [100.0] * 3,
         training.HALF: [350.0] * 3, training.ROOF: [1e11] * 3}


def numbers() -> Iterator[float]:
    yield from (7.0, 1.0, 2.0, 3.0)


def letters() -> Iterator[float]:
    yield from (8.0, 4.0, 5.0, 6.0)


def test_ratios_are_those_of_the_medians_and_peers_that_are_missing_are_left_out() -> None:
    rows = {row["name"]: row for row in training.of_case(CASE, FOUND)}

    assert rows["training jokes, 2 threads: buckets / Trainer"]["ratio"] == 7.0
    assert rows["training jokes, 2 threads: buckets / Trainer"]["goal"] == 7.0
    assert rows["training jokes, 2 threads: buckets / Trainer bf16"]["values"] == [2.0, 4.0, 2.0]
    assert rows["training jokes, 2 threads: windows of 512 / Trainer"]["goal"] is None
    assert not any("TRL" in name for name in rows)


def test_the_share_of_the_roof_counts_three_products_of_each_weight() -> None:
    row = next(row for row in training.of_case(CASE, FOUND) if "buckets, share" in row["name"])

    assert operations(training.BASE) == 6 * (6 * (4 * 256 * 256 + 3 * 256 * 688) + 4096 * 256)
    assert row["ratio"] == pytest.approx(700 * operations(training.BASE) / 1e11)
    assert len(matrices(training.BASE)) == 6 * 7 + 1


def test_texts_of_one_length_have_that_length() -> None:
    from pen_backend.engine.nn.vocabulary import Vocabulary

    vocabulary = Vocabulary(training.BASE)

    assert {len([*vocabulary.prompt_ids(""), *vocabulary.encode(text), vocabulary.eos])
            for text in training.of_length(128)} == {128}


def test_tokens_without_a_loss_are_not_counted() -> None:
    counted: list[int] = []

    counting(lambda rows: {"labels": numpy.array(rows)}, counted)([[1, -100], [2, 3]])

    assert counted == [3]


@pytest.mark.slow
def test_arms_take_turns_after_a_round_that_warms_up() -> None:
    assert measure({"a": numbers, "b": letters}, threads=1, rounds=2) == {"a": [1.0, 2.0], "b": [4.0, 5.0]}
