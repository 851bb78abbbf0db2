"""Models are found by name and described by their own files; nothing that is built upon is removed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_backend.engine.jobs.events import add_checkpoint, checkpoint_object, page
from pen_backend.engine.models import Model, Models, as_object, parameters, register, verify
from pen_backend.engine.store import Store, hash_directory
from pen_backend.engine.wire.errors import ApiError
from pen_backend.errors import DataError
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


def tuned(store: Store, name: str, *, path: Path, adapter: Path | None = None, engine: str | None = None) -> str:
    job = make_job(store, metadata={} if engine is None else {"engine": engine})
    for each in (path, adapter):
        if each is not None and not each.exists():
            model(each, 1)
    store.transact(lambda connection: register(
        connection, name=name, kind="lora" if adapter else "full", base="tiny", path=path, adapter=adapter,
        sha256="0", job_id=job.id, step=1, metadata={}))
    return job.id


def test_a_base_says_what_its_configuration_says(models: Models) -> None:
    body = as_object(models.get("tiny"))
    assert body["owned_by"] == "pen"
    assert body["pen"] == {"base": "tiny", "kind": "base", "context_length": 64, "vocab_size": 100, "bos_token_id": 0,
                           "eos_token_id": 0, "format_hash": None, "prompt": None,
                           "parameters": parameters(models.get("tiny").files)[0]}
    assert body["pen"]["parameters"] > 0


def test_a_model_whose_weights_cannot_be_read_says_nothing_of_their_number(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 64)
    assert as_object(Model("torn", "base", "torn", tmp_path, None, 1))["pen"]["parameters"] is None


def test_a_base_put_into_the_state_directory_is_there_at_once(models: Models, store: Store) -> None:
    model(store.directory / "bases" / "mine", 1)
    model(store.directory / "bases" / "half.tmp-1", 1)
    assert [each.id for each in models.bases()] == ["tiny", "mine"]


def test_a_base_may_have_the_name_of_an_organisation_before_its_own(models: Models, tmp_path: Path) -> None:
    path = tmp_path / "bases" / "org" / "some-model"
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    (path / "model.safetensors").write_bytes(b"")
    assert models.get("org/some-model").path == path
    assert "org/some-model" in [model.id for model in models.all()]


@pytest.mark.parametrize("name", ["../bases/tiny", "a/../tiny", "/etc", ".", "a/b/c", "tiny/", "", ".hid", "a\0"])
def test_a_name_never_leads_out_of_the_bases(models: Models, name: str) -> None:
    assert models.base(name) is None


def test_an_unknown_model_is_not_found(models: Models) -> None:
    with pytest.raises(ApiError) as caught:
        models.get("../../etc/passwd")
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")


def test_an_engine_s_name_means_the_newest_model_made_for_it(models: Models, store: Store) -> None:
    for number, engine in enumerate(("puns", "puns", "jokes", None)):
        tuned(store, f"ft:{number}", path=store.directory / "models" / str(number), engine=engine)
    assert [models.newest(name).id for name in ("puns", "jokes", "tiny", "ft:3")] == ["ft:1", "ft:2", "tiny", "ft:3"]
    with pytest.raises(ApiError, match="There is no model 'limericks'"):
        models.newest("limericks")


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


def test_a_snapshot_is_found_by_the_name_that_openai_ft_gives_it(models: Models, store: Store) -> None:
    name = "ft:tiny:local:puns:abcdefgh:ckpt-step-5"
    job = tuned(store, name, path=store.directory / "models" / "one")
    day = 1_795_132_800
    store.transact(lambda connection: add_checkpoint(connection, job, step=5, model=name, metrics={}, now=day))
    found = store.read(lambda connection: page(connection, "checkpoints", job, after=None, limit=1))
    assert found is not None
    alias = checkpoint_object(found[0][0])["pen"]["snapshot"]
    assert alias.startswith("tiny:2026-11-20.snap-")
    assert models.get(alias).id == name
    assert models.find(alias.replace("tiny:", "ada:")) is None
    assert models.find(alias[:-1] + ("a" if alias[-1] != "a" else "b")) is None
    with pytest.raises(ApiError, match="name that one"):
        models.delete(alias)


def test_an_engines_name_is_its_newest_model(models: Models, store: Store) -> None:
    for name in ("ft:one", "ft:two"):
        tuned(store, name, path=store.directory / "models" / name[3:], engine="ada-me-ft-c1")
    assert models.get("ada-me-ft-c1").id == models.newest("ada-me-ft-c1").id == "ft:two"
    assert models.newest("tiny").id == "tiny"
    with pytest.raises(ApiError, match="name that one"):
        models.delete("ada-me-ft-c1")


def one(path: Path, adapter: Path | None = None) -> Model:
    return Model("ft:one", "full", "tiny", path, adapter, 1, sha256=hash_directory(adapter or path))


@pytest.mark.parametrize("with_adapter", [False, True])
def test_a_model_is_used_as_it_was_registered_or_not_at_all(tmp_path: Path, with_adapter: bool) -> None:
    for name in ("full", "adapter"):
        model(tmp_path / name, 1)
    found = one(tmp_path / "full", tmp_path / "adapter" if with_adapter else None)
    verify(found)
    (found.files / "state.json").write_text("{}")  # what lies beside the model may come and go
    verify(found)
    weights = found.files / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match="'ft:one' have changed"):
        verify(found)


def test_a_model_whose_files_are_gone_says_so_and_a_base_is_what_it_is(tmp_path: Path) -> None:
    model(tmp_path / "a", 1)
    found = one(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    with pytest.raises(DataError, match="cannot be read"):
        verify(found)
    verify(Model("base", "base", "base", tmp_path / "a", None, 1))
