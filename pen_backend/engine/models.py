"""The models there are: bases on disk, fine-tunes and snapshots in the store, and what they are loaded from."""

import functools
import json
import math
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pen_backend.engine.store import Store, hash_directory
from pen_backend.engine.wire.errors import ApiError, invalid_state, unknown_model
from pen_backend.engine.wire.ids import checkpoint_of_alias, snapshot_alias
from pen_backend.errors import DataError

HEADER_LIMIT = 1 << 20
CONFIG_LIMIT = 1 << 20
NAME_LIMIT = 128
PACKAGED = Path(__file__).parent / "base"


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be loaded: a full one's directory, and an adapter's on top of it or none."""

    id: str
    kind: str
    base: str
    path: Path
    adapter: Path | None
    created_at: int
    prompt: str | None = None
    format_hash: str | None = None
    sha256: str | None = None

    @property
    def files(self) -> Path:
        """Locate the directory that is this model's own."""
        return self.adapter or self.path


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model's own files say about it."""

    context_length: int | None
    vocab_size: int | None
    bos: int | None
    eos: int | None


class Models:
    """Looks models up by name; nothing is loaded here."""

    def __init__(self, store: Store, bases: Iterable[Path] | None = None) -> None:
        self._store = store
        self._bases = list(bases) if bases is not None else [PACKAGED, store.directory / "bases"]

    def bases(self) -> list[Model]:
        """List the bases: every directory with a configuration and weights, also one below, as ORGANISATION/NAME."""
        found: dict[str, Model] = {}
        for folder in self._bases:
            for path in _folders(folder):
                inner = () if (path / "config.json").exists() else _folders(path)
                for name in (path.name, *(f"{path.name}/{each.name}" for each in inner)):
                    if name not in found and (model := self.base(name)) is not None:
                        found[name] = model
        return list(found.values())

    def base(self, name: str) -> Model | None:
        """Find a base by its name, which is looked up and never leads elsewhere."""
        parts = name.split("/")
        if len(parts) > 2 or not all(_is_plain(part) for part in parts):
            return None
        for folder in self._bases:
            path = folder / name
            config = path / "config.json"
            if config.is_file() and any(path.glob("*.safetensors")):
                return Model(name, "base", name, path.resolve(), None, int(config.stat().st_mtime))
        return None

    def all(self) -> list[Model]:
        """List every model: bases first, then fine-tunes and snapshots, newest first."""
        rows = self._store.read(
            lambda connection: connection.execute("SELECT * FROM models ORDER BY seq DESC").fetchall())
        return [*self.bases(), *(_model(row) for row in rows)]

    def find(self, name: str) -> Model | None:
        """Find a model by its name, by a snapshot's name in the way of `openai-ft`, or by an engine's of `-e`."""
        row = self._store.read(
            lambda connection: connection.execute("SELECT * FROM models WHERE id = ?", (name,)).fetchone())
        if row is not None:
            return _model(row)
        return self.base(name) or self._snapshot(name) or self._newest(name)

    def get(self, name: str) -> Model:
        """Find a model by its name, or say that there is none."""
        found = self.find(name)
        if found is None:
            raise unknown_model(name, [each.id for each in self.all()])
        return found

    def newest(self, engine: str) -> Model:
        """Find the newest model made for an engine of `openai-ft -e`, else the model of that name itself."""
        return self._newest(engine) or self.get(engine)

    def _newest(self, engine: str) -> Model | None:
        row = self._store.read(lambda connection: connection.execute(
            "SELECT models.* FROM models JOIN jobs ON jobs.id = models.job_id "
            "WHERE json_extract(jobs.metadata, '$.engine') = ? ORDER BY models.seq DESC LIMIT 1", (engine,)).fetchone())
        return None if row is None else _model(row)

    def _snapshot(self, name: str) -> Model | None:
        checkpoint = checkpoint_of_alias(name)
        if checkpoint is None:
            return None
        row = self._store.read(lambda connection: connection.execute(
            "SELECT models.*, checkpoints.created_at AS day FROM models JOIN checkpoints "
            "ON checkpoints.model = models.id WHERE checkpoints.id = ?", (checkpoint,)).fetchone())
        return _model(row) if row is not None and snapshot_alias(row["id"], checkpoint, row["day"]) == name else None

    def below(self, model: Model) -> str:
        """Name the model that an adapter lies on: a base, or a full one that was tuned from it."""
        row = self._store.read(lambda connection: connection.execute(
            "SELECT id FROM models WHERE path = ? AND adapter IS NULL", (str(model.path),)).fetchone())
        return model.base if row is None else str(row["id"])

    def delete(self, name: str) -> Model:
        """Forget a model; its files go when nothing is built on them."""
        model = self.get(name)
        if model.id != name:
            raise ApiError(404, "model_not_found", f"'{name}' stands for '{model.id}'; name that one to delete it.",
                           param="model")
        if model.kind == "base":
            raise ApiError(403, "cannot_delete_base_model", f"'{name}' is a base model; bases cannot be deleted.",
                           param="model")

        def check(connection: sqlite3.Connection) -> None:
            if connection.execute("SELECT 1 FROM jobs WHERE model = ? AND finished_at IS NULL", (name,)).fetchone():
                raise invalid_state(f"A job that has not ended starts from '{name}'; cancel it first.")

        def remove(connection: sqlite3.Connection) -> None:
            check(connection)
            connection.execute("DELETE FROM models WHERE id = ?", (name,))

        def free(connection: sqlite3.Connection) -> None:
            check(connection)
            if self._own(connection, model):
                self._store.disk.remove(model.files)

        self._store.transact(remove, freeing=free)
        return model

    def remove_files(self, model: Model) -> bool:
        """Remove a deleted model's files, unless another model is built on them."""
        if not self._store.read(lambda connection: self._own(connection, model)):
            return False
        self._store.disk.remove(model.files)
        return True

    def _own(self, connection: sqlite3.Connection, model: Model) -> bool:
        """Say whether a model's files lie in the store, and are no other model's."""
        own = str(model.files)
        return model.files.is_relative_to(self._store.directory) and connection.execute(
            "SELECT 1 FROM models WHERE id != ? AND (path = ? OR adapter = ?)", (model.id, own, own)).fetchone() is None


def _model(row: sqlite3.Row) -> Model:
    return Model(row["id"], row["kind"], row["base"], Path(row["path"]),
                 None if row["adapter"] is None else Path(row["adapter"]), row["created_at"], row["prompt"],
                 row["format_hash"], row["sha256"])


def register(connection: sqlite3.Connection, *, name: str, kind: str, base: str, path: Path, adapter: Path | None,
             sha256: str, job_id: str, step: int, metadata: Mapping[str, str], now: float | None = None) -> None:
    """Make trained files a model; a repeated registration changes nothing."""
    connection.execute(
        "INSERT OR IGNORE INTO models (id, created_at, kind, base, path, adapter, sha256, job_id, step, prompt, "
        "format_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (name, int(time.time() if now is None else now), kind, base, str(path),
         None if adapter is None else str(adapter), sha256, job_id, step, metadata.get("pen.prompt"),
         metadata.get("pen.format_hash")))


def verify(model: Model) -> None:
    """Raise DataError if a tuned model's files are no longer those it was registered with.

    They are read once, and again when a file's size or time has changed. A base is whatever lies in its folder.
    """
    if model.sha256 is None:
        return
    try:
        found = sorted((path.name, *_stamp(path)) for path in model.files.iterdir())
        whole = _hash(model.files, tuple(found)) == model.sha256
    except OSError as error:
        raise DataError(f"The files of the model '{model.id}' cannot be read ({type(error).__name__}).") from error
    if not whole:
        raise DataError(f"The files of the model '{model.id}' have changed since it was made; it is not used. "
                        "Train it again, or put its files back.")


def _stamp(path: Path) -> tuple[int, int, int]:
    known = path.stat()
    return known.st_size, known.st_mtime_ns, known.st_ino


@functools.lru_cache(maxsize=256)
def _hash(directory: Path, _files: tuple[object, ...]) -> str:
    """Hash a directory whose files look as they did, once."""
    return hash_directory(directory)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _is_plain(part: str) -> bool:
    """Say whether PART is a name of a directory that somebody meant to be one."""
    return len(part) <= NAME_LIMIT and not part.startswith(".") and ".tmp-" not in part and bool(part) and all(
        letter.isalnum() or letter in "._-" for letter in part)


def facts(model: Model) -> Facts:
    """Read what a model's configuration says."""
    config = _config(model.path)
    return Facts(
        context_length=_whole(config.get("max_position_embeddings") or config.get("n_positions")),
        vocab_size=_whole(config.get("vocab_size")),
        bos=_whole(config.get("bos_token_id")), eos=_whole(config.get("eos_token_id")))


def _config(path: Path) -> dict[str, Any]:
    try:
        with (path / "config.json").open("rb") as stream:
            value = json.loads(stream.read(CONFIG_LIMIT))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int | None:
    return value[0] if isinstance(value, list) and value and isinstance(value[0], int) else \
        value if isinstance(value, int) else None


def parameters(path: Path) -> tuple[int, int]:
    """Count a model's parameters, and those of an adapter of rank 1, from the headers of its safetensors files."""
    total, rank = 0, 0
    for file in sorted(path.glob("*.safetensors")):
        if file.name == "optim.safetensors":
            continue
        with file.open("rb") as stream:
            for name, tensor in _header(stream).items():
                if name != "__metadata__":
                    shape = tensor["shape"]
                    total += math.prod(shape)
                    rank += sum(shape) if len(shape) == 2 and "embed" not in name and "lm_head" not in name else 0
    return total, rank


def _header(stream: BinaryIO) -> dict[str, Any]:
    length = int.from_bytes(stream.read(8), "little")
    if length > HEADER_LIMIT:
        raise ValueError(f"a safetensors header of {length} bytes is over the limit of {HEADER_LIMIT}")
    header = json.loads(stream.read(length))
    return header if isinstance(header, dict) else {}


def as_object(model: Model) -> dict[str, Any]:
    """Build the model object, with pen's facts beside OpenAI's."""
    known = facts(model)
    return {"id": model.id, "object": "model", "created": model.created_at,
            "owned_by": "pen" if model.kind == "base" else "user",
            "pen": {"base": model.base, "kind": model.kind, "context_length": known.context_length,
                    "vocab_size": known.vocab_size, "bos_token_id": known.bos, "eos_token_id": known.eos,
                    "format_hash": model.format_hash, "prompt": model.prompt, "parameters": _count(model.files)}}


def _count(path: Path) -> int | None:
    """Count the parameters of a model's own files; None where they cannot be read."""
    try:
        return parameters(path)[0]
    except (OSError, ValueError, KeyError, TypeError):
        return None
