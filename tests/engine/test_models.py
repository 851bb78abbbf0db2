"""Models are found by name and described by their own files; nothing that is built upon is removed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_backend.engine.models import Models, as_object, parameters, register
from pen_backend.engine.store import Store
from pen_backend.engine.wire.errors import ApiError
from tests.engine.harness import tiny_base
from tests.engine.jobs.make import make_job
from tests.engine.programs.trainer import model


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "state")
    yield found
    found.close()


@pytest.fixture
def models(store: Store, tmp_path: Path) -> Models:
    return Models(store, [tiny_base(tmp_path / "bases"), store.directory / "bases"])


def tuned(store: Store, name: str, *, path: Path, adapter: Path | None = None) -> None:
    job = make_job(store)
    for each in (path, adapter):
        if each is not None and not each.exists():
            model(each, 1)
    store.transact(lambda connection: register(
        connection, name=name, kind="lora" if adapter else "full", base="tiny", path=path, adapter=adapter,
        sha256="0", job_id=job.id, step=1, metadata={}))


def test_a_base_says_what_its_configuration_says(models: Models) -> None:
    body = as_object(models.get("tiny"))
    assert body["owned_by"] == "pen"
    assert body["pen"] == {"base": "tiny", "kind": "base", "context_length": 64, "vocab_size": 100, "bos_token_id": 0,
                           "eos_token_id": 0, "format_hash": None, "prompt": None}


def test_a_base_put_into_the_state_directory_is_there_at_once(models: Models, store: Store) -> None:
    model(store.directory / "bases" / "mine", 1)
    model(store.directory / "bases" / "half.tmp-1", 1)
    assert [each.id for each in models.bases()] == ["tiny", "mine"]


def test_an_unknown_model_is_not_found(models: Models) -> None:
    with pytest.raises(ApiError) as caught:
        models.get("../../etc/passwd")
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")


def test_a_base_cannot_be_deleted(models: Models) -> None:
    with pytest.raises(ApiError) as caught:
        models.delete("tiny")
    assert (caught.value.status, caught.value.code) == (403, "cannot_delete_base_model")


def test_a_deleted_models_files_go(models: Models, store: Store) -> None:
    path = store.directory / "models" / "one"
    tuned(store, "ft:one", path=path)
    assert models.remove_files(models.delete("ft:one"))
    assert not path.exists()
    assert models.find("ft:one") is None


def test_files_another_model_is_built_on_stay(models: Models, store: Store) -> None:
    path, adapter = store.directory / "models" / "one", store.directory / "models" / "two"
    tuned(store, "ft:one", path=path)
    tuned(store, "ft:two", path=path, adapter=adapter)
    assert not models.remove_files(models.delete("ft:one"))
    assert models.remove_files(models.delete("ft:two"))
    assert (path.exists(), adapter.exists()) == (True, False)


def test_a_model_a_job_starts_from_cannot_be_deleted(models: Models, store: Store) -> None:
    tuned(store, "ft:one", path=store.directory / "models" / "one")
    make_job(store, model="ft:one")
    with pytest.raises(ApiError) as caught:
        models.delete("ft:one")
    assert caught.value.status == 409


def test_parameters_are_counted_from_the_headers(tmp_path: Path) -> None:
    tensors = {"__metadata__": {}, "model.embed_tokens.weight": {"shape": [10, 4]}, "a.weight": {"shape": [4, 6]},
               "norm.weight": {"shape": [4]}}
    header = json.dumps(tensors).encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert parameters(tmp_path) == (40 + 24 + 4, 10)


def test_a_bloated_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    with pytest.raises(ValueError, match="header"):
        parameters(tmp_path)
