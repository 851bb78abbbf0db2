"""A model as others load it: the plain folder of Hugging Face or PEFT."""

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pen_backend.engine.models import Model
from pen_backend.engine.wire.errors import ApiError, no_space
from pen_backend.engine.wire.tar import Item

ADAPTER_CONFIG = "adapter_config.json"
KINDS = (".safetensors", ".json", ".jinja", ".txt", ".model", ".md", "")
OWN = ("manifest.json", "state.json", "optim.safetensors")  # of a checkpoint: nothing that a model needs
NO_SPACE = 73


@dataclass(frozen=True, slots=True)
class Merger:
    """Starts the program that merges an adapter into its base."""

    argv: Sequence[str]
    environ: Mapping[str, str] = field(repr=False)
    log: Path

    async def merge(self, model: Model, out: Path) -> None:
        """Write the merged MODEL into OUT; ending early ends the program."""
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self.argv, str(model.path), str(model.adapter), str(out), env=dict(self.environ),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                code = await process.wait()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if code == NO_SPACE:
            raise no_space("The disk is full; make room and try again.")
        if code:
            raise ApiError(500, "internal_error", f"The model '{model.id}' could not be merged (status {code}); "
                                                  f"{self.log.name} in the engine's directory says more.")


def items(folder: Path, base: str | None = None) -> list[Item]:
    """List the files of a model's folder that make the model; BASE is what its adapter is to be put on."""
    found = []
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.suffix not in KINDS or path.name in OWN or path.name.startswith("."):
            continue
        if path.name == ADAPTER_CONFIG and base is not None:
            config = json.dumps({**json.loads(path.read_bytes()), "base_model_name_or_path": base}, indent=2,
                                sort_keys=True).encode() + b"\n"
            found.append(Item(path.name, len(config), content=config))
        else:
            found.append(Item(path.name, path.stat().st_size, path))
    return found
