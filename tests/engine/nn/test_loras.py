"""Rows with several adapters, or none, share a batch, and each is written as its own adapter alone would."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pen_backend.engine.nn.base import Shape
from pen_backend.engine.nn.generation import Options, Row, generate
from pen_backend.engine.nn.loaded import Models, Reference
from pen_backend.engine.nn.loras import read_changes
from pen_backend.engine.nn.models import load_model
from pen_backend.engine.nn.sampling import Sampling
from tests.engine.nn import tiny
from tests.engine.nn.test_slots import logits, text

pytestmark = pytest.mark.slow  # the library that computes adapters takes seconds to import
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def adapters(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Adapters of other ranks, factors and layers, with random halves large enough to change what is written."""
    from peft import LoraConfig, get_peft_model

    found = []
    for number, config in enumerate([
            LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear"),
            LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj", "down_proj"], use_rslora=True),
            LoraConfig(task_type="CAUSAL_LM", r=8, target_modules=["v_proj", "gate_proj"], lora_alpha=3)]):
        torch.manual_seed(number)
        model = get_peft_model(load_model(model_folder, CPU), config)
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.data = 0.5 * torch.randn_like(parameter)
        found.append(tmp_path_factory.mktemp("adapters") / str(number))
        model.save_pretrained(str(found[-1]))
    return found


def rows(adapters: list[Path]) -> list[Row]:
    """Make two rows for each adapter, and two without one, of unlike length."""
    return [Row(text(5 + 7 * i, i), i, 0, 24, Options(Sampling(0), frozenset(), 2, adapter))
            for i, adapter in enumerate([None, *adapters, *reversed(adapters), None])]


def test_mixed_rows_are_written_as_apart(model_folder: Path, adapters: list[Path]) -> None:
    models = Models(CPU)
    batches = [models.get(Reference(adapter.name, model_folder, adapter)).batch(adapter) for adapter in adapters]
    decoder = batches[0].decoder
    together, apart = rows(adapters), rows(adapters)
    generate(decoder, together)
    for row in apart:
        generate(decoder, [row])

    assert all(batch is batches[0] for batch in batches)
    assert [[token.id for token in row.tokens] for row in together] == \
        [[token.id for token in row.tokens] for row in apart]
    assert len({tuple(token.id for token in row.tokens) for row in apart}) == len(apart)
    for mixed, alone in zip(together, apart, strict=True):
        assert [token.logprob for token in mixed.tokens] == pytest.approx([token.logprob for token in alone.tokens],
                                                                         abs=1e-4)


def test_an_adapter_s_logits_are_its_own_library_s(model_folder: Path, adapters: list[Path]) -> None:
    from peft import PeftModel

    models, ids = Models(CPU), text(40, 1)
    for i, adapter in enumerate([*adapters, None]):
        found = models.get(Reference(str(i), model_folder, adapter)).batch(adapter).decoder.score([ids], adapter)[0]
        model = load_model(model_folder, CPU)
        wanted = logits(PeftModel.from_pretrained(model, str(adapter)) if adapter else model, ids)
        assert (found - wanted).abs().max() < 1e-4


def test_an_adapter_of_another_kind_goes_through_its_own_library(model_folder: Path, adapters: list[Path],
                                                                 tmp_path: Path) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model

    torch.manual_seed(5)
    model = get_peft_model(load_model(model_folder, CPU), LoraConfig(r=4, target_modules="all-linear", use_dora=True))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = 0.5 * torch.randn_like(parameter)
    model.save_pretrained(str(tmp_path))
    models, ids = Models(CPU), text(40, 1)
    usual = models.get(Reference("usual", model_folder, adapters[0]))
    other = models.get(Reference("other", model_folder, tmp_path))
    wanted = logits(PeftModel.from_pretrained(load_model(model_folder, CPU), str(tmp_path)), ids)
    plain = logits(load_model(model_folder, CPU), ids)

    assert read_changes(tmp_path) is None
    assert usual is other
    assert usual.batch(tmp_path) is not usual.batch(adapters[0])
    assert (usual.batch(tmp_path).decoder.score([ids], tmp_path)[0] - wanted).abs().max() < 1e-4
    assert (usual.batch(None).decoder.score([ids], None)[0] - plain).abs().max() < 1e-4


def test_an_adapter_of_another_model_is_not_taken_in(adapters: list[Path], tmp_path: Path) -> None:
    small = tiny.make_model(tmp_path / "small", shape=Shape(
        vocab_size=300, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64))

    with pytest.raises(Exception, match="size mismatch"):
        Models(CPU).get(Reference("a", small, adapters[0]))


@pytest.mark.parametrize("change", [{"modules_to_save": ["lm_head"]}, {"alpha_pattern": {"q_proj": 2}},
                                    {"bias": "all"}, {"something_new": True}])
def test_a_configuration_that_says_more_is_left_to_the_library(adapters: list[Path], tmp_path: Path,
                                                               change: dict[str, object]) -> None:
    config = json.loads((adapters[0] / "adapter_config.json").read_bytes())
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | change))
    save_file(load_file(adapters[0] / "adapter_model.safetensors"), tmp_path / "adapter_model.safetensors")

    assert read_changes(adapters[0]) is not None
    assert read_changes(tmp_path) is None
