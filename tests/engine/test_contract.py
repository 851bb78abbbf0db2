"""Every answer that tests receive is held against OpenAI's schemas; here is shown that the check would notice."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no type hints
import pytest

from tests.engine.contract import check, check_answers, check_chunk, operations
from tests.engine.harness import EngineProcess
from tests.shared import shared

CHOICE = {"index": 0, "text": "a", "logprobs": None, "finish_reason": "stop"}
COMPLETION = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [CHOICE]}
DELTA = {"index": 0, "delta": {"content": "a"}, "finish_reason": None}
CHUNK = {**COMPLETION, "object": "chat.completion.chunk", "choices": [DELTA]}
ERROR = {"error": {"message": "m", "type": "server_error", "param": None, "code": None}}


@pytest.fixture(autouse=True)
def reference() -> None:
    shared("reference/openai-openapi-core.json")


def answered(body: Any, *, status: int = 200, path: str = "/v1/completions", method: str = "POST") -> None:
    check(method, path, status, "application/json", json.dumps(body).encode())


@pytest.mark.parametrize("body", [
    {**COMPLETION, "choices": [{**CHOICE, "finish_reason": None}]}, {**COMPLETION, "object": "completion"},
    {key: value for key, value in COMPLETION.items() if key != "created"}, {**COMPLETION, "usage": None}])
def test_a_whole_completion_is_held_to_the_letter(body: dict[str, Any]) -> None:
    answered(COMPLETION)
    with pytest.raises(jsonschema.ValidationError):
        answered(body)


@pytest.mark.parametrize(("status", "body"), [(404, {"detail": "Not Found"}), (500, {"error": "text"})])
def test_every_error_has_the_error_body(status: int, body: dict[str, Any]) -> None:
    answered(ERROR, status=status)
    with pytest.raises(jsonschema.ValidationError):
        answered(body, status=status)


def test_the_first_token_of_an_echo_may_have_no_condition() -> None:
    logprobs = {"tokens": ["a"], "token_logprobs": [None], "top_logprobs": [None], "text_offset": [0]}
    answered({**COMPLETION, "choices": [{**CHOICE, "logprobs": logprobs}]})


@pytest.mark.parametrize(("good", "bad"), [
    ({**COMPLETION, "usage": None, "choices": [{**CHOICE, "finish_reason": None}]}, {**COMPLETION, "choices": [DELTA]}),
    (CHUNK, {**CHUNK, "choices": [{**DELTA, "finish_reason": "end"}]}), (ERROR, {"error": "cut"})])
def test_parts_of_a_stream_are_held_to_theirs(good: dict[str, Any], bad: dict[str, Any]) -> None:
    check_chunk(good)
    with pytest.raises((jsonschema.ValidationError, KeyError)):
        check_chunk(bad)


def test_an_answer_nobody_describes_is_noticed() -> None:
    with pytest.raises(AssertionError, match="nothing says what"):
        answered({}, path="/v1/embeddings")


def test_a_file_is_bytes() -> None:
    check("GET", "/v1/files/file-x/content", 200, "application/octet-stream", b"\xff")
    with pytest.raises(AssertionError):
        check("GET", "/v1/files/file-x/content", 200, "application/json", b'"text"')


def test_answers_that_were_written_down_are_all_read(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    line = {"method": "POST", "path": "/v1/completions", "status": 200, "content_type": "application/json"}
    path.write_text(json.dumps({**line, "body": json.dumps(COMPLETION)}) + "\n")
    check_answers(path)
    with path.open("a") as stream:
        stream.write(json.dumps({**line, "body": "{}"}) + "\n")
    with pytest.raises(AssertionError, match="POST /v1/completions"):
        check_answers(path)


def test_every_operation_of_the_reference_is_known() -> None:
    known = {(method, pattern.pattern) for method, pattern, _ in operations()}
    assert len(known) == 18


@pytest.mark.slow
def test_an_engine_of_tests_writes_down_what_it_answers(served: EngineProcess) -> None:
    served.get("/v1/files")
    served.get("/v1/models")
    told = map(json.loads, (served.state / "answers.jsonl").read_text().splitlines())
    last = [each for each in told if each["path"] in ("/v1/files", "/v1/models")][-1]
    assert (last["method"], last["path"], last["status"]) == ("GET", "/v1/models", 200)
    assert json.loads(last["body"])["object"] == "list"
