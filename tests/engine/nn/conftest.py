"""One random model for all tests of these rooms: made once, only read."""

from pathlib import Path

import pytest
import torch

from pen_backend.engine.nn.models import load_model
from pen_backend.engine.nn.vocabulary import Vocabulary
from tests.engine.nn import tiny


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def vocabulary(model_folder: Path) -> Vocabulary:
    return Vocabulary(model_folder)


@pytest.fixture
def model(model_folder: Path) -> torch.nn.Module:
    torch.set_num_threads(1)
    return load_model(model_folder, torch.device("cpu"))
