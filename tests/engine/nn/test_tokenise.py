from array import array
from collections.abc import Sequence
from typing import Any

import pytest

from pen_backend.engine.nn.tokenise import Encoded, Span, encode_examples, fit
from pen_backend.engine.nn.vocabulary import Vocabulary
from pen_backend.records import parse_line


def encode(vocabulary: Vocabulary, line: str, **options: Any) -> Encoded:
    return next(encode_examples([parse_line(line, source="t", line=1, **options)], vocabulary))


def weights(example: Encoded) -> list[float]:
    return [span.weight for span in example.spans for _ in range(span.tokens)]


def test_each_segment_is_encoded_alone_and_the_end_carries_the_last_weight(vocabulary: Vocabulary) -> None:
    example = encode(vocabulary, '{"data": {"text_list": ["Question 1", " It is"], "loss_weights": [0.3, 0.7]}}')
    first, last = vocabulary.encode("Question 1"), vocabulary.encode(" It is")

    assert example.ids.tolist() == [*first, *last, vocabulary.eos]
    assert weights(example) == [0.3] * len(first) + [0.7] * (len(last) + 1)


def test_a_text_without_prompt_begins_with_the_beginning_of_text(vocabulary: Vocabulary) -> None:
    example = encode(vocabulary, '{"data": "Question"}')

    assert example.ids.tolist() == [vocabulary.bos, *vocabulary.encode("Question"), vocabulary.eos]
    assert example.weight_sum == len(example) - 1
    assert example.scored == len(example) - 1


def test_the_first_token_is_no_target(vocabulary: Vocabulary) -> None:
    example = encode(vocabulary, '{"data": {"text_list": ["abc", "de"], "loss_weights": [0.5, 1]}}')
    prompt, completion = vocabulary.encode("abc"), vocabulary.encode("de")

    assert example.weight_sum == 0.5 * (len(prompt) - 1) + len(completion) + 1


@pytest.mark.parametrize(("line", "weight", "scored"), [
    ('{"prompt": "a", "completion": "b"}', 0.0, [False, True]),
    ('{"prompt": "a", "completion": "b"}', 1.0, [False, True]),
    ('{"data": {"text_list": ["a", "b"], "loss_weights": [0.3, 0.7]}}', 0.0, [False, True]),
    ('{"data": {"text_list": ["a", "b"], "loss_weights": [1, 1]}}', 0.0, [True, True]),
    ('{"data": {"text_list": ["a", "b"], "loss_weights": [0.9, 0.1]}}', 0.0, [True, False]),
])
def test_accuracy_looks_at_completions_and_the_heaviest_texts(vocabulary: Vocabulary, line: str, weight: float,
                                                              scored: Sequence[bool]) -> None:
    assert [span.scored for span in encode(vocabulary, line, prompt_loss_weight=weight).spans] == scored


def example(*spans: tuple[int, float], begin: int = 0) -> Encoded:
    return Encoded(array("i", range(sum(tokens for tokens, _ in spans))),
                   tuple(Span(tokens, weight, scored=weight > 0) for tokens, weight in spans), begin)


def test_a_long_prompt_is_cut_at_its_start() -> None:
    cut = fit(example((6, 0.0), (4, 1.0)), 7)

    assert cut is not None
    assert cut.ids.tolist() == [3, 4, 5, 6, 7, 8, 9]
    assert [(span.tokens, span.weight) for span in cut.spans] == [(3, 0.0), (4, 1.0)]


def test_the_beginning_stays_when_a_prompt_is_cut() -> None:
    cut = fit(example((1, 0.0), (6, 0.0), (4, 1.0), begin=1), 7)

    assert cut is not None
    assert cut.ids.tolist() == [0, 5, 6, 7, 8, 9, 10]


def test_a_completion_is_never_cut() -> None:
    assert fit(example((2, 0.0), (8, 1.0)), 7) is None


def test_a_lone_text_is_cut_at_its_end() -> None:
    cut = fit(example((1, 0.0), (9, 1.0), begin=1), 7)

    assert cut is not None
    assert cut.ids.tolist() == [0, 1, 2, 3, 4, 5, 6]
