import pytest
import torch
from transformers import PreTrainedModel

from pen_backend.engine.nn.generation import Row, generate, score
from pen_backend.engine.nn.sampling import Sampling
from pen_backend.engine.nn.vocabulary import Vocabulary

NEVER: frozenset[int] = frozenset()
PROMPTS = [[10, 11, 12], [20, 21, 22, 23, 24, 25], [30]]


def run(model: PreTrainedModel, rows: list[Row], sampling: Sampling, logprobs: int | None = None) -> list[list[int]]:
    for _ in generate(model, rows, sampling, pad=1, ends=NEVER, logprobs=logprobs):
        pass
    return [[token.id for token in row.tokens] for row in rows]


def test_greedy_equals_the_library_s_own_generation(model: PreTrainedModel) -> None:
    for prompt in PROMPTS:
        whole: torch.Tensor = model.generate(  # type: ignore[operator]  # the library's stub takes it for a tensor
            torch.tensor([prompt]), max_new_tokens=12, do_sample=False, pad_token_id=1, eos_token_id=None)
        wanted = whole[0, len(prompt) :]
        assert run(model, [Row(prompt, 0, 0, 12)], Sampling(0)) == [wanted.tolist()]


def test_neighbours_in_a_batch_do_not_change_a_draw(model: PreTrainedModel) -> None:
    together = run(model, [Row(prompt, i, 0, 10) for i, prompt in enumerate(PROMPTS)], Sampling(1.0, seed=5))
    alone = [run(model, [Row(prompt, i, 0, 10)], Sampling(1.0, seed=5))[0] for i, prompt in enumerate(PROMPTS)]

    assert together == alone


def test_rows_leave_the_batch_one_by_one(model: PreTrainedModel) -> None:
    rows = [Row(PROMPTS[0], 0, 0, 8), Row(PROMPTS[1], 1, 0, 2), Row(PROMPTS[2], 2, 0, 5)]
    sizes = [len(drawn) for drawn in generate(model, rows, Sampling(1.0, seed=5), pad=1, ends=NEVER)]
    alone = [run(model, [Row(row.prompt_ids, row.prompt, 0, row.max_tokens)], Sampling(1.0, seed=5))[0] for row in rows]

    assert sizes == [3, 3, 2, 2, 2, 1, 1, 1]
    assert [[token.id for token in row.tokens] for row in rows] == alone


def test_log_probabilities_are_those_before_temperature_and_bias(model: PreTrainedModel) -> None:
    row = Row(PROMPTS[0], 0, 0, 4)
    run(model, [row], Sampling(0.3, top_p=0.5, logit_bias={7: 4.0}, seed=1), logprobs=2)
    ids = [*PROMPTS[0], *(token.id for token in row.tokens)]

    scored, = next(score(model, [ids], pad=1, logprobs=2))

    assert [token.logprob for token in row.tokens] == pytest.approx([token.logprob for token in scored[3:]], abs=1e-5)
    assert [len(token.top) for token in row.tokens] == [2] * 4


def test_scores_are_the_model_s_own_softmax_also_beside_longer_prompts(model: PreTrainedModel) -> None:
    found = [tokens for batch in score(model, PROMPTS, pad=1, logprobs=1) for tokens in batch]

    for prompt, tokens in zip(PROMPTS, found, strict=True):
        with torch.no_grad():
            logs = model(torch.tensor([prompt])).logits[0].log_softmax(-1)
        wanted = [logs[i, token].item() for i, token in enumerate(prompt[1:])]
        assert tokens[0].logprob is None
        assert [token.logprob for token in tokens[1:]] == pytest.approx(wanted, abs=1e-5)
        assert [token.top[0][1] for token in tokens[1:]] == pytest.approx(logs.max(-1).values[:-1].tolist(), abs=1e-5)


def test_an_end_token_finishes_a_row(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    row = Row(PROMPTS[0], 0, 0, 50)
    for _ in generate(model, [row], Sampling(0, logit_bias={vocabulary.eos: 100.0}), pad=1, ends=vocabulary.ends):
        pass

    assert [token.id for token in row.tokens] == [vocabulary.eos]
