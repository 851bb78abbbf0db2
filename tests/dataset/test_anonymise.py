"""Anonymised sets: nothing that a build writes holds a name, a number or an address, and the key is kept apart."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pen_backend.dataset.build import Build, build
from pen_backend.errors import PenError, PromptError, RefusedError
from pen_backend.prompts.sources import Source
from tests.dataset import ROWS, Bytes, definition, files, rows

NAMES = ("Ada", "Lovelace", "Bob", "Carl", "Dora")
ENTRIES = [
    {"author": "Ada Lovelace", "question": "Did you call Bob on 0171 2345678?", "answer": "Bob says hello"},
    {"author": "Bob", "question": "Ask ADA LOVELACE's aunt", "answer": "she is at ada@example.org, says Carl"},
    {"author": "Bob", "question": "And where did Carl leave it", "answer": ""},
    {"author": "Ada Lovelace", "question": "Is that Bob's hat on the chair by the door", "answer": "no, the other one"},
]
STEP = "steps: [normalise, {anonymise: {names: [Carl, Dora], key: private/key.json}}]"


def made(where: Path, training: str = f"{{{STEP}}}", entries: Sequence[Mapping[str, object]] = ENTRIES,
         prompt: str = ROWS, name: str = "chat", **keys: object) -> Build:
    content = "\n".join(json.dumps(one) for one in entries)
    return build(definition(where / "project", prompt, training), out=where / "out", encoder=Bytes(),
                 sources=[Source.model_validate({"text": content, "id": name, "reader": "jsonl", **keys})])


def texts(done: Build) -> str:
    return "\n".join(segment.text for side in ("train", "valid") for row in rows(done.directory, side)
                     for segment in row.segments)


def test_authors_and_listed_people_become_pseudonyms_by_first_appearance(tmp_path: Path) -> None:
    done = made(tmp_path)
    assert "Did you call Person 2 on [phone]?" in texts(done)
    assert "Ask Person 1's aunt" in texts(done)
    assert "at [email], says Person 3" in texts(done)
    assert json.loads((tmp_path / "project" / "private" / "key.json").read_text()) == {
        "Person 1": "Ada Lovelace", "Person 2": "Bob", "Person 3": "Carl", "Person 4": "Dora"}


def test_no_file_of_a_build_holds_a_name_a_number_or_an_address(tmp_path: Path) -> None:
    bad: list[Mapping[str, object]] = [*ENTRIES, ENTRIES[0], {"wrong": "Carl"}]
    bad.append({"author": "Bob", "question": 7, "answer": ["Ada"]})
    training = f"{{{STEP[:-1]}, {{filter: {{chars: [20, 90]}}}}, dedupe], on-bad: skip}}"
    done = made(tmp_path, training, bad)
    assert {"rejected.jsonl", "unlabelled.jsonl", "report.txt", "manifest.json"} <= files(done.directory).keys()
    for name, content in files(done.directory).items():
        for secret in (*NAMES, "2345678", "ada@example", "key.json"):
            assert secret.casefold() not in content.decode().casefold(), (name, secret)
    for line in (done.directory / "rejected.jsonl").read_text().splitlines():
        assert json.loads(line).keys() == {"origin", "code", "message"}


def test_a_set_that_is_not_published_leaves_no_text_either(tmp_path: Path) -> None:
    with pytest.raises(PenError, match="cannot be used"):
        made(tmp_path, entries=[*ENTRIES, {"wrong": "Carl"}])
    (kept,) = (tmp_path / "out").iterdir()
    assert "Carl" not in kept.read_text()


def test_pseudonyms_stay_when_a_chat_grows(tmp_path: Path) -> None:
    first = made(tmp_path)
    again = made(tmp_path)
    assert again.id == first.id, "the key that a build has written does not make it another one"
    grown = [{"author": "Zoe", "question": "Am I first now, Bob, or am I not", "answer": "you are"}, *ENTRIES]
    assert "Am I first now, Person 2, or" in texts(made(tmp_path, entries=grown))
    key = json.loads((tmp_path / "project" / "private" / "key.json").read_text())
    assert (key["Person 1"], key["Person 5"]) == ("Ada Lovelace", "Zoe")


def test_another_key_is_another_build(tmp_path: Path) -> None:
    first = made(tmp_path)
    (tmp_path / "project" / "private" / "key.json").write_text('{"Person 9": "Bob"}')
    second = made(tmp_path)
    assert second.id != first.id
    assert "call Person 9 on" in texts(second)


def test_without_a_key_there_is_no_way_back(tmp_path: Path) -> None:
    done = made(tmp_path, "{steps: [anonymise]}")
    assert "call Person 2 on" in texts(done)
    assert [path.name for path in (tmp_path / "project").iterdir()] == ["definition.yaml"]


def test_people_may_be_masked_or_kept(tmp_path: Path) -> None:
    assert "call [person] on" in texts(made(tmp_path / "a", "{steps: [{anonymise: {people: mask}}]}"))
    assert "call Bob on [phone]" in texts(made(tmp_path / "b", "{steps: [{anonymise: {people: keep}}]}"))


@pytest.mark.parametrize(("key", "says"), [
    ("../out/key.json", "outside"), ("/etc/pen-key.json", "outside"), ("~/key.json", "outside")])
def test_the_key_stays_in_the_project(key: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=says):
        made(tmp_path, f"{{steps: [{{anonymise: {{key: {key}}}}}]}}")
    assert not (tmp_path / "out").exists()


def test_the_key_is_never_beside_the_texts(tmp_path: Path) -> None:
    one = definition(tmp_path, ROWS, "{steps: [{anonymise: {key: build/key.json}}]}")
    with pytest.raises(RefusedError, match="beside the texts"):
        build(one, sources=[Source(text="{}", id="a")], out=tmp_path / "build", encoder=Bytes())


def test_the_report_counts_what_was_replaced_and_says_what_is_not_found(tmp_path: Path) -> None:
    entries = [*ENTRIES, {"author": "Bob", "question": "Did you see Zacharias in the garden", "answer": "not me"}]
    done = made(tmp_path, entries=entries)
    report = json.loads((done.directory / "report.json").read_text())["anonymised"]
    assert report["replaced"] == {"people": 6, "phones": 1, "emails": 1, "urls": 0, "numbers": 0}
    assert report["capitalised"] == ["Zacharias"]
    page = (done.directory / "report.txt").read_text()
    assert "Zacharias" in page
    assert "nicknames" in page
    assert done.manifest["anonymised"] is True
    (note,) = [str(one) for one in done.report.findings if one.code == "anonymised"]
    assert note.startswith("replaced: 6 people, 1 phone, 1 email, 0 urls, 0 numbers. Not found: ")
    assert " person; 1 capitalised word" in note
    assert not any("Zacharias" in str(finding) for finding in done.report.findings), "findings travel into logs"


def test_a_file_that_is_named_after_a_person_is_warned_of(tmp_path: Path) -> None:
    done = made(tmp_path, name="chat with Bob.txt")
    assert [one.level for one in done.report.findings if one.code == "anonymised"] == ["note", "warning"]


def test_chats_keep_no_name_in_any_part(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "ring", "arguments": '{"who": "Bob"}'}}
    chat = {"messages": [{"role": "user", "name": "Ada Lovelace", "content": "Ring Bob, and then tell me all of it"},
                         {"role": "assistant", "content": None, "tool_calls": [call]},
                         {"role": "tool", "tool_call_id": "1", "content": "Bob at 0171 2345678"},
                         {"role": "assistant", "content": "Done, Ada Lovelace"}],
            "tools": [{"type": "function", "function": {"name": "ring", "description": "to ring Bob"}}]}
    training = "{steps: [{anonymise: {names: [Bob]}}], split: {valid: 0}}"
    done = made(tmp_path, training, entries=[chat])
    line = json.loads((done.directory / "train.jsonl").read_text())
    assert line["messages"][0]["name"] == "Person_1"
    assert line["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"who": "Person 2"}'
    assert not any(secret in json.dumps(line) for secret in (*NAMES, "2345678"))


def test_a_number_that_is_no_text_is_a_phone_number_too(tmp_path: Path) -> None:
    entries = [{"author": "Bob", "question": f"number {index} of the list, which is it", "answer": 55512345670 + index}
               for index in range(4)]
    content = texts(made(tmp_path, "{steps: [{anonymise: {numbers: [{regex: '\\d{11}', as: '[id]'}]}}]}", entries))
    assert "55512345" not in content


def test_two_steps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="two anonymise steps"):
        made(tmp_path, "{steps: [anonymise, anonymise]}")


CHAT = """\
27/07/2012, 21:01 - Bruce Wayne: is it raining where you are, Selina Kyle
27/07/2012, 21:02 - Selina Kyle: it is, and the cellar of Bruce Wayne is full of water
27/07/2012, 21:03 - Al: call me at +44 20 7946 0018
27/07/2012, 21:04 - Selina Kyle: al should bring a bucket, and BRUCE WAYNE'S boat
"""
MESSAGE = """\
pen: 1
title: Message
prompt: "A message at <time>:"
completion: <message>
vars: [time: {}, message: {type: text}]
format: {prompt-end: "\\n", completion-end: "\\nEND"}
"""


def test_who_is_left_out_of_a_chat_is_still_known_by_name(tmp_path: Path) -> None:
    one = definition(tmp_path / "project", MESSAGE, "{steps: [{anonymise: {key: key.json}}], split: {valid: 0}}")
    source = Source.model_validate({"text": CHAT, "id": "chat", "reader": "whatsapp", "user": "Selina Kyle",
                                    "fields": {"time": "timestamp", "message": "text"}})
    done = build(one, sources=[source], out=tmp_path / "out", encoder=Bytes())
    assert [row.segments[1].text for row in rows(done.directory, "train")] == [
        "it is, and the cellar of Person 1 is full of water\nEND",
        "Person 3 should bring a bucket, and Person 1'S boat\nEND"]
    manifest = (done.directory / "manifest.json").read_text()
    assert "Selina" not in manifest
    assert '"user": "Person 2"' in manifest


def test_replies_are_chosen_by_the_name_and_written_under_the_pseudonym(tmp_path: Path) -> None:
    prompt = MESSAGE.replace("A message at <time>:", "<history>\\n<who>:").replace(
        "time: {}", "history: {type: list}, who: {}").replace("<message>", "<reply>").replace("message:", "reply:")
    training = ("{steps: [anonymise], split: {valid: 0}, "
                "example: {build: turns, reply-by: Selina Kyle, context: 2, gap: 6h, merge-within: 10s}}")
    source = Source.model_validate({"text": CHAT, "id": "chat", "reader": "whatsapp",
                                    "fields": {"history": "context", "who": "author"}})
    done = build(definition(tmp_path, prompt, training), sources=[source], out=tmp_path / "out", encoder=Bytes())
    texts_of = [segment.text for row in rows(done.directory, "train") for segment in row.segments]
    assert texts_of[0] == "Person 1: is it raining where you are, Person 2\nPerson 2:\n"
    assert "Person 3: call me at [phone]" in texts_of[2]
    assert not any(name in text for name in ("Selina", "Bruce", "Wayne") for text in texts_of)


def test_who_sent_nothing_but_pictures_is_an_author_too(tmp_path: Path) -> None:
    chat = ("[13/01/2024, 10:16:00] Bob: \u200eimage omitted\n[13/01/2024, 10:17:00] Ada: did you see the picture of "
            "@Bob there\n[13/01/2024, 10:18:00] Ada: and what did Bob say about it then\n")
    source = Source.model_validate({"text": chat, "id": "chat", "reader": "whatsapp", "fields": {"question": "text",
                                                                                              "answer": "text"}})
    done = build(definition(tmp_path / "project", ROWS, "{steps: [anonymise]}"), sources=[source],
                 out=tmp_path / "out", encoder=Bytes())
    assert "what did Person 1 say" in texts(done)
    assert not any("Bob" in content.decode() for content in files(done.directory).values())
