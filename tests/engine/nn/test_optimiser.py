from itertools import pairwise

import pytest
import torch

from pen_backend.engine.nn.optimiser import Schedule, learning_rate, make_optimiser

SCHEDULES: tuple[Schedule, ...] = ("linear", "constant")


def test_the_rate_warms_up_and_falls_to_a_twentieth() -> None:
    rates = [learning_rate(step, 100, 1.0) for step in range(1, 101)]

    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] == pytest.approx(0.05)


def test_a_linear_schedule_falls_in_equal_steps_and_a_constant_one_stays() -> None:
    linear, constant = ([learning_rate(step, 100, 1.0, schedule) for step in range(5, 101)]
                        for schedule in SCHEDULES)

    assert [one - other for one, other in pairwise(linear)] == pytest.approx([0.01] * 95)
    assert linear[-1] == pytest.approx(0.05)
    assert constant == [1.0] * 96


def test_a_job_of_one_step_trains_at_the_full_rate() -> None:
    assert learning_rate(1, 1, 1.0) == 1.0


def test_norms_and_biases_do_not_decay() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3))

    matrices, others = make_optimiser(module, 1e-3).param_groups

    assert (matrices["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert [p.ndim for p in matrices["params"]] == [2]
    assert len(others["params"]) == 3
