"""The weights a job starts from, measured once and remembered while the files do not change."""

import functools
from pathlib import Path

from pen_backend.engine.jobs.spec import Start
from pen_backend.engine.models import Model, facts, parameters, verify
from pen_backend.engine.store import hash_directory
from pen_backend.errors import DataError

CONTEXT_LENGTH = 2048


def start_from(model: Model) -> Start:
    """Describe MODEL as the start of a job; raise DataError if its files cannot be read, or have changed."""
    verify(model)
    try:
        newest = max(path.stat().st_mtime_ns for path in model.path.iterdir())
        sha256, total, rank = _measure(model.path, newest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"The files of the model '{model.id}' cannot be read ({type(error).__name__}).") from error
    return Start(name=model.base, path=model.path, sha256=sha256, parameters=total, rank_parameters=rank,
                 context_length=facts(model).context_length or CONTEXT_LENGTH, adapter=model.adapter,
                 adapter_sha256=None if model.adapter is None else model.sha256)


@functools.lru_cache(maxsize=32)
def _measure(path: Path, newest: int) -> tuple[str, int, int]:
    """Hash and count a directory; NEWEST makes a changed one a new question."""
    return hash_directory(path), *parameters(path)
