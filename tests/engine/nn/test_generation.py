import pytest
import torch
from transformers import PreTrainedModel

from pen_backend.engine.nn.generation import Options, Row, generate, score
from pen_backend.engine.nn.padded import PaddedDecoder
from pen_backend.engine.nn.sampling import Sampling
from pen_backend.engine.nn.vocabulary import Vocabulary

NEVER: frozenset[int] = frozenset()
PROMPTS = [[10, 11, 12], [20, 21, 22, 23, 24, 25], [30]]


def make(prompt: list[int], number: int, tokens: int, sampling: Sampling, logprobs: int | None = None) -> Row:
    return Row(prompt, number, 0, tokens, Options(sampling, NEVER, logprobs))


def run(model: PreTrainedModel, rows: list[Row]) -> list[list[int]]:
    generate(PaddedDecoder(model, pad=1), rows)
    return [[token.id for token in row.tokens] for row in rows]


def test_greedy_equals_the_library_s_own_generation(model: PreTrainedModel) -> None:
    for prompt in PROMPTS:
        whole: torch.Tensor = model.generate(  # type: ignore[operator]  # the library's stub takes it for a tensor
            torch.tensor([prompt]), max_new_tokens=12, do_sample=False, pad_token_id=1, eos_token_id=None)
        wanted = whole[0, len(prompt) :]
        assert run(model, [make(prompt, 0, 12, Sampling(0))]) == [wanted.tolist()]


def test_neighbours_in_a_batch_do_not_change_a_draw(model: PreTrainedModel) -> None:
    sampling = Sampling(1.0, seed=5)
    together = run(model, [make(prompt, i, 10, sampling) for i, prompt in enumerate(PROMPTS)])
    alone = [run(model, [make(prompt, i, 10, sampling)])[0] for i, prompt in enumerate(PROMPTS)]

    assert together == alone


def test_rows_leave_the_batch_one_by_one(model: PreTrainedModel) -> None:
    rows = [make(PROMPTS[i], i, tokens, Sampling(1.0, seed=5)) for i, tokens in enumerate((8, 2, 5))]
    steps: list[int] = []
    generate(PaddedDecoder(model, pad=1), rows, step=lambda: steps.append(sum(len(row.tokens) for row in rows)))
    alone = [run(model, [make(PROMPTS[i], i, tokens, Sampling(1.0, seed=5))])[0] for i, tokens in enumerate((8, 2, 5))]

    assert steps == [0, 3, 6, 8, 10, 12, 13, 14]
    assert [[token.id for token in row.tokens] for row in rows] == alone


def test_log_probabilities_are_those_before_temperature_and_bias(model: PreTrainedModel) -> None:
    row = make(PROMPTS[0], 0, 4, Sampling(0.3, top_p=0.5, logit_bias={7: 4.0}, seed=1), logprobs=2)
    run(model, [row])
    ids = [*PROMPTS[0], *(token.id for token in row.tokens)]

    scored, = next(score(PaddedDecoder(model, pad=1), [ids], logprobs=2))

    assert [token.logprob for token in row.tokens] == pytest.approx([token.logprob for token in scored[3:]], abs=1e-5)
    assert [len(token.top) for token in row.tokens] == [2] * 4


def test_scores_are_the_model_s_own_softmax_also_beside_longer_prompts(model: PreTrainedModel) -> None:
    found = [tokens for batch in score(PaddedDecoder(model, pad=1), PROMPTS, logprobs=1) for tokens in batch]

    for prompt, tokens in zip(PROMPTS, found, strict=True):
        with torch.no_grad():
            logs = model(torch.tensor([prompt])).logits[0].log_softmax(-1)
        wanted = [logs[i, token].item() for i, token in enumerate(prompt[1:])]
        assert tokens[0].logprob is None
        assert [token.logprob for token in tokens[1:]] == pytest.approx(wanted, abs=1e-5)
        assert [token.top[0][1] for token in tokens[1:]] == pytest.approx(logs.max(-1).values[:-1].tolist(), abs=1e-5)


def test_an_end_token_finishes_a_row(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    row = Row(PROMPTS[0], 0, 0, 50, Options(Sampling(0, logit_bias={vocabulary.eos: 100.0}), vocabulary.ends))
    run(model, [row])

    assert [token.id for token in row.tokens] == [vocabulary.eos]
