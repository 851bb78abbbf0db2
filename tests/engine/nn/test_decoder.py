"""The decoder that is written out against the library's: the same loss, the same gradients."""

from array import array
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from pen_backend.engine.nn.adapters import new_adapter
from pen_backend.engine.nn.decoder import is_written_out
from pen_backend.engine.nn.device import Device
from pen_backend.engine.nn.loss import Batch, WeightedLoss, collate, takes_written_decoder
from pen_backend.engine.nn.spec import Lora
from pen_backend.engine.nn.tokenise import Encoded, Span

FP32, BF16 = Device("cpu", "fp32"), Device("cpu", "bf16")
VOCABULARY = 97
BF16_TOLERANCE = 0.15
"""How far a parameter's gradient may be off for rounding to bf16, relative to its norm."""


def make(**changes: Any) -> LlamaForCausalLM:
    torch.manual_seed(3)
    config: dict[str, Any] = {
        "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 512, "pad_token_id": 1,
        "tie_word_embeddings": True}
    model = LlamaForCausalLM(LlamaConfig(**(config | changes)))
    for name, parameter in model.named_parameters():
        if "norm" in name:  # of ones, a factor in the wrong place would not be noticed
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
        elif "embed" not in name:
            torch.nn.init.normal_(parameter, std=0.2)  # small ones would hide attention
    return model


MODELS: dict[str, dict[str, Any]] = {
    "plain": {},
    "untied": {"tie_word_embeddings": False},
    "few keys": {"num_key_value_heads": 2},
    "one key, large heads": {"num_key_value_heads": 1, "head_dim": 16},
    "scaled positions": {"rope_parameters": {
        "rope_type": "llama3", "rope_theta": 500.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64}},
}


def example(lengths: Sequence[tuple[int, float]], *, starts: tuple[int, ...] = (), seed: int = 0) -> Encoded:
    generator = torch.Generator().manual_seed(seed)
    count = sum(length for length, _ in lengths)
    ids = array("i", torch.randint(2, VOCABULARY, (count,), generator=generator).tolist())
    return Encoded(ids, tuple(Span(length, weight, scored=weight > 0) for length, weight in lengths), starts=starts)


ROWS = [example([(5, 0.0), (12, 1.0)], seed=1), example([(3, 0.5), (20, 0.25)], seed=2), example([(30, 2.0)], seed=3)]
WINDOWS = [example([(40, 1.0), (30, 0.3)], starts=(7, 22, 29, 60), seed=4), example([(70, 0.5)], starts=(33,), seed=5),
           example([(20, 1.5)], seed=6)]
LONG = [example([(300, 1.0)], seed=7), example([(190, 1.0)], seed=8)]  # several blocks of queries
BATCHES = {"rows": ROWS, "windows": WINDOWS, "long": LONG}


def batch_of(examples: list[Encoded]) -> Batch:
    return collate(examples, 1, torch.device("cpu"))


def trained(model: PreTrainedModel, batch: Batch, device: Device, *, written: bool
            ) -> tuple[float, dict[str, int], dict[str, torch.Tensor]]:
    model.zero_grad()
    scores = WeightedLoss(model, device, lean=True, written=written)(batch)
    (scores.loss / batch.weights[:, 1:].sum()).backward()
    gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters()
                 if parameter.grad is not None}
    return scores.loss.item(), {name: int(value) for name, value in scores.sums.items()}, gradients


@pytest.mark.parametrize("rows", BATCHES)
@pytest.mark.parametrize("name", MODELS)
def test_loss_and_gradients_are_the_library_s(name: str, rows: str) -> None:
    model, batch = make(**MODELS[name]), batch_of(BATCHES[rows])

    loss, counts, gradients = trained(model, batch, FP32, written=True)
    wanted_loss, wanted_counts, wanted = trained(model, batch, FP32, written=False)

    assert loss == pytest.approx(wanted_loss, rel=1e-6)
    assert counts == wanted_counts
    assert gradients.keys() == wanted.keys() == dict(model.named_parameters()).keys()
    for parameter in wanted:
        torch.testing.assert_close(gradients[parameter], wanted[parameter], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", BATCHES)
def test_in_bf16_it_is_no_further_from_the_truth_than_the_library(rows: str) -> None:
    model, batch = make(), batch_of(BATCHES[rows])

    true_loss, _, truth = trained(model, batch, FP32, written=False)
    loss, _, gradients = trained(model, batch, BF16, written=True)
    other_loss, _, others = trained(model, batch, BF16, written=False)

    def off(found: dict[str, torch.Tensor]) -> list[float]:
        return [((found[name] - truth[name]).norm() / truth[name].norm()).item() for name in truth]

    assert loss == pytest.approx(true_loss, rel=5e-3)
    assert loss == pytest.approx(other_loss, rel=5e-3)
    assert max(off(gradients)) < BF16_TOLERANCE
    assert sum(off(gradients)) < 1.25 * sum(off(others))


def test_without_gradients_the_loss_is_the_same() -> None:
    model, batch = make(), batch_of(ROWS)
    loss = WeightedLoss(model, FP32, lean=True, written=True)

    with torch.no_grad():
        alone = loss(batch).loss

    assert not alone.requires_grad
    assert alone.item() == loss(batch).loss.item()


@pytest.mark.parametrize(("device", "tolerance"), [(FP32, 1e-5), (BF16, 0.05)])
def test_logits_are_the_library_s(device: Device, tolerance: float) -> None:
    model, batch = make(), batch_of(WINDOWS)
    chosen = batch.weights[:, 1:] > 0

    ours, theirs = (WeightedLoss(model, device, lean=True, written=written).logits(batch, chosen)
                    for written in (True, False))

    assert ours.dtype == theirs.dtype == device.dtype
    assert (ours - theirs).norm() < tolerance * theirs.norm()


def test_rows_without_any_target_train_nothing() -> None:
    model = make()

    loss, counts, gradients = trained(model, batch_of([example([(9, 0.0)])]), FP32, written=True)

    assert (loss, counts["scored"]) == (0.0, 0)
    assert all(not gradient.nan_to_num(0.0).any() for gradient in gradients.values())


@pytest.mark.parametrize("device", [Device("cpu", "fp32"), Device("cuda:0", "bf16")])
def test_it_is_for_processors_that_multiply_bf16(device: Device) -> None:
    assert takes_written_decoder(make(), VOCABULARY, BF16)
    assert not takes_written_decoder(make(), VOCABULARY, device)


@pytest.mark.parametrize("changes", [
    {"attention_bias": True}, {"mlp_bias": True}, {"hidden_act": "gelu"}, {"attention_dropout": 0.1},
    {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 500.0, "factor": 2.0}}])
def test_other_shapes_are_left_to_the_library(changes: dict[str, Any]) -> None:
    assert is_written_out(make())
    assert not is_written_out(make(**changes))


def test_other_families_and_adapters_are_left_to_the_library() -> None:
    qwen = Qwen2ForCausalLM(Qwen2Config(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=40,
                                        num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2))
    adapted = make()
    new_adapter(adapted, Lora())

    assert not is_written_out(qwen)
    assert not is_written_out(adapted)


def test_a_model_that_computes_something_else_is_found_out() -> None:
    model = make()
    model.model.norm.register_forward_hook(lambda _module, _inputs, output: 2 * output)

    assert is_written_out(model)
    assert not takes_written_decoder(model, VOCABULARY, BF16)
