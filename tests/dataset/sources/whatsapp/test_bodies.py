"""What a message is: a text, or what WhatsApp wrote in place of something else."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset.sources.whatsapp.bodies import Body, Kind, read
from pen_backend.dataset.sources.whatsapp.strings import load

STRINGS = load()
M = "\u200e"


def body(text: str) -> Body:
    return read(text, STRINGS)


@pytest.mark.parametrize(("text", "media", "file", "caption"), [
    ("<Media omitted>", None, None, ""), ("<Medien ausgeschlossen>", None, None, ""),
    ("<Без медиафайлов>", None, None, ""),
    (f"{M}image omitted", "image", None, ""), (f"{M}Video weggelassen", "video", None, ""),
    (f"{M}画像は含まれていません", "image", None, ""), (f"{M}تم حذف الملصقات", "sticker", None, ""),
    ("null", None, None, ""),
    (f"{M}<attached: 7-PHOTO.jpg>", "attachment", "7-PHOTO.jpg", ""),
    (f"{M}{M}<attached: {M}PTT-1.opus>", "attachment", "PTT-1.opus", ""),
    (f"{M}<Anhang: 7-PHOTO.jpg>", "attachment", "7-PHOTO.jpg", ""),
    (f"{M}<unbekannt: 7-PHOTO.jpg>", "attachment", "7-PHOTO.jpg", ""),
    ("IMG-20260101-WA0001.jpg (file attached)\nlook", "attachment", "IMG-20260101-WA0001.jpg", "look"),
    (f"{M}Ann.vcf (archivo adjunto)", "attachment", "Ann.vcf", ""),
    ("IMG-20260101-WA0001.jpg (in a language nobody knows)", "attachment", "IMG-20260101-WA0001.jpg", ""),
    (f"plan.pdf • {M}3 pages {M}document omitted", "document", "plan.pdf", ""),
    (f"look {M}image omitted", "image", None, "look"), (f"look\nhere {M}<attached: 7-P.jpg>", "attachment", "7-P.jpg",
                                                        "look\nhere"),
    ("<Media omitted>\ntwo\nlines", None, None, "two\nlines"),
])
def test_media_have_a_kind_a_name_and_a_caption(text: str, media: str | None, file: str | None, caption: str) -> None:
    assert body(text) == Body("media", caption, media, file)


@pytest.mark.parametrize(("text", "kind", "kept"), [
    ("This message was deleted", "deleted", ""), (f"{M}You deleted this message.", "deleted", ""),
    ("Diese Nachricht wurde gelöscht.", "deleted", ""), ("此訊息已刪除。", "deleted", ""),
    (f"{M}This message was deleted by admin Ann.", "deleted", ""),
    (f"{M}Contact card omitted", "contact", ""), (f"{M}Kontaktkarte ausgelassen", "contact", ""),
    ("location: https://maps.google.com/?q=1,2", "location", "https://maps.google.com/?q=1,2"),
    (f"{M}Ort: https://maps.google.com/?q=1,2", "location", "https://maps.google.com/?q=1,2"),
    ("Standort: https://example.org/x", "location", "https://example.org/x"), ("live location shared", "location", ""),
    (f"{M}Missed voice call, {M}Tap to call back", "call", "Missed voice call, Tap to call back"),
    ("Verpasster Videoanruf", "call", "Verpasster Videoanruf"), (f"{M}Video call, 3 min", "call", "Video call, 3 min"),
    (f"{M}POLL:\nBest?\n{M}OPTION: a (2 votes)\n{M}OPTION: b (0 votes)", "poll",
     "Best?\nOPTION: a (2 votes)\nOPTION: b (0 votes)"),
    (f"{M}QUARKPOLL:\nWas?\n{M}WAHL: a\n{M}WAHL: b", "poll", "Was?\nWAHL: a\nWAHL: b"),
])
def test_other_placeholders_have_their_kind(text: str, kind: Kind, kept: str) -> None:
    assert body(text) == Body(kind, kept)


@pytest.mark.parametrize("text", [
    "In my text the image omitted nothing", "see notes.txt (new version)", "<3", "say <b>hi</b>", "video call",
    "poll: who comes?", "Poll:\nwho comes?", "null and void", "https://maps.google.com/?q=1,2", "Location: the bar",
    "a <b> c >", "it was deleted", "<html>",
])
def test_what_people_write_is_a_text(text: str) -> None:
    assert body(text) == Body("text", text)


@pytest.mark.parametrize(("text", "kept"), [
    (f"better {M}<This message was edited>", "better"), ("gut <Diese Nachricht wurde bearbeitet.>", "gut"),
    (f"two\nlines {M}<of a language nobody knows>", "two\nlines"),
])
def test_the_note_that_a_message_was_edited_goes(text: str, kept: str) -> None:
    assert body(text) == Body("text", kept, edited=True)


def test_marks_go_and_joiners_stay() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f466"
    assert body(f"{M}hi \u2068{family}\u2069\u202a!\u202c").text == f"hi {family}!"


def test_the_sign_of_the_unsaved_goes_from_a_mention() -> None:
    assert body("hi @\u2068~\u202fBob\u2069 and ~\u202fyou").text == "hi @Bob and ~\u202fyou"


@given(st.text(st.sampled_from(f"a<>:.()•{M} \n@~\u2068\u202f") | st.characters(), max_size=60))
def test_no_text_is_too_odd(text: str) -> None:
    assert not set(body(text).text) & set("\u200e\u200f\u202a\u202e\u2066\u2069")


@pytest.mark.parametrize("piece", [
    "<a:" + " " * 50, "<", M, "a.", "<This message was edited> ", "x: ", f"{M}<", "(", f"\n{M}"], ids=repr)
def test_a_megabyte_of_anything_takes_little_time(piece: str) -> None:
    start = time.process_time()
    body(piece * (1_000_000 // len(piece)))
    assert time.process_time() - start < 2
