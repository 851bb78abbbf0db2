"""Real inputs that are not part of the project: tests that want them skip, by name, where they are absent."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("PEN_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def shared(name: str) -> Path:
    """Return the path of a shared input, or skip the test with the name of what is missing."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"shared/{name} is not on this machine")
    return path
