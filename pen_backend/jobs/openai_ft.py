"""What the flags of `openai-ft` mean for a job (openai-api.md, section 8): pure functions."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

SUFFIX_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags that say something about the job; None is not given.

    SCALE is `-s`: a factor on the default learning rate, 0.1 is ten times lower.
    """

    train: str
    valid: str | None = None
    engine: str | None = None
    model: str | None = None
    num_epochs: int = 1
    batch_size: int = 1
    val_batch_size: int | None = None
    max_tokens: int | None = None
    scale: float | None = None
    snapshots_every: int | None = None
    completions_every: int | None = None
    num_completions: int | None = None


def job_options(flags: Flags) -> dict[str, Any]:
    """Return the options of the job that FLAGS describe, but for its model and files; what is not given is left out.

    A step is so many windows of --max-tokens tokens, whose default, min(2048, context), is the engine's.
    """
    options = {
        "n_epochs": flags.num_epochs, "batch_size": flags.batch_size, "packing": "window",
        "max_tokens": flags.max_tokens, "eval_batch_size": flags.val_batch_size,
        "learning_rate_multiplier": flags.scale, "snapshots_every": flags.snapshots_every,
        "completions_every": flags.completions_every, "num_completions": flags.num_completions, "results": "classic",
        "suffix": suffix(flags.engine) if flags.engine else None,
    }
    return {name: value for name, value in options.items() if value is not None}


def metadata(flags: Flags) -> dict[str, str]:
    """Return what the job remembers of FLAGS: its engine's name, by which its newest model can be called."""
    return {"engine": flags.engine} if flags.engine else {}


def suffix(engine: str) -> str | None:
    """Make the part of a model's name that an engine's name allows: small letters, digits and hyphens; None if none.

    >>> suffix("Ada Abhijith-Chandran_ft c5")
    'ada-abhijith-chandran-ft-c5'
    """
    plain = unicodedata.normalize("NFKD", engine).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SUFFIX_LENGTH].strip("-") or None
