"""Which evaluation was the best, and when nobody expects a better one."""

from pen_backend.engine.nn.best import Best


def noted(*losses: float | None, patience: int | None) -> Best:
    best = Best()
    for step, loss in enumerate(losses, 1):
        best.note(loss, step, patience)
    return best


def test_the_lowest_loss_is_the_best_and_the_earlier_of_equals() -> None:
    best = noted(3.0, 2.0, 2.0, 2.5, patience=None)

    assert (best.loss, best.step, best.worse, best.stopped) == (2.0, 2, 2, False)


def test_patience_counts_evaluations_since_the_best_one() -> None:
    assert not noted(3.0, 3.1, 2.9, 3.0, patience=2).stopped
    assert noted(3.0, 3.1, 2.9, 3.0, 2.9, patience=2).stopped


def test_steps_without_evaluation_do_not_count() -> None:
    assert not noted(3.0, None, None, 3.1, None, patience=2).stopped


def test_an_evaluation_repeated_after_a_stop_counts_once() -> None:
    best = noted(3.0, 3.1, patience=2)
    best.note(3.1, 2, 2)

    assert best.worse == 1


def test_it_survives_a_checkpoint() -> None:
    best = noted(3.0, 3.1, patience=2)
    best.figures = {"step": 1, "valid_loss": 3.0}

    assert Best(**best.to_json()) == best
    assert best.figures_of(1) == best.figures
    assert best.figures_of(2) == {}
