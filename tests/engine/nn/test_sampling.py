from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.engine.nn.sampling import Sampling, Wish, draw_tokens, uniform

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0])


def draw(number: float, drawn: Counter[int] | None = None, logits: torch.Tensor = LOGITS, **options: float) -> int:
    sampling = Sampling(**options)  # type: ignore[arg-type]  # floats only
    return draw_tokens(logits[None], [Wish(sampling, drawn or Counter(), number)])[0]


def test_temperature_zero_takes_the_likeliest() -> None:
    assert [draw(number, temperature=0) for number in (0.0, 0.5, 0.999)] == [0, 0, 0]


def test_shares_of_the_draw_are_the_probabilities() -> None:
    found = Counter(draw(i / 10_000) for i in range(10_000))

    for token, share in enumerate(LOGITS.softmax(-1).tolist()):
        assert found[token] / 10_000 == pytest.approx(share, abs=2e-4)


def test_a_low_temperature_sharpens() -> None:
    assert Counter(draw(i / 100, temperature=0.1) for i in range(100)) == {0: 100}


@given(st.floats(0.05, 0.999), st.floats(0, 0.999999))
def test_top_p_draws_from_the_fewest_likeliest(top_p: float, number: float) -> None:
    shares = LOGITS.softmax(-1).tolist()
    allowed = next(n for n in range(1, 5) if sum(shares[:n]) >= top_p - 1e-6)

    assert draw(number, top_p=top_p) < allowed + 1


def test_bias_and_penalties_come_before_the_temperature() -> None:
    wishes = [Wish(Sampling(0, logit_bias={3: 5.0}), Counter(), 0.5),
              Wish(Sampling(0, presence_penalty=1.5), Counter({0: 1}), 0.5),
              Wish(Sampling(0, frequency_penalty=0.4), Counter({0: 3}), 0.5)]
    logits = LOGITS.repeat(3, 1)

    assert draw_tokens(logits, wishes) == [3, 1, 1]
    assert logits.tolist() == [[2.0, 1.0, 0.0, -1.0]] * 3


def test_rows_are_drawn_together_as_each_would_be_alone() -> None:
    kinds = [Sampling(), Sampling(0), Sampling(0.5, top_p=0.7), Sampling(2.0, presence_penalty=1.0),
             Sampling(1.0, logit_bias={2: 3.0}), Sampling(0, top_p=0.1)]
    wishes = [Wish(kinds[i % len(kinds)], Counter({i % 4: 2}), i / 60) for i in range(60)]
    logits = torch.randn(60, 4, generator=torch.Generator().manual_seed(1))

    alone = [draw_tokens(logits[i : i + 1], [wish])[0] for i, wish in enumerate(wishes)]

    assert draw_tokens(logits, wishes) == alone
    assert len(set(alone)) == 4


def test_of_equal_shares_top_p_takes_only_as_many_as_reach_it() -> None:
    assert len({draw(i / 100, logits=torch.zeros(10), top_p=0.45) for i in range(100)}) == 5


def test_top_p_draws_as_it_should_from_flat_rows_beside_steep_ones() -> None:
    logits = torch.stack([torch.linspace(0, 1, 4096), torch.linspace(0, 60, 4096)])
    allowed = []
    for row in logits:
        shares = row.softmax(-1).sort(descending=True)
        allowed.append(set(shares.indices[: int((shares.values.cumsum(-1) < 0.5).sum()) + 1].tolist()))
    found = [draw_tokens(logits, [Wish(Sampling(top_p=0.5), Counter(), i / 500)] * 2) for i in range(500)]

    assert len(allowed[1]) < 256 < len(allowed[0])
    assert all(token in allowed[0] and other in allowed[1] for token, other in found)
    assert {other for _, other in found} == allowed[1]


def test_a_draw_belongs_to_its_place_alone() -> None:
    numbers = {uniform(seed, prompt, choice, position)
               for seed in range(3) for prompt in range(3) for choice in range(3) for position in range(3)}

    assert len(numbers) == 81
    assert all(0 <= number < 1 for number in numbers)
    assert uniform(1, 0, 0, 0) == uniform(1, 0, 0, 0)
