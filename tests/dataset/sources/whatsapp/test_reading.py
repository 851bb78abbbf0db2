"""Whole exports: the cases of the shared data, people, what belongs to which message, zip files."""

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.dataset.record import Read, Record, Rejected, place
from pen_backend.dataset.sources.document import Request, documents
from pen_backend.dataset.sources.whatsapp import begins_chat
from pen_backend.dataset.sources.whatsapp import read as read_chat
from pen_backend.dataset.sources.whatsapp.strings import load
from pen_backend.errors import DataError, Finding
from pen_backend.prompts.sources import Source
from tests.dataset import read
from tests.shared import shared

M = "\u200e"
STRINGS = load(Path("absent.yaml"))


def chat(text: str, **keys: object) -> list[Read]:
    source = Source.model_validate({"reader": "whatsapp", "text": text, **keys})
    (document,) = documents(source, "chat.txt", Path())
    return list(read_chat(document, Request(source), strings=STRINGS))


def records(text: str, **keys: object) -> list[Record]:
    return [each for each in chat(text, **keys) if isinstance(each, Record)]


def said(text: str, **keys: object) -> list[tuple[object, object]]:
    return [(each.fields["author"], each.fields["text"]) for each in records(text, **keys)]


def warned(found: list[Read]) -> list[str]:
    return [each.code for each in found if isinstance(each, Finding) and each.level == "warning"]


def as_expected(case: dict[str, object], found: list[Read]) -> None:
    messages = case["messages"]
    assert isinstance(messages, list)
    mine = [each.fields for each in found if isinstance(each, Record)]
    assert not [each for each in found if isinstance(each, Rejected)]
    assert len(mine) == len(messages)
    for fields, message in zip(mine, messages, strict=True):
        for key, value in message.items():
            got = fields.get(key)
            assert value == "any" or (got.rstrip() if isinstance(got, str) else got) == (
                value.rstrip() if isinstance(value, str) else value), (key, value, got)
        assert bool(fields.get("edited")) == bool(message.get("edited"))
    if case["warning"] != "any":
        assert warned(found) == ([case["warning"]] if case["warning"] else [])


def test_the_public_unit_cases_are_read() -> None:
    cases = json.loads(shared("data/whatsapp/unit_cases.json").read_text(encoding="utf-8"))["cases"]
    for case in cases:
        as_expected(case, chat(case["text"]))


def test_the_whole_files_are_read(tmp_path: Path) -> None:
    base = shared("data/whatsapp/EXPECTED.json")
    for case in json.loads(base.read_text(encoding="utf-8"))["cases"]:
        path = base.parent / case["file"]
        if path.stat().st_size:
            as_expected(case, read(path.read_bytes(), "whatsapp", tmp_path))


def test_every_message_has_its_line(tmp_path: Path) -> None:
    found = read(b"13/5/26, 10:00 - Ann: a\n\nb\n13/5/26, 10:01 - Ben: c\n", "whatsapp", tmp_path)
    assert [(place(each.origin), each.fields["text"]) for each in found if isinstance(each, Record)] == [
        ("file:1", "a\n\nb"), ("file:4", "c")]


def test_an_undecided_order_of_day_and_month_is_a_warning_and_the_source_can_decide() -> None:
    text = "1/2/26, 10:00 - Ann: a\n"
    assert warned(chat(text)) == ["date-order"]
    found = chat(text, **{"date-order": "mdy"})
    assert warned(found) == []
    assert isinstance(found[0], Record)
    assert found[0].fields["timestamp"] == "2026-01-02T10:00:00"


def test_a_pasted_header_of_another_form_belongs_to_the_message_above() -> None:
    text = ("13/5/26, 10:00 - Ann: look\n[13/05/26, 10:00:00] Ben: pasted\n5/13/26, 10:00 AM - Ben: pasted\n"
            "2016-04-29 10:30:00\n13/5/26, 10:01 - Ben: c\n")
    assert said(text) == [("Ann", "look\n[13/05/26, 10:00:00] Ben: pasted\n5/13/26, 10:00 AM - Ben: pasted\n"
                                  "2016-04-29 10:30:00"), ("Ben", "c")]
    assert [each.code for each in chat(text) if isinstance(each, Finding)] == ["other-form"]


def test_a_date_that_does_not_exist_is_rejected_with_what_belongs_to_it() -> None:
    found = chat("13/5/26, 10:00 - Ann: a\n45/5/26, 10:00 - Ben: b\nc\n14/5/26, 10:00 - Ann: d\n")
    (rejected,) = [each for each in found if isinstance(each, Rejected)]
    assert (rejected.code, rejected.origin.locator) == ("date-impossible", "line 2")
    assert rejected.is_bad
    assert len(found) == 3


def test_names_may_hold_a_colon() -> None:
    text = ("13/5/26, 10:00 - Dr: Who: hello\n13/5/26, 10:01 - Ann: hi\n13/5/26, 10:02 - Dr: Who: bye: now\n"
            "13/5/26, 10:03 - Ann: note: x\n13/5/26, 10:04 - Ann: note: y\n")
    assert said(text) == [("Dr: Who", "hello"), ("Ann", "hi"), ("Dr: Who", "bye: now"), ("Ann", "note: x"),
                          ("Ann", "note: y")]


def test_a_name_with_a_colon_is_known_from_a_picture_a_mention_or_the_source() -> None:
    assert said("13/5/26, 10:00 - Dr: Who: <Media omitted>\n") == [("Dr: Who", "")]
    once = "13/5/26, 10:00 - Dr: Who: hello\n"
    assert said(once) == [("Dr", "Who: hello")]
    assert said(once, user="dr: who") == [("Dr: Who", "hello")]
    assert said(f"{once}13/5/26, 10:02 - Dr: Who was added\n") == [("Dr: Who", "hello"), (None, "Dr: Who was added")]
    both = "13/5/26, 10:00 - Ann: work: <Media omitted>\n13/5/26, 10:01 - Ann: work: b\n13/5/26, 10:01 - Ann: c\n"
    assert said(both) == [("Ann: work", ""), ("Ann: work", "b"), ("Ann", "c")]
    assert said(f"{once}13/5/26, 10:01 - Ann: @\u2068Dr: Who\u2069 hi\n")[0] == ("Dr: Who", "hello")


@pytest.mark.parametrize("line", [
    'Ann created group "Puns: the best"', 'Ann changed the subject from "a: b" to "c: d"',
    "Ann hat den Betreff „a: b“ geändert",
    "Ann cambió el asunto a «a: b»", "You changed the group description: x", "Ann was added", "\u200eAnn left",
    "Messages are end-to-end encrypted: always",
])
def test_a_line_without_an_author_may_hold_a_colon(line: str) -> None:
    (record, *_) = records(f"13/5/26, 10:00 - {line}\n13/5/26, 10:01 - Ann: hi\n")
    assert (record.fields["author"], record.fields["kind"]) == (None, "system")
    assert record.fields["text"] == line.lstrip(M)


def test_names_with_quotation_marks_dots_digits_and_emoji_are_names() -> None:
    names = ['Dwayne "Rock" J', "+64 21 555 0100", "J. R. 2nd", "\U0001f913", "Zoë 💥", "A-B"]
    text = "".join(f"13/5/26, 10:00 - {name}: hi\n" for name in names)
    assert said(text) == [(name, "hi") for name in names]


def test_the_sign_of_the_unsaved_is_no_part_of_a_name() -> None:
    assert said("[13/05/26, 10:00:00] ~\u202fBob: hi\n") == [("Bob", "hi")]


def test_a_group_speaks_under_its_name_on_ios_and_a_person_stays_one() -> None:
    group = (f"[13/05/26, 10:00:00] Club: {M}Some new words about safety.\n[13/05/26, 10:01:00] Ann: hi\n"
             f"[13/05/26, 10:02:00] Club: {M}Ann did something new\n")
    assert said(group) == [(None, "Some new words about safety."), ("Ann", "hi"), (None, "Ann did something new")]
    two = (f"[13/05/26, 10:00:00] Ann: {M}Some new words about safety.\n[13/05/26, 10:01:00] Ann: hi\n"
           f"[13/05/26, 10:02:00] Ann: {M}image omitted\n[13/05/26, 10:03:00] Ben: yes\n")
    assert said(two) == [(None, "Some new words about safety."), ("Ann", "hi"), ("Ann", ""), ("Ben", "yes")]


def test_user_keeps_a_person_and_remove_takes_one_out_everywhere() -> None:
    text = ("13/5/26, 10:00 - Ann: Hi @Bob Lee, how is Bob Lee's car?\n13/5/26, 10:01 - Bob Lee: fine\n"
            "13/5/26, 10:02 - Cem: and bob lee\n")
    assert said(text, user="ann", remove=["Bob Lee"], **{"include-user": True}) == [("Ann", "Ann: Hi, how is car?")]
    assert said(text, remove=["bob lee"]) == [("Ann", "Hi, how is car?"), ("Cem", "and")]
    left_out = [each for each in chat(text, user="ann") if isinstance(each, Rejected)]
    assert [(each.code, each.raw) for each in left_out] == [("filtered", None)] * 2


def test_kinds_can_be_dropped() -> None:
    text = "13/5/26, 10:00 - Ann: <Media omitted>\n13/5/26, 10:00 - Ann left\n13/5/26, 10:01 - Ann: hi\n"
    assert said(text, drop=["system", "media"]) == [("Ann", "hi")]


def test_a_user_who_does_not_write_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(DataError, match=r"Nobody in chat.txt is called 'An'. Did you mean 'Ann'\?"):
        chat("13/5/26, 10:00 - Ann: hi\n", user="An")


def test_lines_before_the_first_message_are_one_fault() -> None:
    found = chat("junk\nmore\n13/5/26, 10:00 - Ann: hi\n")
    assert [(each.code, each.origin.locator) for each in found if isinstance(each, Rejected)] == [
        ("not-whatsapp", "line 1")]


def test_a_file_without_a_header_is_no_chat() -> None:
    with pytest.raises(DataError, match="none of its 2 lines begins with a date") as caught:
        chat("hello\nworld\n")
    assert caught.value.findings[0].code == "not-whatsapp"


def test_a_message_without_end_is_rejected_and_hides_no_other() -> None:
    text = "13/5/26, 10:00 - Ann: a\n" + "x" * 999 + "\n"
    found = chat(text + ("x" * 999 + "\n") * 1_000 + "13/5/26, 10:01 - Ben: b\n")
    assert [each.code if isinstance(each, Rejected) else "kept" for each in found] == ["line-too-long", "kept"]


@pytest.mark.parametrize(("names", "chosen"), [
    (["_chat.txt", "00000001-PHOTO.jpg", "notes.txt"], "_chat.txt"),
    (["WhatsApp Chat with Ann.txt", "IMG-20260101-WA0001.jpg", "notes.txt"], "WhatsApp Chat with Ann.txt"),
    (["WhatsApp-Chat mit Änne.txt"], "WhatsApp-Chat mit Änne.txt"), (["Ann.txt", "a.jpg"], "Ann.txt"),
    (["folder/_chat.txt"], "folder/_chat.txt"), (["__MACOSX/._chat.txt", "_chat.txt"], "_chat.txt"),
])
def test_a_zip_file_is_read_by_its_one_chat(names: list[str], chosen: str, tmp_path: Path) -> None:
    path = tmp_path / "chat.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, f"13/5/26, 10:00 - Ann: {name}\n" if name == chosen else "x")
    (record,) = read(path.read_bytes(), "auto", tmp_path, file="chat.zip")
    assert isinstance(record, Record)
    assert record.fields["text"] == chosen


CHAT = "13/5/26, 10:00 - Ann: hi\n"


def zipped(where: Path, members: dict[str, str]) -> list[Read]:
    path = where / "chat.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return read(path.read_bytes(), "whatsapp", where, file="chat.zip")


@pytest.mark.parametrize("names", [
    ["WhatsApp Chat with Ann.txt", "WhatsApp Chat with Ben.txt"], ["ann/_chat.txt", "ben/_chat.txt"],
    ["a.txt", "b.txt"],
])
def test_two_chats_in_one_zip_file_are_both_named_and_neither_is_taken(names: list[str], tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        zipped(tmp_path, dict.fromkeys(names, CHAT))
    assert caught.value.message == f"chat.zip holds 2 chats: '{names[0]}' and '{names[1]}'."
    assert "name one of them" in str(caught.value.hint)


def test_a_text_that_is_no_chat_does_not_make_two_of_one(tmp_path: Path) -> None:
    (record,) = zipped(tmp_path, {"WhatsApp tips.txt": "1. Be kind", "WhatsApp Chat with Ann.txt": CHAT})
    assert isinstance(record, Record)
    assert record.fields["author"] == "Ann"


def test_a_chat_that_was_sent_as_a_document_is_told_of(tmp_path: Path) -> None:
    warning, record = zipped(tmp_path, {"_chat.txt": CHAT, "00000002-WhatsApp Chat with Ben.txt": CHAT})
    assert isinstance(warning, Finding)
    assert isinstance(record, Record)
    assert (warning.level, warning.where) == ("warning", "chat.zip")
    assert warning.message == ("'_chat.txt' is read; chat.zip holds another chat, '00000002-WhatsApp Chat with "
                               "Ben.txt', which is not")


def test_a_zip_file_without_a_chat_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jpg", b"x")
    with pytest.raises(DataError, match=r"holds no chat .* among its 1 files"):
        read(path.read_bytes(), "whatsapp", tmp_path, file="b.zip")


@pytest.mark.parametrize(("head", "expected"), [
    ("[13/06/18, 21:25:15] Ann: hi", True), ("\n13/06/18, 21:25 - Ann: hi", True), ("[1, 2, 3]", False),
    ("2024-06-13 10:00:00: INFO: started", False), ("hello\n13/06/18, 21:25 - Ann: hi", False), ("", False),
])
def test_a_chat_is_recognised_by_its_first_line(head: str, expected: bool) -> None:
    assert begins_chat(head) == expected


PIECES = st.sampled_from([
    "13/5/26, 10:00 - ", "[13/05/26, 10:00:00] ", "1/2/26, 1:00 PM - ", "99/99/26, 9:99 - ", "Ann: ", "Ann: Lee: ", M,
    "\n", "\r\n", "hi", "<Media omitted>", f"{M}image omitted", 'created group "', ": ", "~\u202f", "POLL:\n", "\u2068",
    "@", "null",
])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=20).map("".join))
def test_every_header_is_a_message_or_a_fault(text: str) -> None:
    try:
        found = chat(text, drop=[])
    except DataError:
        return
    lines = [int(each.origin.locator.removeprefix("line ")) for each in found if not isinstance(each, Finding)]
    assert lines == sorted(set(lines))
    assert lines
