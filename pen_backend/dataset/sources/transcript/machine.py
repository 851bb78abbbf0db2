"""The JSON that speech recognition writes: Whisper and its kin, WhisperX with speakers, YouTube's json3."""

import math
from collections.abc import Iterator

from pen_backend.dataset.sources.document import Document
from pen_backend.dataset.sources.transcript.cues import Cue, Fault, Spoken, plain
from pen_backend.errors import DataError, Finding

_LIMIT = 32_000_000  # bytes: such a file is one JSON value, and ten hours of speech are half of it


def is_transcript(value: object) -> bool:
    """Say whether a JSON value has the shape of a transcript."""
    if isinstance(value, dict):
        return any(isinstance(value.get(key), list) and _is_segment(value[key], key)
                   for key in ("segments", "events", "transcription"))
    return isinstance(value, list) and _is_segment(value, "segments")


def cues(document: Document) -> Iterator[Cue | Fault]:
    """Yield what is said, segment by segment; DataError for JSON that is no transcript."""
    if _is_longer(document, _LIMIT):
        raise _unusable(document, f"{document.name} has more than {_LIMIT // 1_000_000} MB", "too-big")
    value = document.json()
    if isinstance(value, dict) and isinstance(value.get("events"), list):
        yield from _events(value["events"])
        return
    segments = value if isinstance(value, list) else _first_list(value, ("segments", "transcription"))
    if segments is None:
        raise _unusable(document, f"{document.name} is no transcript: it has no list of segments")
    yield from _segments(segments)


def _is_longer(document: Document, limit: int) -> bool:
    """Say whether a document has more than LIMIT bytes once it is unpacked."""
    with document.open() as stream:
        size = 0
        while size <= limit and (data := stream.read(1 << 20)):
            size += len(data)
    return size > limit


def _segments(segments: list[object]) -> Iterator[Cue | Fault]:
    for number, segment in enumerate(segments, 1):
        text = segment.get("text") if isinstance(segment, dict) else None
        if not isinstance(segment, dict) or not isinstance(text, str):
            yield Fault(f"segment {number}", "no-field", "the segment has no text")
            continue
        start, end = _times(segment)
        if start is None or end is None:
            yield Fault(f"segment {number}", "value", "the segment has no times in seconds")
            continue
        spoken = _by_word(segment) or [Spoken(None, _name(segment.get("speaker")), plain(text))]
        if any(one.text for one in spoken):
            yield Cue(start, end, spoken)


def _times(segment: dict[str, object]) -> tuple[float | None, float | None]:
    """Read start and end in seconds; whisper.cpp writes milliseconds, others a duration."""
    offsets = segment.get("offsets")
    if isinstance(offsets, dict):
        return _number(offsets.get("from"), 1000), _number(offsets.get("to"), 1000)
    start, end = _number(segment.get("start")), _number(segment.get("end"))
    duration = _number(segment.get("duration"))
    return start, start + duration if end is None and start is not None and duration is not None else end


def _by_word(segment: dict[str, object]) -> list[Spoken]:
    """Cut a segment without a speaker where the speakers of its words change (WhisperX)."""
    words = segment.get("words")
    if segment.get("speaker") is not None or not isinstance(words, list):
        return []
    pieces: list[tuple[str | None, list[str]]] = []
    for word in words:
        if not isinstance(word, dict) or not isinstance(word.get("word"), str):
            return []
        speaker = _name(word.get("speaker"))
        if speaker is not None and (not pieces or pieces[-1][0] != speaker):
            pieces.append((speaker, []))
        elif not pieces:
            return []
        pieces[-1][1].append(word["word"].strip())
    return [Spoken(None, speaker, plain(" ".join(words))) for speaker, words in pieces]


def _events(events: list[object]) -> Iterator[Cue | Fault]:
    """Read YouTube's json3: an event is a line, its pieces are words."""
    for number, event in enumerate(events, 1):
        pieces = event.get("segs") if isinstance(event, dict) else None
        if not isinstance(event, dict) or not isinstance(pieces, list):
            continue  # the window that the captions are shown in
        text = plain("".join(str(piece.get("utf8", "")) for piece in pieces if isinstance(piece, dict)))
        start, duration = _number(event.get("tStartMs"), 1000), _number(event.get("dDurationMs", 0), 1000)
        if start is None or duration is None:
            yield Fault(f"event {number}", "value", "the event has no times")
        elif text:
            yield Cue(start, start + duration, [Spoken(None, None, text)])


def _is_segment(segments: list[object], key: str) -> bool:
    first = segments[0] if segments else None
    if not isinstance(first, dict):
        return False
    if key == "events":
        return "tStartMs" in first
    return isinstance(first.get("text"), str) and ("start" in first or "offsets" in first)


def _first_list(value: object, keys: tuple[str, ...]) -> list[object] | None:
    if isinstance(value, dict):
        for key in keys:
            if isinstance(found := value.get(key), list):
                return found
    return None


def _name(value: object) -> str | None:
    return plain(value) or None if isinstance(value, str) else None


def _number(value: object, parts: int = 1) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return round(value / parts, 3)


def _unusable(document: Document, message: str, code: str = "unknown-format") -> DataError:
    return DataError(f"{message}.", where=document.name, findings=[Finding(code, message, where=document.name)])
