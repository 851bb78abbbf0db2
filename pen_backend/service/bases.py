"""Models of others among the bases: a folder of this machine, linked, or one of the Hugging Face hub, downloaded once.

Only what a causal model needs is fetched: safetensors, JSON, the tokenizer's files and the chat template; program code
never is, and a folder that brings any is refused.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Protocol

from pen_backend.errors import BadParamsError, ConfigError, DataError, NotFoundError, UpstreamError
from pen_backend.files import Disk, expanded, sweep

WANTED = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json", "tokenizer*.json",
          "special_tokens_map.json", "chat_template.jinja", "vocab.json", "merges.txt", "tokenizer.model", "LICENSE*",
          "README.md")
HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")


class Hub(Protocol):
    """Where models can be fetched from."""

    def files(self, name: str) -> Mapping[str, int]:
        """List a model's files and their bytes; NotFoundError if there is no such model."""
        ...

    def fetch(self, name: str, files: Sequence[str], out: Path) -> None:
        """Download files of a model into a directory."""
        ...


class HuggingFace:
    """The hub, or another server that speaks like it."""

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = endpoint

    def files(self, name: str) -> Mapping[str, int]:
        """List a model's files and their bytes."""
        hub = _library()
        try:
            found = hub.HfApi(endpoint=self._endpoint).model_info(name, files_metadata=True)
        except (hub.errors.RepositoryNotFoundError, hub.errors.GatedRepoError) as error:
            raise NotFoundError(f"There is no model '{name}' on the hub, or it is not open to you.",
                                hint="Look at its page; a gated one needs HF_TOKEN.") from error
        except Exception as error:  # its HTTP library's errors are of many kinds
            raise UpstreamError(f"The hub does not answer ({type(error).__name__}).",
                                hint="Try again, or download the folder otherwise and add that.") from error
        return {each.rfilename: int(each.size or 0) for each in found.siblings or ()}

    def fetch(self, name: str, files: Sequence[str], out: Path) -> None:
        """Download files of a model into a directory."""
        hub = _library()
        try:
            hub.snapshot_download(name, local_dir=out, allow_patterns=list(files), endpoint=self._endpoint)
        except OSError:
            raise
        except Exception as error:  # the same
            raise UpstreamError(f"The download of '{name}' failed ({type(error).__name__}).",
                                hint="Add it again.") from error


def is_hub_id(source: str) -> bool:
    """Say whether SOURCE names a model of the hub, and no folder of this machine."""
    return HUB_ID.fullmatch(source) is not None and not expanded(source).exists()


def wanted(files: Mapping[str, int], name: str) -> dict[str, int]:
    """Choose what is fetched of a model's files; one without safetensors is refused."""
    chosen = {file: size for file, size in files.items() if any(fnmatch(file, pattern) for pattern in WANTED)}
    if not any(file.endswith(".safetensors") for file in chosen) or "config.json" not in chosen:
        raise DataError(f"'{name}' has no config.json with safetensors; other weights are never read.",
                        hint="Choose a model that has them.")
    return chosen


def link(source: str, name: str | None, bases: Path) -> str:
    """Make a folder of this machine a base by a link to it; return its name."""
    folder = expanded(source).absolute()
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}.",
                            hint="Give a model's folder, or a name of the hub as ORGANISATION/NAME.")
    if code := sorted(path.name for path in folder.glob("*.py")):
        raise DataError(f"The model brings program code ({code[0]}), which is never run.", where=str(folder))
    wanted({path.name: 0 for path in folder.iterdir() if path.is_file()}, str(folder))
    chosen = name or folder.name
    place = _place(chosen, bases)
    place.symlink_to(folder, target_is_directory=True)
    return chosen


def download(source: str, name: str | None, files: Sequence[str], bases: Path, hub: Hub, disk: Disk) -> str:
    """Make a model of the hub a base by a copy of it; return its name. A copy that was not finished is never one."""
    chosen = name or source
    place = _place(chosen, bases)
    sweep(place.parent, disk)
    temporary = place.with_name(f"{place.name}.tmp-{os.getpid()}")
    try:
        hub.fetch(source, files, temporary)
        disk.remove(temporary / ".cache")
        disk.publish(temporary, place)
    finally:
        disk.remove(temporary)
    return chosen


def _place(name: str, bases: Path) -> Path:
    if NAME.fullmatch(name) is None or ".tmp-" in name:
        raise BadParamsError(f"'{name[:80]}' cannot be a model's name.",
                             hint="Give --name with letters, digits, '.', '-' and '_', and one '/' at most.")
    place = bases / name
    if place.exists() or place.is_symlink():
        raise ConfigError(f"There is a base '{name}' already.", where=str(place), hint="Give another --name.")
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place


def _library() -> Any:
    """Import the hub's library, which comes with the engine's packages; it takes a while."""
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise ConfigError("Models of the hub need the engine's packages.",
                          hint=f"Run: {sys.executable} -m pip install 'pen-backend[engine]'") from error
    return huggingface_hub
