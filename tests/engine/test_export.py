"""A model's folder as a tar: what others need to load it, and nothing of ours."""

import io
import json
import tarfile
from pathlib import Path

from pen_backend.engine.export import items
from pen_backend.engine.wire.tar import length, tar


def folder(path: Path) -> Path:
    path.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "README.md", "LICENSE", "manifest.json",
                 "state.json", "optim.safetensors", "pytorch_model.bin", "modeling.py", ".hidden"):
        (path / name).write_bytes(name.encode() * 100)
    (path / "inner").mkdir()
    return path


def unpacked(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: stream.read() for member in archive if (stream := archive.extractfile(member))}


def test_the_tar_has_what_makes_the_model_and_says_how_long_it_is(tmp_path: Path) -> None:
    found = items(folder(tmp_path / "model"))
    data = b"".join(tar(found, 1_795_132_800))
    assert len(data) == length(found, 1_795_132_800)
    assert unpacked(data) == {name: name.encode() * 100 for name in (
        "LICENSE", "README.md", "config.json", "model.safetensors", "tokenizer.json")}


def test_an_adapter_names_the_model_that_it_lies_on(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"r": 4, "base_model_name_or_path": "pen-tiny"}')
    data = b"".join(tar(items(tmp_path, "ft:pen-tiny:local::abc"), 0))
    assert json.loads(unpacked(data)["adapter_config.json"]) == {
        "r": 4, "base_model_name_or_path": "ft:pen-tiny:local::abc"}
