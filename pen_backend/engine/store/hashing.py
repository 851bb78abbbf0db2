"""The hash of a model's directory: what is loaded from it, not what lies beside it."""

import hashlib
from pathlib import Path

NOT_THE_MODEL = frozenset({"manifest.json", "state.json", "optim.safetensors", "pen.json"})
"""Files beside a model's own: a checkpoint loses some of them when it is superseded, and stays the same model."""


def hash_directory(directory: Path) -> str:
    """Hash a model's directory: names and contents of what the model is loaded from."""
    digest = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        if path.suffix in (".json", ".safetensors", ".txt") and path.name not in NOT_THE_MODEL:
            with path.open("rb") as stream:
                digest.update(f"{path.name}\0{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
