"""Models over HTTP: listed, described, deleted; their tokenizer handed out."""

import io
import tarfile

import pytest

from tests.engine.harness import EngineProcess


@pytest.mark.slow
def test_bases_are_listed_first(served: EngineProcess) -> None:
    found = served.get("/v1/models")["data"]
    assert found[0]["id"] == "tiny"
    assert found[0]["pen"]["kind"] == "base"


@pytest.mark.slow
def test_the_tokenizer_is_the_models_own(served: EngineProcess) -> None:
    found = served.request("GET", "/pen/models/tiny/tokenizer")
    assert (found.status, found.json) == (200, {"version": "1.0"})
    assert served.request("GET", "/pen/models/other/tokenizer").code == "model_not_found"


@pytest.mark.slow
def test_a_deleted_model_is_gone_and_its_job_stays(served: EngineProcess) -> None:
    job = served.wait(served.create_job({"steps": 1})["id"])
    name = job["fine_tuned_model"]
    assert served.request("DELETE", f"/v1/models/{name}").json == {"id": name, "object": "model", "deleted": True}
    assert served.request("GET", f"/v1/models/{name}").code == "model_not_found"
    assert served.request("POST", "/v1/completions", {"model": name, "prompt": "a"}).code == "model_not_found"
    assert served.get(f"/v1/fine_tuning/jobs/{job['id']}")["fine_tuned_model"] == name
    assert not (served.state / "models" / job["id"]).exists()


@pytest.mark.slow
def test_a_base_is_not_deleted(served: EngineProcess) -> None:
    assert served.request("DELETE", "/v1/models/tiny").code == "cannot_delete_base_model"


@pytest.mark.slow
def test_a_name_with_a_slash_is_one_segment(served: EngineProcess) -> None:
    assert served.request("GET", "/v1/models/hub%2Ftiny").code == "model_not_found"


@pytest.mark.slow
def test_a_base_is_sent_as_a_tar_of_its_folder(served: EngineProcess) -> None:
    found = served.request("GET", "/pen/models/tiny/export")
    assert (found.status, found.headers["content-type"]) == (200, "application/x-tar")
    assert int(found.headers["content-length"]) == len(found.body)
    with tarfile.open(fileobj=io.BytesIO(found.body)) as archive:
        assert "config.json" in archive.getnames()


@pytest.mark.slow
def test_an_export_that_cannot_be_is_said(served: EngineProcess) -> None:
    assert served.request("GET", "/pen/models/other/export").code == "model_not_found"
    assert served.request("GET", "/pen/models/tiny/export?merged=yes").code == "invalid_value"
    assert served.request("GET", "/pen/models/tiny/export?what=1").code == "unknown_parameter"
    assert served.request("POST", "/pen/models/tiny/export").code == "method_not_allowed"
