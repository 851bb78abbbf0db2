"""The arithmetic of the data benchmarks, and what a command is said to cost."""

import sys
from pathlib import Path

import pytest

from bench import data
from bench.measured import Cost, measured


def costs(*peaks: float) -> list[Cost]:
    return [Cost(wall=2 * peak, cpu=peak / 10, peak=peak) for peak in peaks]


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    row = data.ratio("a", "b", 0.4, costs(10, 40, 20), costs(100, 100, 100), "cpu")
    assert (row["ratio"], row["values"], row["goal"]) == (0.2, [0.1, 0.4, 0.2], 0.4)


def test_growth_compares_the_cost_of_a_record_and_counts_the_memory_of_further_ones() -> None:
    parts = {16: [(1.1, 1_000)], 4: [(4.0, 4_000)], 1: [(16.0, 16_000)]}
    time, memory = data.of_growth({"core": costs(65), "part 16": costs(50), "part 4": costs(53)}, parts, "")
    assert time["ratio"] == pytest.approx(1.1)
    assert memory["values"] == [50, 53, 65]
    assert memory["ratio"] == pytest.approx(15 * 1024**2 / 15_000)


def test_invented_jokes_are_always_the_same_and_some_are_told_twice() -> None:
    jokes = list(data.generated(2_000))
    assert jokes == list(data.generated(2_000))
    assert 0.02 < 1 - len({f"{joke['title']}{joke['body']}" for joke in jokes}) / 2_000 < 0.3


def test_a_command_is_measured_without_its_parent(tmp_path: Path) -> None:
    cost = measured([sys.executable, "-S", "-c", "print(sum(range(1_000_000)))"], tmp_path)
    assert 0 < cost["cpu"] < cost["wall"] + 1
    assert 5 < cost["peak"] < 40
