"""One figure of the benchmarks, as it stands in bench/results.json."""

from typing import Literal, TypedDict


class Row(TypedDict):
    """A measured figure: `ratio` is against the peer named in `against`, or an absolute value with its unit there."""

    name: str
    ratio: float
    against: str
    goal: float | None
    better: Literal["lower", "higher"]
    values: list[float]
