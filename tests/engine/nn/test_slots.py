"""Reading into slots gives the library's numbers, whoever joins or leaves beside a row."""

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

from pen_backend.engine.nn.cache import SlotCache
from pen_backend.engine.nn.generation import Decoder, Options, Row, take
from pen_backend.engine.nn.llama import read_llama
from pen_backend.engine.nn.loaded import agrees
from pen_backend.engine.nn.loras import Loras
from pen_backend.engine.nn.padded import PaddedDecoder
from pen_backend.engine.nn.sampling import Sampling
from pen_backend.engine.nn.slots import SlotDecoder

SIZES: dict[str, Any] = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 1024}
KINDS = {
    "llama": LlamaConfig(**SIZES),
    "llama, rotation of Llama 3, biases": LlamaConfig(**SIZES, attention_bias=True, rope_parameters={
        "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64}),
    "mistral": MistralConfig(**SIZES, sliding_window=None),
    "qwen2": Qwen2Config(**SIZES),
    "qwen3": Qwen3Config(**SIZES, head_dim=8),
}


def random_model(config: PreTrainedConfig, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """Make a model whose biases and norms are random too: what is 0 or 1 proves nothing."""
    torch.manual_seed(1)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=dtype)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    model.eval()
    return model


def slots(model: PreTrainedModel) -> SlotDecoder:
    llama = read_llama(model)
    assert llama is not None
    return SlotDecoder(llama, Loras(llama))


@torch.no_grad()
def logits(model: torch.nn.Module, ids: list[int]) -> torch.Tensor:
    found: torch.Tensor = model(torch.tensor([ids]), use_cache=False).logits[0]
    return found


def text(length: int, seed: int) -> list[int]:
    return torch.randint(4, 300, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def row(ids: list[int], tokens: int = 99, temperature: float = 0) -> Row:
    return Row(ids, len(ids), 0, tokens, Options(Sampling(temperature, seed=3), frozenset()))


@pytest.mark.parametrize("kind", KINDS)
def test_the_logits_are_the_library_s(kind: str) -> None:
    model = random_model(KINDS[kind])
    ids = text(300, 1)
    wanted = logits(model, ids)
    decoder = slots(model)
    mine, other = row(ids), row(text(9, 2))

    # A prompt in two chunks, then token by token, past the length that the cache begins with, beside a shorter row.
    found = [decoder.feed([(other, other.prompt_ids), (mine, ids[:100])])[1], decoder.feed([(mine, ids[100:250])])[0]]
    found += [decoder.feed([(mine, [ids[i]]), (other, [5])])[0] for i in range(250, 300)]

    assert (torch.stack(found) - wanted[[99, *range(249, 300)]]).abs().max() < 1e-4
    scored = decoder.score([ids, ids[:7]], None)
    assert max((scored[0] - wanted).abs().max(), (scored[1] - wanted[:7]).abs().max()) < 1e-4
    assert agrees(model, slots(model))


def test_joined_matrices_leave_the_library_s_model_as_it_was() -> None:
    model = random_model(KINDS["qwen2"])
    before = logits(model, text(20, 1))
    slots(model)

    assert torch.equal(logits(model, text(20, 1)), before)


def test_half_precision_agrees_with_the_library_s() -> None:
    model = random_model(KINDS["llama"], torch.bfloat16)

    assert agrees(model, slots(model))


@pytest.mark.parametrize("config", [
    MistralConfig(**SIZES, sliding_window=8), Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=8,
                                                          max_window_layers=0),
    LlamaConfig(**SIZES, hidden_act="gelu"), LlamaConfig(**SIZES, rope_parameters={
        "rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}),
    Gemma2Config(**SIZES, head_dim=8)], ids=["window", "windows by layer", "gelu", "dynamic", "gemma2"])
def test_models_of_other_kinds_are_left_to_the_library(config: PreTrainedConfig) -> None:
    assert read_llama(random_model(config)) is None


def test_a_model_that_computes_something_else_is_found_out() -> None:
    model = random_model(KINDS["llama"])
    decoder = slots(model)
    torch.nn.init.normal_(model.model.norm.weight)
    model.model.norm.weight = torch.nn.Parameter(2 * model.model.norm.weight)

    assert not agrees(model, decoder)


def steps(decoder: Decoder, coming: dict[int, list[Row]]) -> Iterator[int]:
    """Write rows greedily; some join at some steps, and all leave when they are finished."""
    live: list[Row] = []
    number = 0
    while live or any(step >= number for step in coming):
        new = coming.get(number, [])
        if new:
            take(new, decoder.feed([(each, each.prompt_ids) for each in new]))
        if live:
            take(live, decoder.feed([(each, (each.tokens[-1].id,)) for each in live]))
        live += new
        for each in [each for each in live if each.finished]:
            decoder.leave(each)
            live.remove(each)
        yield number
        number += 1


@pytest.mark.parametrize("kind", [SlotDecoder, PaddedDecoder])
@pytest.mark.parametrize("temperature", [0, 1])
def test_rows_that_join_and_leave_at_any_step_are_written_as_alone(kind: type, temperature: float) -> None:
    model = random_model(KINDS["llama"])

    def make() -> Decoder:
        return slots(model) if kind is SlotDecoder else PaddedDecoder(model, pad=1)

    def rows() -> list[Row]:
        return [row(text(length, length), tokens, temperature)
                for length, tokens in ((5, 30), (40, 3), (1, 12), (17, 25), (3, 8), (60, 2), (9, 14))]

    alone = rows()
    for each in alone:
        for _ in steps(make(), {0: [each]}):
            pass
    together = rows()
    for _ in steps(make(), {0: together[:3], 2: together[3:4], 5: together[4:6], 9: together[6:]}):
        pass

    assert [[token.id for token in each.tokens] for each in together] == \
        [[token.id for token in each.tokens] for each in alone]


def test_a_copied_row_goes_on_as_if_it_had_been_read() -> None:
    model = random_model(KINDS["llama"])
    decoder, ids = slots(model), text(20, 1)
    first, second, third = row(ids), row(ids), row(text(5, 2))
    decoder.feed([(third, third.prompt_ids), (first, ids)])
    decoder.copy(first, second)
    decoder.leave(third)  # the copy moves into its slot
    found = decoder.feed([(first, [7]), (second, [8])])

    assert (found - torch.stack([logits(model, [*ids, 7])[-1], logits(model, [*ids, 8])[-1]])).abs().max() < 1e-4


def test_a_row_that_left_half_read_frees_its_slot(model_folder: Path) -> None:
    model = random_model(KINDS["llama"])
    decoder, ids = slots(model), text(20, 1)
    gone, stays = row(text(30, 2)), row(ids)
    decoder.feed([(gone, gone.prompt_ids[:10])])
    decoder.feed([(stays, ids[:12])])
    decoder.leave(gone)

    assert (decoder.feed([(stays, ids[12:])])[0] - logits(model, ids)[-1]).abs().max() < 1e-4
    decoder.leave(gone)


def test_a_long_row_takes_no_memory_for_the_others_and_leaves_none_behind() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    cache = SlotCache(4, 8, 64, like=torch.zeros(1))
    rows = [row([i]) for i in range(32)]
    for each in rows:
        cache.slot(each)
    before = resident()
    cache.reach(4096)

    assert cache.bytes == 4 * 2 * 32 * 8 * 4096 * 64 * 4
    assert resident() - before < cache.bytes / 20
    for each in rows:
        cache.free(each)
    assert cache.bytes < 8 << 20
