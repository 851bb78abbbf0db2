"""One engine with scripted programs serves a whole test run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import IDLE_MINUTES
from tests.engine.harness import SCRIPTED, EngineProcess, engine, tiny_base


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("bases"))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, bases: Path) -> Iterator[EngineProcess]:
    with engine(tmp_path_factory.mktemp("engine"), bases, idle_minutes=IDLE_MINUTES, **SCRIPTED) as running:
        yield running
