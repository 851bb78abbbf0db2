"""Uploads: kept whole or refused whole, with line numbers; what comes back is what went in."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pen_backend.engine.routes.files import inspect
from pen_backend.engine.routes.upload import _plain_name
from pen_backend.engine.wire.errors import ApiError
from tests.engine.harness import LINES, EngineProcess


def blobs(served: EngineProcess) -> set[Path]:
    """List what is kept, once no job is left that writes its tables meanwhile."""
    served.settle()
    return set((served.state / "blobs").rglob("*")) | set((served.state / "tmp").iterdir())


@pytest.mark.slow
def test_a_file_comes_back_as_it_was_sent(served: EngineProcess) -> None:
    sent = served.upload(LINES, name="../../puns.jsonl").json
    assert (sent["filename"], sent["bytes"], sent["status"]) == ("puns.jsonl", len(LINES), "processed")
    assert served.get(f"/v1/files/{sent['id']}") == sent
    content = served.request("GET", f"/v1/files/{sent['id']}/content")
    assert (content.body, content.headers["content-type"]) == (LINES, "application/octet-stream")


@pytest.mark.slow
def test_other_purposes_are_kept_unread(served: EngineProcess) -> None:
    sent = served.upload(b"\x00\xff not json", purpose="user_data")
    assert sent.status == 200
    assert served.request("GET", f"/v1/files/{sent.json['id']}/content").body == b"\x00\xff not json"


@pytest.mark.slow
@pytest.mark.parametrize(("content", "where"), [
    (b'{"prompt": "a", "completion": "b"}\nnonsense\n', "train.jsonl:2"),
    (b'{"prompt": "a", "completion": NaN}\n', "train.jsonl:1"),
    (b'{"prompt": "a", "completion": "\\ud800"}\n', "train.jsonl:1"),
    (b"\xff\xfe\n", "train.jsonl:1"),
    (b"[" * 100_000 + b"\n", "train.jsonl:1"),
    (b'{"prompt": "a", "completion": ' + b"9" * 5000 + b"}\n", "train.jsonl:1"),
    (b'{"data": "a"}\n{"prompt": "a", "completion": "b"}\n', "train.jsonl:2"),
    (b'{"data": {"text_list": ["a"], "loss_weights": [1, 2]}}\n', "train.jsonl:1"),
    (b'{"data": "' + b"a" * 1_000_001 + b'"}\n', "train.jsonl:1"),
    (b"", "train.jsonl"), (b"\n\n", "train.jsonl")])
def test_bad_files_are_refused_with_the_line_and_nothing_is_kept(served: EngineProcess, content: bytes,
                                                                where: str) -> None:
    before = blobs(served)
    found = served.upload(content)
    assert (found.status, found.code) == (400, "invalid_file")
    assert where in found.message
    assert blobs(served) == before


@pytest.mark.slow
def test_at_most_20_findings_are_shown(served: EngineProcess) -> None:
    found = served.upload(b"nonsense\n" * 25)
    assert found.message.count("train.jsonl:") == 20
    assert "5 more" in found.message


@pytest.mark.slow
@pytest.mark.parametrize(("purpose", "fields", "param"), [
    ("evals", {}, "purpose"), ("nonsense", {}, "purpose"),
    ("fine-tune", {"purposes": "x"}, "purposes"),
    ("fine-tune", {"expires_after[anchor]": "created_at", "expires_after[seconds]": "60"}, "expires_after.seconds"),
    ("fine-tune", {"expires_after[anchor]": "now", "expires_after[seconds]": "3600"}, "expires_after.anchor")])
def test_wrong_fields_are_named(served: EngineProcess, purpose: str, fields: dict[str, str], param: str) -> None:
    found = served.upload(LINES, purpose=purpose, fields=fields)
    assert (found.status, found.json["error"]["param"]) == (400, param)


@pytest.mark.slow
def test_a_file_may_expire(served: EngineProcess) -> None:
    fields = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    sent = served.upload(LINES, fields=fields).json
    assert sent["expires_at"] - sent["created_at"] == 3600


@pytest.mark.slow
@pytest.mark.parametrize("body", [
    b"", b"no form at all", b"--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\ntext\r\n--x--\r\n",
    b"--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n--x--\r\n",
    b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n" * 10_000 + b"--x--\r\n",
    b"--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
    b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\ncut off"])
def test_forms_that_are_no_upload_are_400(served: EngineProcess, body: bytes) -> None:
    before = blobs(served)
    found = served.request("POST", "/v1/files", body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert found.status == 400
    assert blobs(served) == before


@pytest.mark.slow
def test_a_form_without_a_boundary_is_400(served: EngineProcess) -> None:
    found = served.request("POST", "/v1/files", b"x", headers={"Content-Type": "multipart/form-data"})
    assert found.status == 400


@pytest.mark.slow
def test_a_deleted_file_is_gone(served: EngineProcess) -> None:
    file_id = served.upload(LINES).json["id"]
    assert served.request("DELETE", f"/v1/files/{file_id}").json == {"id": file_id, "object": "file", "deleted": True}
    assert served.request("GET", f"/v1/files/{file_id}").code == "file_not_found"
    assert served.request("DELETE", f"/v1/files/{file_id}").status == 404


@pytest.mark.slow
def test_a_deleted_file_makes_room_unless_another_holds_the_same(served: EngineProcess) -> None:
    content = LINES + b"\n" * 7
    first, second = (served.upload(content).json["id"] for _ in range(2))
    blob = next(path for path in blobs(served) if path.is_file() and path.read_bytes() == content)

    served.request("DELETE", f"/v1/files/{first}")
    assert served.request("GET", f"/v1/files/{second}/content").body == content
    served.request("DELETE", f"/v1/files/{second}")
    assert not blob.exists()
    assert served.request("GET", f"/v1/files/{served.upload(content).json['id']}/content").body == content


@pytest.mark.slow
def test_uploads_and_deletions_of_the_same_content_do_not_meet(served: EngineProcess) -> None:
    def turn(number: int) -> bool:
        file_id = served.upload(LINES + b"\n" * 8, purpose="batch").json["id"]
        whole = served.request("GET", f"/v1/files/{file_id}/content").body == LINES + b"\n" * 8
        return served.request("DELETE", f"/v1/files/{file_id}").status == 200 and whole

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(turn, range(60)))


@pytest.mark.slow
def test_files_are_listed_in_pages(served: EngineProcess) -> None:
    before = [each["id"] for each in served.get("/v1/files?purpose=batch&order=asc")["data"]]
    made = [served.upload(LINES, purpose="batch").json["id"] for _ in range(3)]
    first = served.get("/v1/files?purpose=batch&limit=2")
    assert [each["id"] for each in first["data"]] == made[:0:-1]
    assert (first["has_more"], first["first_id"], first["last_id"]) == (True, made[2], made[1])
    rest = served.get(f"/v1/files?purpose=batch&after={made[1]}")
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == ([made[0], *before[::-1]], False)
    assert [each["id"] for each in served.get("/v1/files?purpose=batch&order=asc")["data"]] == before + made
    assert served.get("/v1/files?purpose=vision") == {"object": "list", "data": [], "first_id": "", "last_id": "",
                                                      "has_more": False}


@pytest.mark.slow
@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=-1", "order=up", "after=file-unknown"])
def test_wrong_pages_are_400(served: EngineProcess, query: str) -> None:
    assert served.request("GET", f"/v1/files?{query}").status == 400
    assert served.get("/v1/files?limit=1000000000000")


def inspected(directory: Path, *lines: object) -> tuple[str, int]:
    path = directory / "file"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return inspect(path, "file")


def test_lines_without_weight_are_left_to_the_job(tmp_path: Path) -> None:
    silent = {"data": {"text_list": ["a"], "loss_weights": [0]}}
    heard = {"data": {"text_list": ["a"], "loss_weights": [1]}}
    assert inspected(tmp_path, silent, heard) == ("text-list", 1)
    assert inspected(tmp_path, silent) == ("text-list", 0)


@pytest.mark.parametrize(("line", "dialect"), [
    ({"prompt": "a", "completion": "b"}, "prompt-completion"), ({"data": "a"}, "data"),
    ({"data": {"text_list": ["a", "b"]}}, "text-list"),
    ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "chat")])
def test_the_dialect_is_told(tmp_path: Path, line: object, dialect: str) -> None:
    assert inspected(tmp_path, line) == (dialect, 1)


@pytest.mark.parametrize(("name", "plain"), [
    ("train.jsonl", "train.jsonl"), ("../../.bashrc", ".bashrc"), ("C:\\a\\b.jsonl", "b.jsonl"), ("a\x00\nb", "ab"),
    ("", "file"), ("dir/", "file")])
def test_file_names_are_shown_never_followed(name: str, plain: str) -> None:
    assert _plain_name(name) == plain


def test_refusals_do_not_quote_the_text(tmp_path: Path) -> None:
    with pytest.raises(ApiError) as caught:
        inspected(tmp_path, {"prompt": "s3cret", "completion": 5})
    assert "s3cret" not in caught.value.message
