from array import array
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pen_backend.engine.nn.batches import Buckets, pick, plan_buckets
from pen_backend.engine.nn.spec import Batch
from pen_backend.engine.nn.tokenise import Encoded, Span

LENGTHS = st.lists(st.integers(2, 300), min_size=1, max_size=120)


def examples(lengths: list[int]) -> list[Encoded]:
    return [Encoded(array("i", [5] * length), (Span(length, 0.5, scored=True),)) for length in lengths]


def seen(plan: Buckets, epoch: int) -> Counter[int]:
    steps = range(epoch * len(plan.epoch) + 1, (epoch + 1) * len(plan.epoch) + 1)
    return Counter(i for number in steps for group in plan.step(number).micro_batches for i in group)


@given(LENGTHS, st.one_of(st.none(), st.integers(1, 40)))
def test_an_epoch_sees_every_example_once_and_no_batch_is_above_the_budget(lengths: list[int],
                                                                          size: int | None) -> None:
    batch = Batch("examples", size, 1024) if size else Batch("tokens", None, 4096)
    plan = plan_buckets(examples(lengths), batch, n_epochs=2, seed=1)

    for epoch in (0, 1):
        assert seen(plan, epoch) == Counter(range(len(lengths)))
    for step in plan.epoch:
        for group in step.micro_batches:
            assert len(group) == 1 or len(group) * max(lengths[i] for i in group) <= plan.token_budget * (
                1 if size is None else 2)  # whole examples cannot always be split evenly


@given(LENGTHS)
def test_a_step_knows_its_weight_and_tokens(lengths: list[int]) -> None:
    plan = plan_buckets(examples(lengths), Batch(), n_epochs=1, seed=1)

    assert sum(step.tokens for step in plan.epoch) == sum(lengths)
    assert sum(step.weight_sum for step in plan.epoch) == sum(0.5 * (length - 1) for length in lengths)


def test_each_epoch_has_its_own_order_which_only_the_seed_decides() -> None:
    data = examples(list(range(2, 200)))
    plan = plan_buckets(data, Batch(), n_epochs=3, seed=1)

    assert len(set(plan.order)) == 3
    assert plan.order == plan_buckets(data, Batch(), n_epochs=3, seed=1).order
    assert plan.order != plan_buckets(data, Batch(), n_epochs=3, seed=2).order


def test_few_examples_get_smaller_batches_so_that_an_epoch_has_steps() -> None:
    puns = plan_buckets(examples([30] * 270), Batch(), n_epochs=3, seed=1)

    assert puns.token_budget == 1024
    assert len(puns.epoch) == 8
    assert plan_buckets(examples([150] * 3000), Batch(), n_epochs=1, seed=1).token_budget == 4096


def test_a_step_of_examples_is_split_into_micro_batches_within_the_budget() -> None:
    plan = plan_buckets(examples([100] * 10), Batch("examples", 4, 200), n_epochs=1, seed=1)

    assert [len(step.micro_batches) for step in plan.epoch] == [2, 2, 2]
    assert plan.total_steps == 3


def test_steps_know_their_epoch() -> None:
    plan = plan_buckets(examples([10] * 8), Batch("examples", 2), n_epochs=2, seed=1)

    assert [plan.epoch_of(number) for number in range(1, 9)] == [1, 1, 1, 1, 2, 2, 2, 2]
    assert [number for number in range(1, 9) if plan.ends_epoch(number)] == [4, 8]


def test_a_sample_is_fixed_by_its_seed() -> None:
    assert pick(100, 5, 1, "validation") == pick(100, 5, 1, "validation") != pick(100, 5, 2, "validation")
    assert pick(3, 5, 1, "validation") == [0, 1, 2]
