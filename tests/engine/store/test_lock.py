"""A directory has one process at a time."""

from pathlib import Path

import pytest

from pen_backend.engine.store.lock import held, is_held
from pen_backend.errors import StartError


def test_a_second_one_is_refused_and_the_next_is_not(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "lock")
    with held(tmp_path):
        assert is_held(tmp_path / "lock")
        with pytest.raises(StartError, match="already uses"), held(tmp_path):
            pass
        assert is_held(tmp_path / "lock")
    assert not is_held(tmp_path / "lock")
    with held(tmp_path):
        pass
