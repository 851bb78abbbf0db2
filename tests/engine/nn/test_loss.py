"""The loss and its gradients against the same formula written out plainly, one example at a time, unpadded."""

from array import array
from typing import Any

import pytest
import torch
from transformers import CohereConfig, CohereForCausalLM, PreTrainedModel

from pen_backend.engine.nn.attention import NAME, use_for_training
from pen_backend.engine.nn.batches import plan_buckets
from pen_backend.engine.nn.causal import BLOCK
from pen_backend.engine.nn.device import Device
from pen_backend.engine.nn.loss import WeightedLoss, collate, count_right, takes_lean_forward
from pen_backend.engine.nn.spec import Batch
from pen_backend.engine.nn.tokenise import Encoded, Span

FP32 = Device("cpu", "fp32")
PAD = 1


def example(*spans: tuple[int, float], seed: int = 0) -> Encoded:
    generator = torch.Generator().manual_seed(seed)
    count = sum(tokens for tokens, _ in spans)
    # Padding's id occurs in the text too: nothing may be masked by it.
    ids = array("i", torch.randint(0, 8, (count,), generator=generator).tolist())
    return Encoded(ids, tuple(Span(tokens, weight, scored=weight > 0) for tokens, weight in spans))


EXAMPLES = [example((5, 0.3), (9, 0.7), seed=1), example((4, 0.0), (3, 1.0), seed=2), example((12, 1.0), seed=3),
            example((2, 0.25), (2, 0.0), (20, 3.5), seed=4), example((7, 0.0), (6, 0.125), seed=5)]


def reference(model: PreTrainedModel, examples: list[Encoded]) -> tuple[float, dict[str, torch.Tensor]]:
    """Sum w · nll over all targets, divide by the summed w, backward once."""
    model.zero_grad()
    total = torch.zeros(())
    weight_sum = 0.0
    for one in examples:
        ids = torch.tensor([one.ids.tolist()])
        weights = [span.weight for span in one.spans for _ in range(span.tokens)]
        logs = model(input_ids=ids).logits[0].log_softmax(-1)
        for position in range(1, len(weights)):
            total = total - weights[position] * logs[position - 1, ids[0, position]]
            weight_sum += weights[position]
    (total / weight_sum).backward()
    return (total / weight_sum).item(), gradients(model)


def gradients(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def ours(model: PreTrainedModel, groups: list[list[Encoded]], *, lean: bool) -> tuple[float, dict[str, torch.Tensor]]:
    model.zero_grad()
    loss = WeightedLoss(model, FP32, lean=lean)
    weight_sum = sum(one.weight_sum for group in groups for one in group)
    nll = 0.0
    for group in groups:
        scores = loss(collate(group, PAD, torch.device("cpu")))
        (scores.loss / weight_sum).backward()
        nll += scores.loss.item()
    return nll / weight_sum, gradients(model)


def assert_equal(found: tuple[float, dict[str, torch.Tensor]], wanted: tuple[float, dict[str, torch.Tensor]]) -> None:
    assert found[0] == pytest.approx(wanted[0], rel=1e-6)
    for name, gradient in wanted[1].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("lean", [True, False])
def test_one_padded_batch_equals_the_plain_formula(model: PreTrainedModel, lean: bool) -> None:
    assert_equal(ours(model, [EXAMPLES], lean=lean), reference(model, EXAMPLES))


def test_buckets_and_accumulation_equal_the_plain_formula_of_the_whole_step(model: PreTrainedModel) -> None:
    step, = plan_buckets(EXAMPLES, Batch("examples", len(EXAMPLES), 40), n_epochs=1, seed=1).epoch
    groups = [[EXAMPLES[i] for i in group] for group in step.micro_batches]

    assert len(groups) > 1
    assert step.weight_sum == pytest.approx(sum(one.weight_sum for one in EXAMPLES))
    assert_equal(ours(model, groups, lean=True), reference(model, EXAMPLES))


def test_only_the_ratio_of_weights_counts(model: PreTrainedModel) -> None:
    small, large = example((5, 0.3), (9, 0.7), seed=1), example((5, 3.0), (9, 7.0), seed=1)

    assert_equal(ours(model, [[small]], lean=True), ours(model, [[large]], lean=True))


def test_weight_zero_and_no_prompt_weight_give_the_same_bits(model: PreTrainedModel, vocabulary: Any) -> None:
    from pen_backend.engine.nn.tokenise import encode_examples
    from pen_backend.records import parse_line

    lines = ['{"prompt": "ab", "completion": " cd"}', '{"data": {"text_list": ["ab", " cd"], "loss_weights": [0, 1]}}']
    first, second = encode_examples([parse_line(line, source="t", line=1) for line in lines], vocabulary)

    assert ours(model, [[first]], lean=True)[0] == ours(model, [[second]], lean=True)[0]


def test_the_lean_forward_is_taken_where_it_is_right(model: PreTrainedModel) -> None:
    assert takes_lean_forward(model, 300)


def test_the_full_forward_is_taken_where_logits_are_scaled_after_the_head() -> None:
    config = CohereConfig(vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=1,
                          num_attention_heads=2, num_key_value_heads=2, logit_scale=0.5, pad_token_id=0)

    assert not takes_lean_forward(CohereForCausalLM(config), 64)


@pytest.mark.parametrize("truth", [[[1, 2], [0, 5], [4, 2]]])
def test_accuracies_are_the_golden_five_sixths_and_two_thirds(truth: list[list[int]]) -> None:
    predicted = torch.tensor([[1, 1], [0, 5], [4, 2]]).flatten()
    logits = torch.nn.functional.one_hot(predicted, 6).float()

    sums = count_right(logits, torch.tensor(truth).flatten(), torch.ones(6, dtype=torch.bool),
                       torch.tensor([0, 0, 1, 1, 2, 2]))

    assert {name: int(count) for name, count in sums.items()} == {
        "right": 5, "scored": 6, "sequences_right": 2, "sequences": 3}


def test_a_tie_goes_to_the_first_entry_as_arg_max_has_it() -> None:
    logits = torch.tensor([[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]])

    assert count_right(logits, torch.tensor([1, 2]), torch.tensor([True, True]), torch.tensor([0, 0]))["right"] == 1


def test_a_document_without_scored_targets_is_neither_right_nor_wrong() -> None:
    sums = count_right(torch.eye(3), torch.tensor([0, 1, 0]), torch.tensor([True, False, True]),
                       torch.tensor([0, 1, 2]))

    assert {name: int(count) for name, count in sums.items()} == {
        "right": 1, "scored": 2, "sequences_right": 1, "sequences": 2}


@pytest.mark.parametrize("length", [1, BLOCK + 40, 3 * BLOCK - 20])
def test_attention_in_blocks_computes_what_the_library_s_does(model: PreTrainedModel, length: int) -> None:
    batch = collate([*EXAMPLES, example((length, 0.3), (1, 1.0), seed=6)], PAD, torch.device("cpu"))
    loss = WeightedLoss(model, Device("cpu", "bf16"), lean=True)
    loss(batch).loss.backward()
    wanted, expected = loss(batch).loss.item(), gradients(model)
    model.zero_grad()

    use_for_training(model)
    scores = loss(batch)
    scores.loss.backward()

    assert model.config._attn_implementation == NAME
    assert scores.loss.item() == pytest.approx(wanted, rel=1e-3)
    for name, gradient in gradients(model).items():
        assert torch.nn.functional.cosine_similarity(gradient.flatten(), expected[name].flatten(), dim=0) > 0.99, name
