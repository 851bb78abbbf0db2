"""Replies of a chat: what is one turn, what stands before it, and where a new conversation begins."""

import json
import zipfile
from pathlib import Path

import pytest

from pen_backend.dataset.build import build
from pen_backend.dataset.record import Read, Record, Rejected
from pen_backend.dataset.turns import Turns, replies
from pen_backend.errors import DataError, Finding
from pen_backend.prompts.sources import Source
from pen_backend.prompts.training import ExampleSpec
from pen_backend.records import Origin
from tests.dataset import Bytes, definition, files

REPLY = """\
pen: 1
title: Reply like one of us
prompt: "<history>\\n<user>:"
completion: <reply>
vars: [{history: {type: list, join: "\\n", from: preceding, example: ["Ada: lunch?", "Bob: when?"]}},
  {user: {default: Ada, example: Ada}}, {reply: {type: text, example: at noon}}]
format: {completion-start: " ", completion-end: "\\n"}
training:
  sources: [{reader: whatsapp, path: chat.zip, fields: {history: context, user: author}}]
  steps: [{normalise: {newlines: space}}]
  example: {build: turns, reply-by: Ada, context: 6, gap: 6h, loss-weights: [0, 1]}
"""
HOST = """\
pen: 1
title: Podcast host
prompt: <question>
completion: <answer>
vars: [{question: {type: text, from: region, example: "So what went wrong?"}},
  {answer: {type: text, example: I asked too late.}}]
format: {prompt-end: " The host responds:", completion-start: " ", completion-end: "\\n"}
training:
  sources: [{reader: transcript, path: "episodes/*.vtt", include-user: false,
    fields: {question: context, answer: reply}}]
  steps: [{normalise: {newlines: space}}, {dedupe: {exact: casefold}}]
  example: {build: turns, reply-by: HOST, context: 1, max-tokens: 2000, min-tokens: {question: 60, answer: 20},
    loss-weights: [0, 1]}
  budget: {amount: 10, model: davinci, epochs: 4}
"""
CHAT = """\
13/05/26, 10:00 - Ada: lunch?
13/05/26, 10:01 - Bob: when?
13/05/26, 10:02 - Ada: at noon
13/05/26, 10:03 - Ada: or one
13/05/26, 10:20 - Ada: Bob?
13/05/26, 19:00 - Bob: sorry, asleep
13/05/26, 19:01 - Ada: never mind
13/05/26, 19:02 - Cem joined using this group's invite link
"""


def message(time: str, author: str | None, text: str, **more: object) -> Record:
    fields = {"timestamp": f"2026-05-13T{time}:00", "author": author, "text": text, **more}
    return Record(fields, Origin("chat.txt", "", f"line {time.replace(':', '')}"))


def made(*reads: Read, lists: tuple[str, ...] = ("history",), source: Source | None = None,
         reply_by: str | None = None, context: int = 6) -> list[Read]:
    spec = ExampleSpec.model_validate({"build": "turns", "reply-by": reply_by, "context": context})
    source = source or Source(text="", fields={"history": ("context",)})
    return list(replies(reads, Turns.of(spec, lists), source))


def shown(found: list[Read]) -> list[tuple[object, object, object]]:
    return [(each.fields["author"], each.fields["reply"], each.fields["context"]) for each in found
            if isinstance(each, Record)]


def test_messages_of_one_author_within_two_minutes_are_one_turn() -> None:
    found = made(message("10:00", "Ann", "a"), message("10:02", "Ann", "b"), message("10:05", "Ann", "c"))
    assert [reply for _, reply, _ in shown(found)] == ["a\nb", "c"]


def test_a_reply_has_the_turns_before_it_as_context() -> None:
    found = made(message("10:00", "Ann", "a"), message("10:01", "Ben", "b"), message("10:02", "Cem", "c"),
                 message("10:03", "Ann", "d"), reply_by="ann", context=2)
    assert shown(found) == [("Ann", "a", []), ("Ann", "d", ["Ben: b", "Cem: c"])]


def test_no_context_crosses_a_long_silence() -> None:
    found = made(message("01:00", "Ann", "a"), message("09:00", "Ben", "b"), message("09:01", "Ann", "c"))
    assert [context for _, _, context in shown(found)] == [[], [], ["Ben: b"]]
    assert [each.fields["session"] for each in found if isinstance(each, Record)] == [
        "chat.txt 1", "chat.txt 2", "chat.txt 2"]


def test_a_message_from_before_a_long_silence_begins_a_new_conversation_too() -> None:
    found = made(message("22:00", "Ann", "a"), message("02:00", "Ben", "b"))
    assert [context for _, _, context in shown(found)] == [[], []]


def test_a_text_variable_gets_the_context_as_lines_and_include_user_can_be_turned_off() -> None:
    source = Source.model_validate({"text": "", "reader": "whatsapp", "include-user": False,
                                    "fields": {"question": "context"}})
    found = made(message("10:00", "Ann", "a"), message("10:01", "Ben", "b"), message("10:02", "Cem", "c"),
                 lists=(), source=source)
    assert [context for _, _, context in shown(found)] == ["", "a", "a\nb"]


def test_the_user_of_the_source_names_the_replies_too() -> None:
    source = Source(text="", reader="whatsapp", user="Ben")
    found = made(message("10:00", "Ann", "a"), message("10:01", "Ben", "b"), source=source)
    assert [author for author, _, _ in shown(found)] == ["Ben"]


def test_turns_without_a_known_author_stay_apart() -> None:
    found = made(message("10:00", None, "a"), message("10:00", None, "b"))
    assert shown(found) == [(None, "a", []), (None, "b", ["a"])]


def test_lines_that_say_nothing_are_rejected_with_a_reason() -> None:
    found = made(message("10:00", None, "Ann joined", kind="system"), message("10:00", "Ann", "", kind="media"),
                 message("10:01", "Ann", "a", kind="text"))
    assert [each.code for each in found if isinstance(each, Rejected)] == ["filtered", "empty"]
    assert len(shown(found)) == 1


def test_the_last_finding_counts_messages_and_turns() -> None:
    (*_, note) = made(message("10:00", "Ann", "a"), message("10:00", "Ann", "b"), message("10:01", "Ben", "c"))
    assert isinstance(note, Finding)
    assert note.message == "3 messages in 2 turns, 2 of them replies"


def test_somebody_who_never_speaks_is_an_error_that_names_who_is_near() -> None:
    with pytest.raises(DataError, match=r"Nobody in chat.txt is called 'An'.*Did you mean 'Ann'\?"):
        made(message("10:00", "Ann", "a"), reply_by="An")


@pytest.mark.parametrize(("people", "says"), [
    (["Ann", "Ben"], "2 people speak in it; name one of them."), (["Ann"], "1 person speaks in it; name that one."),
    ([], "Nobody speaks in it; name another file."),
])
def test_who_is_near_to_nobody_is_told_what_to_do(people: list[str], says: str) -> None:
    lines = [message("10:00", name, "a") for name in people] or [message("10:00", None, "x")]
    with pytest.raises(DataError) as caught:
        made(*lines, reply_by="Zebedee")
    assert caught.value.hint == says


def test_among_several_files_one_without_the_speaker_is_a_warning() -> None:
    found = made(message("10:00", "Ann", "a"), source=Source(path="*.txt"), reply_by="Ben")
    assert [each.level for each in found if isinstance(each, Finding)] == ["warning"]


def test_one_voice_of_a_chat_becomes_rows_with_the_history_before_it(tmp_path: Path) -> None:
    where = tmp_path / "definition"
    one = definition(where, REPLY)
    with zipfile.ZipFile(where / "chat.zip", "w") as archive:
        archive.writestr("WhatsApp Chat with Bob.txt", CHAT)
        archive.writestr("IMG-20260513-WA0001.jpg", b"\xff\xd8")
    done = build(one, out=tmp_path / "out", encoder=Bytes(), overrides={"valid_share": 0})
    rows = [json.loads(line)["data"] for line in (done.directory / "train.jsonl").read_text().splitlines()]
    assert [row["text_list"] for row in rows] == [
        ["Ada: lunch?\nBob: when?\nAda:", " at noon or one\n"],
        ["Ada: lunch?\nBob: when?\nAda: at noon or one\nAda:", " Bob?\n"],
        ["Bob: sorry, asleep\nAda:", " never mind\n"]]
    assert rows[0]["loss_weights"] == [0, 1]
    (source,) = done.report.sources
    assert source.rejected == {"empty": 1, "filtered": 1}


def test_the_host_of_a_podcast_answers_what_was_said_before(tmp_path: Path) -> None:
    where = tmp_path / "definition"
    one = definition(where, HOST)
    (where / "episodes").mkdir()
    for number in range(2):
        question = f"What would you say to somebody who has tried all of that {number + 3} times already and is tired?"
        answer = f"I would say, listen, the {number + 5}th time is another one."
        (where / "episodes" / f"{number}.vtt").write_text(
            f"WEBVTT\n\n00:01.000 --> 00:04.000\n<v GUEST>{question}\n\n00:05.000 --> 00:06.000\n<v HOST>{answer}\n\n"
            "00:07.000 --> 00:08.000\n<v GUEST>Hm.\n\n00:09.000 --> 00:10.000\n<v HOST>And that is all we have.\n")
    done = build(one, out=tmp_path / "out", encoder=Bytes(), overrides={"valid_share": 0})
    rows = [json.loads(line)["data"]["text_list"] for line in (done.directory / "train.jsonl").read_text().splitlines()]
    assert rows == [
        ["What would you say to somebody who has tried all of that 3 times already and is tired? The host responds:",
         " I would say, listen, the 5th time is another one.\n"],
        ["What would you say to somebody who has tried all of that 4 times already and is tired? The host responds:",
         " I would say, listen, the 6th time is another one.\n"]]
    assert done.report.rejected == {"too-short": 1}


def test_nobodys_name_is_left_in_anonymised_replies(tmp_path: Path) -> None:
    where = tmp_path / "definition"
    training = REPLY.replace("steps: [", "steps: [{anonymise: {people: pseudonym}}, ").replace("chat.zip", "chat.txt")
    one = definition(where, training)
    (where / "chat.txt").write_text(CHAT + "13/05/26, 19:03 - Bob: thanks Ada\n13/05/26, 19:04 - Ada: welcome, bob\n")
    done = build(one, out=tmp_path / "out", encoder=Bytes(), overrides={"valid_share": 0})
    written = b"".join(files(done.directory).values()).decode()
    assert "Bob" not in written.replace('"reply-by"', "")
    rows = [json.loads(line)["data"]["text_list"] for line in (done.directory / "train.jsonl").read_text().splitlines()]
    assert rows[-1] == ["Person 2: sorry, asleep\nPerson 1: never mind\nPerson 2: thanks Person 1\nPerson 1:",
                        " welcome, Person 2\n"]


def test_conversations_can_be_kept_on_one_side(tmp_path: Path) -> None:
    where = tmp_path / "definition"
    training = REPLY.replace("build: turns,", "build: turns, group-by: session,").replace("chat.zip", "chat.txt")
    one = definition(where, training + "  split: {valid: 0.4, by: [group]}\n")
    lines = [f"{day:02}/05/26, 10:{minute:02} - {'Ada' if minute % 6 else 'Bob'}: day {day} at {minute}"
             for day in range(13, 29) for minute in range(0, 30, 3)]
    (where / "chat.txt").write_text("\n".join(lines))
    done = build(one, out=tmp_path / "out", encoder=Bytes())
    days = {side: {text.split()[1] for line in (done.directory / f"{side}.jsonl").read_text().splitlines()
                   for text in json.loads(line)["data"]["text_list"][1:]} for side in ("train", "valid")}
    assert days["train"]
    assert days["valid"]
    assert days["train"].isdisjoint(days["valid"])
