"""A model as others load it: the plain folder of Hugging Face or PEFT, as a tar that is made while it is sent."""

import asyncio
import contextlib
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pen_backend.engine.models import Model
from pen_backend.engine.wire.errors import ApiError, no_space

CHUNK = 1 << 20
BLOCK = 512  # tar's
ADAPTER_CONFIG = "adapter_config.json"
KINDS = (".safetensors", ".json", ".jinja", ".txt", ".model", ".md", "")
OWN = ("manifest.json", "state.json", "optim.safetensors")  # of a checkpoint: nothing that a model needs
NO_SPACE = 73


@dataclass(frozen=True, slots=True)
class Item:
    """One file of the folder: what it is called, and its bytes, or the file that has them."""

    name: str
    size: int
    path: Path | None = None
    content: bytes = b""


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


def length(found: Sequence[Item], moment: int) -> int:
    """Count the bytes of the tar of these files."""
    return sum(len(_header(one, moment)) + one.size + _padding(one.size) for one in found) + 2 * BLOCK


def tar(found: Sequence[Item], moment: int) -> Iterator[bytes]:
    """Yield the tar of these files; each is read while it is sent, and one that has shrunk is an OSError."""
    for one in found:
        yield _header(one, moment)
        if one.path is None:
            yield one.content
        else:
            yield from _pieces(one.path, one.size)
        yield bytes(_padding(one.size))
    yield bytes(2 * BLOCK)


def _header(one: Item, moment: int) -> bytes:
    info = tarfile.TarInfo(one.name)
    info.size, info.mtime, info.mode = one.size, moment, 0o644
    return info.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> int:
    return -size % BLOCK


def _pieces(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while size:
            piece = stream.read(min(CHUNK, size))
            if not piece:
                raise OSError(f"{path.name} became shorter while it was read")
            size -= len(piece)
            yield piece
