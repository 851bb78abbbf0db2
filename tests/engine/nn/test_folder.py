import json
import shutil
import struct
from pathlib import Path

import pytest
import torch

from pen_backend.engine.nn.folder import MAX_CONFIG_BYTES, MAX_HEADER_BYTES, read_adapter_config, read_model_folder
from pen_backend.engine.nn.models import load_model
from pen_backend.engine.nn.outcome import TrainingError
from pen_backend.engine.nn.vocabulary import Vocabulary


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def test_sizes_are_known_without_loading(folder: Path) -> None:
    found = read_model_folder(folder)

    assert (found.context_length, found.vocab_size) == (256, 300)
    assert found.parameters == sum(p.numel() for p in load_model(folder, torch.device("cpu")).parameters())


def test_program_code_is_refused_and_not_run(folder: Path) -> None:
    (folder / "modeling_evil.py").write_text("open('ran', 'w')")

    with pytest.raises(TrainingError, match=r"program code \(modeling_evil\.py\), which is never run"):
        read_model_folder(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_auto_map_is_refused(folder: Path, name: str) -> None:
    config = json.loads((folder / name).read_bytes())
    (folder / name).write_text(json.dumps({**config, "auto_map": {"AutoModel": "x.y"}}))

    with pytest.raises(TrainingError, match="auto_map"):
        Vocabulary(folder)


def test_pickled_weights_are_never_read(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(TrainingError, match="only safetensors weights are read"):
        read_model_folder(folder)


def test_an_adapter_of_pickled_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (tmp_path / "adapter_model.bin").write_bytes(b"x")

    with pytest.raises(TrainingError, match="only safetensors weights are read"):
        read_adapter_config(tmp_path)


@pytest.mark.parametrize("head", [struct.pack("<Q", MAX_HEADER_BYTES + 1), b"", struct.pack("<Q", 1 << 63)])
def test_a_bloated_or_missing_header_is_refused(folder: Path, head: bytes) -> None:
    (folder / "model.safetensors").write_bytes(head + b"{}")

    with pytest.raises(TrainingError, match="the header of"):
        read_model_folder(folder)


def test_a_huge_configuration_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text(" " * (MAX_CONFIG_BYTES + 1))

    with pytest.raises(TrainingError, match="above the limit"):
        read_model_folder(folder)


def test_what_the_library_cannot_load_is_one_sentence(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "nonesuch"}))

    with pytest.raises(TrainingError, match="cannot be loaded"):
        load_model(folder, torch.device("cpu"))
