"""Every answer a test receives is checked against OpenAI's schema, where that file is on this machine."""

import functools
import json
import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no type hints

from tests.shared import SHARED

CLIENT_GONE = 499
SCHEMA = SHARED / "reference" / "openai-openapi-core.json"


@functools.cache
def operations() -> list[tuple[str, "re.Pattern[str]", dict[str, Any]]]:
    """List method, path and responses of every operation; nothing where the file is missing."""
    if not SCHEMA.exists():
        return []
    document = json.loads(SCHEMA.read_text())
    found = []
    for path, methods in document["paths"].items():
        pattern = re.compile("/v1" + re.sub(r"\{model\}", ".+", re.sub(r"\{(?!model\})\w+\}", "[^/]+", path)) + r"\Z")
        found += [(method.upper(), pattern, operation["responses"]) for method, operation in methods.items()
                  if "responses" in operation]
    return found


@functools.cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    """Make the validator of one schema."""
    document = json.loads(SCHEMA.read_text())
    return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}",
                                            "components": document["components"]})


def check(method: str, path: str, status: int, content_type: str, body: bytes) -> None:
    """Fail if an answer is not what OpenAI's schema says; the exceptions are those of openai-api.md section 1."""
    if not operations():
        return
    if status >= 400:
        validator("ErrorResponse").validate(json.loads(body))
        return
    if path.endswith("/content"):
        assert content_type == "application/octet-stream", content_type
        return
    if content_type.startswith("text/event-stream"):
        check_stream(body)
        return
    for known, pattern, responses in operations():
        if known == method and pattern.match(path):
            reference = responses["200"]["content"]["application/json"]["schema"]["$ref"]
            validator(reference.rpartition("/")[2]).validate(json.loads(body))
            return
    if path.startswith("/v1/engines/"):  # the classic address of completions
        validator("CreateCompletionResponse").validate(json.loads(body))
    else:
        assert path.startswith("/pen/"), f"{method} {path} answers {status}, but nothing says what"


def check_answers(path: Path) -> None:
    """Check every answer an engine has written down; one that fails says which request it was."""
    if not path.exists() or not operations():
        return
    with path.open() as lines:
        for line in lines:
            found = json.loads(line)
            if found["status"] == CLIENT_GONE:  # nobody received it
                continue
            try:
                check(found["method"], found["path"], found["status"], found["content_type"], found["body"].encode())
            except (jsonschema.ValidationError, AssertionError) as error:
                raise AssertionError(f"{found['method']} {found['path']} answered {line[:500]}: {error}") from error


def check_stream(body: bytes) -> None:
    """Fail if the events of a stream are not a completion's or a chat's; one that was cut has a part of the last."""
    *events, _ = body.decode().split("\n\n")
    for event in events:
        if not event.startswith(":") and event != "data: [DONE]":
            assert event.startswith("data: "), event
            check_chunk(json.loads(event.removeprefix("data: ")))


def check_chunk(chunk: dict[str, Any]) -> None:
    """Fail if a chunk of a stream is no part of a completion or a chat.

    A completion's schema knows no parts: a choice that goes on has no finish_reason, and there is no usage yet.
    """
    if not operations():
        return
    if "error" in chunk:
        validator("ErrorResponse").validate(chunk)
        return
    if chunk["object"] == "chat.completion.chunk":
        validator("CreateChatCompletionStreamResponse").validate(chunk)
        return
    whole = {**chunk, "choices": [{**choice, "finish_reason": choice["finish_reason"] or "stop"}
                                  for choice in chunk["choices"]]}
    whole = {key: value for key, value in whole.items() if key != "usage" or value is not None}
    validator("CreateCompletionResponse").validate(whole)
