"""The benchmark table says what was reached."""

from bench.__main__ import merge, table, verdict
from bench.row import Row


def row(name: str = "a", ratio: float = 0.5, goal: float | None = 0.6) -> Row:
    return Row(name=name, ratio=ratio, against="a peer", goal=goal, better="lower", values=[ratio])


def test_a_row_at_its_goal_is_reached_and_one_above_is_missed() -> None:
    assert [verdict(row(ratio=value)) for value in (0.6, 0.61)] == ["reached", "MISSED"]


def test_higher_is_better_turns_the_verdict_round() -> None:
    assert verdict(row(ratio=7, goal=6) | {"better": "higher"}) == "reached"


def test_a_row_without_a_goal_is_not_judged() -> None:
    assert verdict(row(goal=None)) == ""


def test_running_one_family_keeps_the_rows_of_the_others() -> None:
    merged = merge([row("a", 1.0), row("b", 2.0)], [row("b", 3.0)])
    assert [(r["name"], r["ratio"]) for r in merged] == [("a", 1.0), ("b", 3.0)]


def test_the_table_names_peer_goal_and_verdict() -> None:
    assert table([row()]).splitlines()[1].split("  ")[0] == "a"
    assert "≤ 0.6" in table([row()])
    assert table([row()]).endswith("reached")
