"""Windows: every token once, the counts that people know, and documents that do not see each other."""

from array import array
from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    GemmaConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedModel,
    Qwen2Config,
)
from transformers.models.auto import AutoModelForCausalLM

from pen_backend.engine.nn.attention import use_for_training
from pen_backend.engine.nn.device import Device
from pen_backend.engine.nn.loss import WeightedLoss, collate, keeps_documents_apart
from pen_backend.engine.nn.tokenise import Encoded, Span, encode_examples
from pen_backend.engine.nn.vocabulary import Vocabulary
from pen_backend.engine.nn.windows import Windows, join, pieces
from pen_backend.records import parse_line

END = 0
FP32 = Device("cpu", "fp32")


def text(length: int, *, begin: bool = False, weight: float = 1.0) -> Encoded:
    """Make a document of LENGTH tokens, its end included; BEGIN puts the end token before it too."""
    ids = array("i", [END] * begin + [5 + i % 20 for i in range(length - 1)] + [END])
    return Encoded(ids, (*([Span(1, 0.0, scored=False)] if begin else []), Span(length, weight, scored=weight > 0)),
                   int(begin))


def windows(lengths: list[int], size: int, per_step: int = 1, *, begin: bool = False, epochs: int = 1) -> Windows:
    return Windows(epochs, 7, 4096, [text(length, begin=begin) for length in lengths], size, per_step)


@pytest.mark.parametrize("begin", [False, True])
@pytest.mark.parametrize(("per_step", "steps"), [(1, 8), (2, 4), (3, 3)])
def test_sixteen_thousand_tokens_are_eight_steps_of_two_thousand(per_step: int, steps: int, begin: bool) -> None:
    plan = windows([1000, 3000, 384, 4000, 8000], 2048, per_step, begin=begin)

    assert plan.tokens == 16_384
    assert plan.steps_per_epoch == steps
    assert sum(plan.step(number).tokens for number in range(1, steps + 1)) == 16_384


@given(st.lists(st.integers(2, 40), min_size=1, max_size=30), st.integers(2, 50), st.integers(1, 4), st.booleans())
def test_an_epoch_has_every_token_once_and_counts_every_document(lengths: list[int], size: int, per_step: int,
                                                                 begin: bool) -> None:
    plan = windows(lengths, size, per_step, begin=begin, epochs=2)
    wanted = Counter(token for length in lengths for token in text(length).ids)

    for epoch in (0, 1):
        numbers = range(epoch * plan.steps_per_epoch + 1, (epoch + 1) * plan.steps_per_epoch + 1)
        steps = [plan.step(number) for number in numbers]
        seen = [plan.items(number)[i] for number in numbers for group in plan.step(number).micro_batches for i in group]
        assert Counter(token for window in seen for token in window.ids) == wanted
        assert all(len(window) == size for window in seen[:-1])
        assert all(sum(span.tokens for span in window.spans) == len(window) for window in seen)
        assert sum(step.examples for step in steps) == len(lengths)


def test_each_epoch_is_cut_from_another_order() -> None:
    plan = windows(list(range(2, 60)), 64, epochs=2)

    assert plan.items(1) != plan.items(plan.steps_per_epoch + 1)
    assert plan.items(1) == windows(list(range(2, 60)), 64, epochs=2).items(1)


def test_nothing_predicts_the_first_token_of_a_document() -> None:
    stream = join([text(4), text(3), text(5)])

    assert stream.starts == (4, 7)
    assert stream.weight_sum == 3 + 2 + 4


def test_an_end_token_is_also_the_beginning_of_the_next_text() -> None:
    stream = join([text(4, begin=True), text(3, begin=True)])

    assert stream.starts == (3,)
    assert stream.weight_sum == 3 + 3


def test_the_pieces_of_a_long_text_are_texts_of_their_own() -> None:
    parts = list(pieces(text(10), 4))

    assert [len(part) for part in parts] == [4, 4, 2]
    assert sum(part.weight_sum for part in parts) == 3 + 3 + 1


LINES = ['{"prompt": "Question 1", "completion": " It is"}', '{"data": "what comes after"}',
         '{"data": {"text_list": ["surely", " not"], "loss_weights": [0.3, 1]}}', '{"data": "7 it is then"}']


@pytest.mark.parametrize("own_attention", [False, True])
@pytest.mark.parametrize("lean", [False, True])
def test_a_window_loses_what_its_documents_lose_alone(model: PreTrainedModel, vocabulary: Vocabulary, lean: bool,
                                                      own_attention: bool) -> None:
    examples = list(encode_examples([parse_line(line, source="t", line=1) for line in LINES], vocabulary))
    first = examples[0]
    stream = join([first, *examples[1:]])
    if own_attention:
        use_for_training(model)
    loss = WeightedLoss(model, FP32, lean=lean)

    packed = loss(collate([stream], vocabulary.pad, torch.device("cpu")))
    alone = [loss(collate([one], vocabulary.pad, torch.device("cpu"))) for one in examples]

    assert packed.loss.item() == pytest.approx(sum(one.loss.item() for one in alone), rel=1e-5)
    assert stream.weight_sum == pytest.approx(sum(one.weight_sum for one in examples))
    for name in ("right", "scored", "sequences", "sequences_right"):
        assert packed.sums[name] == sum(one.sums[name] for one in alone), name


FAMILIES: dict[str, Any] = {
    "llama": (LlamaConfig, {}), "qwen2": (Qwen2Config, {}), "mistral": (MistralConfig, {}),
    "gemma": (GemmaConfig, {"head_dim": 8}), "neox": (GPTNeoXConfig, {}),
    "gpt2": (GPT2Config, {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64})}


@pytest.mark.parametrize("family", FAMILIES)
def test_documents_are_kept_apart_in_every_family(family: str) -> None:
    cls, own = FAMILIES[family]
    sizes = {} if family == "gpt2" else {
        "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
        "max_position_embeddings": 64, **({} if family == "neox" else {"num_key_value_heads": 2})}
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(cls(vocab_size=64, **sizes, **own), attn_implementation="sdpa")

    assert keeps_documents_apart(model, 64, lean=False)


def test_a_family_that_mixes_documents_is_noticed(model: PreTrainedModel) -> None:
    model.set_attn_implementation("eager")
    layer = model.base_model.layers[0].self_attn  # type: ignore[union-attr,index]  # a Llama's, in a stub of any model
    layer.register_forward_pre_hook(lambda _, args, kwargs: (args, {**kwargs, "attention_mask": None}),
                                    with_kwargs=True)

    assert not keeps_documents_apart(model, 300, lean=True)


