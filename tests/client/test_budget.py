"""How many calls are repeated in a minute."""

from pen_backend.client.budget import FREE, MINUTE, Budget


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def repeated(budget: Budget, wanted: int) -> int:
    """Ask for so many repetitions and count those that may be."""
    return sum(budget.repeat() for _ in range(wanted))


def test_a_few_calls_are_repeated_however_few_there_are() -> None:
    budget = Budget(Clock())
    budget.call()
    assert repeated(budget, 3 * FREE) == FREE


def test_of_many_calls_a_tenth_is_repeated() -> None:
    budget = Budget(Clock())
    for _ in range(500):
        budget.call()
    assert repeated(budget, 500) == 50


def test_a_minute_later_there_is_a_new_budget() -> None:
    clock = Clock()
    budget = Budget(clock)
    for _ in range(500):
        budget.call()
    assert repeated(budget, 500) == 50
    clock.now += MINUTE / 2
    assert repeated(budget, 1) == 0
    clock.now += MINUTE / 2
    assert repeated(budget, 500) == FREE  # the calls of then are forgotten, too
