"""What a message is: a text, or what WhatsApp wrote in place of a picture, a deleted message, a place, a call."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from pen_backend.dataset.sources.whatsapp.strings import MEDIA, Strings, unmarked

Kind = Literal["text", "system", "media", "deleted", "poll", "call", "location", "contact"]

MARK = "\u200e"  # stands before what WhatsApp itself wrote, on iOS and in newer versions on Android
_MENTION = re.compile("@([\u200e\u2066-\u2069]*)~[ \u00a0\u202f]")
_ATTACHED = re.compile(r"<\s*(?P<word>[^<>:\n]{1,40}?)\s?:\s*(?P<file>[^<>\n]+?)\s*>")
_NAMED = re.compile(r"(?P<file>[^\n]+\.\w{1,5})\s\((?P<words>[^()\n]{2,60})\)$")
_OWN_NAME = re.compile(r"(IMG|VID|AUD|PTT|STK|DOC|GIF)-\d{8}-WA\d+\.\w+$")
_MAP = re.compile(r"(?P<word>[^\W\d_][^:\n]{0,30}?)\s?[:：]\s*(?P<url>https?://(?:maps\.google\.\w+|maps\.app\.goo\.gl"
                  r"|www\.google\.\w+/maps|maps\.apple\.com|(?:\w+\.)?foursquare\.com)\S*)$")
_URL = re.compile(r"https?://\S+")
_LONGEST = 400  # signs of a line that may stand for something else
_CALL_END = re.compile(r"[,.(،。]")


@dataclass(slots=True)  # not frozen, which would double what one costs: every message has one
class Body:
    """A message's text and what it is; MEDIA and FILE only where something was attached or left out."""

    kind: Kind
    text: str
    media: str | None = None
    file: str | None = None
    edited: bool = False


def cleaned(text: str) -> str:
    """Take marks and the sign for people one has not saved out of a text."""
    if text.isascii():
        return text
    return unmarked(_MENTION.sub(r"@\1", text))


def read(text: str, strings: Strings) -> Body:
    """Read what follows an author: all lines of it, marks included."""
    before = _before_edited(text, strings)
    if before is not None:
        text = before
    plain = cleaned(text)
    body = _placeholder(text, plain, strings) or Body("text", plain)
    return body if before is None else replace(body, edited=True)


def _before_edited(text: str, strings: Strings) -> str | None:
    """Cut off the note that a message was edited; None if there is none. In an unknown language its mark shows it."""
    whole = text.rstrip()
    at = whole.rfind("<", -_LONGEST) if whole.endswith(">") else -1
    before, note = whole[:at].rstrip(" "), whole[at:]
    if at <= 0 or not before.strip(MARK):
        return None
    marked = before.endswith(MARK) and ":" not in note and strings.meaning(note) is None
    return before.rstrip(MARK + " ") if marked or strings.has("edited", note) else None


def _placeholder(text: str, plain: str, strings: Strings) -> Body | None:
    """Recognise what is no text, or text beside an attachment."""
    marked = text.lstrip().startswith(MARK)
    first, _, rest = plain.partition("\n")
    line = first.strip()
    if not line:
        return None
    if plain.strip() == "null":
        return Body("media", "")
    if (found := _media(line, marked, strings)) is not None:
        return replace(found, text=rest.strip("\n"))
    if not rest.strip() and (found := _other(line, marked, strings)) is not None:
        return found
    return ((_place(plain, strings) if "://" in plain else None)
            or (_poll(text, plain, marked, strings) if ":" in line else None)
            or (_behind_caption(text, strings) if MARK in text else None))


def _media(line: str, marked: bool, strings: Strings) -> Body | None:
    """Read a line that stands for a picture, a film, a file."""
    if (kind := strings.meaning(line)) in MEDIA:
        return Body("media", "", None if kind == "media" else kind)
    if len(line) > _LONGEST:
        return None
    found = _ATTACHED.fullmatch(line) if line.startswith("<") else None
    if found and (marked or "." in found["file"] or strings.has("attached", found["word"])):
        return Body("media", "", "attachment", found["file"])
    found = _NAMED.fullmatch(line) if line.endswith(")") else None
    if found and (strings.has("attached", found["words"]) or _OWN_NAME.match(found["file"])):
        return Body("media", "", "attachment", found["file"])
    if (marked or " • " in line) and strings.document(line):
        return Body("media", "", "document", line.partition(" • ")[0].strip())
    return None


def _other(line: str, marked: bool, strings: Strings) -> Body | None:
    """Read a line that stands for a deleted message, a visiting card, a shared place or a call."""
    meaning = strings.meaning(line)
    if meaning in ("deleted", "contact"):
        return Body("deleted" if meaning == "deleted" else "contact", "")
    if meaning == "live-location":
        return Body("location", "")
    if meaning is None and (end := _CALL_END.search(line)):  # "Missed voice call, Tap to call back"
        meaning = strings.meaning(line[:end.start()])
    return Body("call", line) if meaning == "missed" or (meaning == "call" and marked) else None


def _behind_caption(text: str, strings: Strings) -> Body | None:
    """Read an attachment that stands, marked, behind its caption."""
    if (at := text.rfind("<")) <= 0 or text[at - 1] != MARK:
        at = text.rfind(MARK) + 1
    caption, line = cleaned(text[:at]).strip(), cleaned(text[at:]).strip()
    if not caption or not line or "\n" in line:
        return None
    found = _media(line, True, strings)
    return None if found is None else replace(found, text=caption)


def _place(plain: str, strings: Strings) -> Body | None:
    whole = plain.strip()
    if found := _MAP.match(whole):
        return Body("location", found["url"])
    word, colon, rest = whole.partition(":")
    if colon and strings.has("location", word) and (url := _URL.search(rest)):
        return Body("location", url[0])
    return None


def _poll(text: str, plain: str, marked: bool, strings: Strings) -> Body | None:
    """Read a question and its options; in an unknown language by the marks before the options."""
    first, _, rest = plain.partition("\n")
    word, colon, question = first.strip().partition(":")
    if not colon or not (rest.strip() or question.strip()) or word != word.upper():
        return None
    options = text.count(f"\n{MARK}")
    if (word.strip() in strings.table["poll"] and (marked or options or rest.strip())) or (marked and options > 1):
        return Body("poll", "\n".join(part for part in (question.strip(), rest) if part).rstrip())
    return None
