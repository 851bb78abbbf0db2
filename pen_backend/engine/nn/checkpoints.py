"""Checkpoints on disk: written beside, checked by hash, found again after any crash, thinned and pruned.

A checkpoint is a directory `step-%08d` whose manifest.json is written last; it appears by one rename. A directory
cannot be renamed over a full one, so names are unique and `latest` is only a pointer for people and the engine: the
loader trusts hashes, and walks back to the newest directory that holds what its manifest says.
"""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pen_backend.files import Disk, temporary_name, write_atomic

MANIFEST = "manifest.json"
STATE = "state.json"
RESUME_FILES = frozenset({STATE, "optim.safetensors"})
"""What only a resume needs; a finished or superseded public checkpoint is a model without them."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One valid checkpoint. `score` is its validation loss, if measured; `whole` means no work of its step is left."""

    path: Path
    step: int
    public: bool
    whole: bool
    score: float | None
    resumable: bool


def checkpoint_name(step: int) -> str:
    """Name the directory of a step's checkpoint."""
    return f"step-{step:08d}"


def write_checkpoint(root: Path, step: int, files: Iterable[tuple[str, bytes]], *, public: bool, disk: Disk,
                     whole: bool = True, score: float | None = None, guard: Callable[[], None] = lambda: None) -> Path:
    """Write a checkpoint durably and move `latest` to it; GUARD is asked just before it becomes visible."""
    final = root / checkpoint_name(step)
    temporary = root / f"{final.name}.tmp-{os.getpid()}"
    disk.remove(temporary)
    try:
        temporary.mkdir(mode=0o700, parents=True)
        listing = {}
        for name, content in files:
            disk.write(temporary / name, content)
            listing[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        _write_manifest(temporary, {"format": 1, "step": step, "public": public, "whole": whole, "score": score,
                                    "files": listing}, disk)
        disk.sync_directory(temporary)
        guard()
        existing = read_checkpoint(final)
        if existing and existing.whole and existing.resumable:
            disk.remove(temporary)
        else:
            disk.remove(final)  # torn, or its step was left unfinished; an older checkpoint still stands
            disk.publish(temporary, final)
    except BaseException:
        with contextlib.suppress(OSError):
            disk.remove(temporary)
        raise
    write_atomic(root / "latest", f"{final.name}\n".encode(), disk)
    return final


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Return the checkpoint in PATH if every file its manifest names is there, whole and unchanged."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        for name, facts in manifest["files"].items():
            with (path / name).open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != facts["sha256"]:
                    return None
        return _checkpoint(path, manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def newest_checkpoint(root: Path) -> Checkpoint | None:
    """Return the newest valid checkpoint that training can go on from."""
    for path in sorted(_directories(root), reverse=True):
        found = read_checkpoint(path)
        if found and found.resumable:
            return found
    return None


def best_checkpoint(root: Path) -> Checkpoint | None:
    """Return the valid checkpoint of the lowest validation loss, among those of which it was measured."""
    found = [one for path in _directories(root) if (one := read_checkpoint(path)) and one.score is not None]
    return min(found, key=_rank, default=None)


def newest_before(root: Path, step: int) -> Checkpoint | None:
    """Return the newest valid checkpoint of an earlier step than STEP; it may be a model only."""
    found = (read_checkpoint(path) for path in sorted(_directories(root), reverse=True))
    return next((one for one in found if one and one.step < step), None)


def make_public(checkpoint: Checkpoint, disk: Disk) -> None:
    """Make a checkpoint one for people, which stays."""
    manifest = json.loads((checkpoint.path / MANIFEST).read_bytes())
    write_atomic(checkpoint.path / MANIFEST, _manifest_bytes({**manifest, "public": True}), disk)


def copy_model(checkpoint: Path, final: Path, disk: Disk) -> None:
    """Copy what makes a checkpoint a model into a directory of its own."""
    temporary = temporary_name(final)
    disk.remove(temporary)
    temporary.mkdir(mode=0o700)
    for path in sorted(checkpoint.iterdir()):
        if path.name not in RESUME_FILES | {MANIFEST}:
            disk.write(temporary / path.name, path.read_bytes())
    disk.sync_directory(temporary)
    disk.remove(final)
    disk.publish(temporary, final)


def prune(root: Path, disk: Disk, *, keep_last: int = 2) -> None:
    """Keep the last few, the best and the public ones; public ones before the last few become plain models."""
    kept = [found for path in sorted(_directories(root)) if (found := _glance(path))]
    scored = [found for found in kept if found.score is not None]
    best = min(scored, key=_rank).step if scored else None
    for found in kept[:-keep_last] if keep_last else kept:
        if found.public:
            _thin(found.path, disk)
        elif found.step != best or not keep_last:
            disk.remove(found.path)


def sweep_temporary(root: Path, disk: Disk) -> None:
    """Remove what a killed writer left; the caller holds the job's lock, so no writer lives."""
    for entry in list(root.rglob("*.tmp-*")):  # below checkpoints too: one may have been killed while thinning
        disk.remove(entry)


def _directories(root: Path) -> list[Path]:
    return [path for path in root.glob("step-????????") if path.is_dir()]


def _glance(path: Path) -> Checkpoint | None:
    """Read a checkpoint's manifest without checking hashes: enough to decide what to keep."""
    try:
        return _checkpoint(path, json.loads((path / MANIFEST).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _checkpoint(path: Path, manifest: dict[str, Any]) -> Checkpoint:
    return Checkpoint(path, manifest["step"], manifest["public"], manifest["whole"], manifest["score"],
                      set(manifest["files"]) >= RESUME_FILES)


def _rank(checkpoint: Checkpoint) -> tuple[float, int]:
    """Order checkpoints by validation loss, the earlier of equals first."""
    return math.inf if checkpoint.score is None else checkpoint.score, checkpoint.step


def _thin(path: Path, disk: Disk) -> None:
    """Drop what only a resume needs: first from the manifest, then from the disk, so that it is valid throughout."""
    manifest = json.loads((path / MANIFEST).read_bytes())
    if RESUME_FILES & set(manifest["files"]):
        manifest["files"] = {name: facts for name, facts in manifest["files"].items() if name not in RESUME_FILES}
        write_atomic(path / MANIFEST, _manifest_bytes(manifest), disk)
    for name in RESUME_FILES:  # also after somebody who was killed right here
        disk.remove(path / name)


def _write_manifest(path: Path, manifest: dict[str, Any], disk: Disk) -> None:
    disk.write(path / MANIFEST, _manifest_bytes(manifest))


def _manifest_bytes(manifest: dict[str, Any]) -> bytes:
    return json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n"
