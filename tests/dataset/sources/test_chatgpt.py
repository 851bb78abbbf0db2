"""ChatGPT's export: the branch that was shown last, without what was hidden."""

import json
import zipfile
from pathlib import Path

import pytest

from pen_backend.dataset.record import Read, Record, Rejected
from pen_backend.dataset.sources import reader
from pen_backend.dataset.sources.document import Request, documents
from pen_backend.errors import DataError
from pen_backend.prompts.sources import Source
from pen_backend.records import Example
from tests.dataset import read
from tests.shared import shared


def node(name: str, parent: str | None, role: str, *parts: object, kind: str = "text",
         **more: object) -> dict[str, object]:
    return {name: {"id": name, "parent": parent, "children": [], "message": {
        "author": {"role": role}, "content": {"content_type": kind, "parts": list(parts)}, "create_time": 1700000000.5,
        "metadata": {}, **more}}}


def conversation(*nodes: dict[str, object], leaf: str, **more: object) -> dict[str, object]:
    mapping: dict[str, object] = {"root": {"id": "root", "parent": None, "message": None}}
    for each in nodes:
        mapping.update(each)
    return {"title": "Puns", "conversation_id": "c1", "create_time": 1700000000, "current_node": leaf,
            "mapping": mapping, **more}


USUAL = conversation(
    node("s", "root", "system", "hidden", metadata={"is_visually_hidden_from_conversation": True}),
    node("u", "s", "user", "Tell a pun"), node("old", "u", "assistant", "abandoned"),
    node("code", "u", "assistant", "print()", recipient="python"), node("tool", "code", "tool", "1"),
    node("thought", "tool", "assistant", "hm", kind="thoughts"),
    node("a", "thought", "assistant", "Lettuce", "romaine"),
    node("u2", "a", "user", {"content_type": "image"}, "And this?", kind="multimodal_text"),
    node("a2", "u2", "assistant", "Yes"), leaf="a2")


def found(*conversations: object, replies: bool = False, **keys: object) -> list[Read]:
    source = Source.model_validate({"reader": "chatgpt", "text": json.dumps(conversations), **keys})
    (document,) = documents(source, "conversations.json", Path())
    return list(reader("chatgpt", document)[1](document, Request(source, conversation=replies)))


def test_the_shared_conversations_are_read(tmp_path: Path) -> None:
    base = shared("data/formats/EXPECTED.json")
    (case,) = [case for case in json.loads(base.read_text(encoding="utf-8"))["cases"] if case["reader"] == "chatgpt"]
    content = (base.parent / case["file"]).read_bytes()
    found = read(content, "auto", tmp_path, file="conversations.json")
    examples = [each for each in found if isinstance(each, Example)]
    assert [{"title": each.meta["title"], "id": each.meta["id"],
             "messages": [[one.role, one.text] for one in each.segments]} for each in examples] == case["conversations"]


def test_the_branch_shown_last_is_a_chat_whose_answers_are_learned() -> None:
    (example,) = found(USUAL)
    assert isinstance(example, Example)
    assert [(one.role, one.text, one.weight) for one in example.segments] == [
        ("user", "Tell a pun", 0), ("assistant", "Lettuce\nromaine", 1), ("user", "And this?", 0),
        ("assistant", "Yes", 1)]
    assert example.meta == {"id": "c1", "title": "Puns", "timestamp": "2023-11-14T22:13:20"}


def test_a_build_of_turns_gets_the_messages_and_fields_a_record() -> None:
    messages = [each for each in found(USUAL, replies=True) if isinstance(each, Record)]
    assert [(each.fields["author"], each.fields["text"]) for each in messages][:2] == [
        ("user", "Tell a pun"), ("assistant", "Lettuce\nromaine")]
    assert messages[0].fields["timestamp"] == "2023-11-14T22:13:20"
    (record,) = found(USUAL, fields={"question": "user"})
    assert isinstance(record, Record)
    assert record.fields["user"] == ["Tell a pun", "And this?"]


@pytest.mark.parametrize(("broken", "code"), [
    (3, "no-field"), ({}, "no-field"), (conversation(leaf="root"), "empty"), (conversation(leaf="absent"), "no-field"),
    (conversation(node("u", "root", "user", "a"), leaf="u"), "no-assistant"),
    (conversation(node("u", "v", "user", "a"), node("v", "u", "user", "b"), leaf="u"), "no-field"),
])
def test_a_broken_conversation_is_rejected_and_hides_no_other(broken: object, code: str) -> None:
    rejected, example = found(broken, USUAL)
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.pointer) == (code, "/0")
    assert isinstance(example, Example)


def test_a_long_conversation_is_no_long_line() -> None:
    long = node("u", "root", "user", "x" * 2_000_000)
    (example,) = found(conversation(long, node("a", "u", "assistant", "y"), leaf="a"))
    assert isinstance(example, Example)


def test_an_export_may_stay_packed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("user.json", "{}")
        archive.writestr("conversations.json", json.dumps([USUAL]))
    (example,) = read((tmp_path / "export.zip").read_bytes(), "auto", tmp_path, file="export.zip")
    assert isinstance(example, Example)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("user.json", "{}")
    with pytest.raises(DataError, match=r"holds no conversations\.json"):
        read((tmp_path / "other.zip").read_bytes(), "chatgpt", tmp_path, file="other.zip")
