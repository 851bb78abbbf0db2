"""The JSON of speech recognition: Whisper's kin, WhisperX's speakers, YouTube's json3."""

import json
from pathlib import Path

import pytest

from pen_backend.dataset.sources.document import Document, documents
from pen_backend.dataset.sources.transcript.cues import Cue, Fault
from pen_backend.dataset.sources.transcript.machine import cues, is_transcript
from pen_backend.errors import DataError
from pen_backend.prompts.sources import Source

WHISPER = {"text": " Hi.", "segments": [{"id": 0, "start": 0.0, "end": 1.5, "text": " Hi."}], "language": "en"}
CPP = {"transcription": [{"offsets": {"from": 0, "to": 1500}, "text": " Hi."}]}
JSON3 = {"wireMagic": "pb3", "events": [{"tStartMs": 0, "id": 1}, {
    "tStartMs": 0, "dDurationMs": 1500, "segs": [{"utf8": "H"}, {"utf8": "i."}]},
    {"tStartMs": 1400, "aAppend": 1, "segs": [{"utf8": "\n"}]}]}
LIST = [{"text": "Hi.", "start": 0, "duration": 1.5}]


def found(value: object) -> list[Cue | Fault]:
    (document,) = documents(Source(text=json.dumps(value)), "a.json", Path())
    return list(cues(document))


@pytest.mark.parametrize("value", [WHISPER, CPP, JSON3, LIST])
def test_every_shape_gives_times_and_words(value: object) -> None:
    assert is_transcript(value) or value is JSON3
    (cue,) = found(value)
    assert isinstance(cue, Cue)
    assert (cue.start, cue.end, [one.text for one in cue.spoken]) == (0.0, 1.5, ["Hi."])


def test_a_segment_has_its_speaker_or_is_cut_where_the_speakers_of_its_words_change() -> None:
    one, other = found({"segments": [
        {"start": 0, "end": 1, "text": "a", "speaker": "SPEAKER_00"},
        {"start": 1, "end": 2, "text": "b c d", "words": [
            {"word": "b", "speaker": "SPEAKER_00"}, {"word": "c"}, {"word": "d", "speaker": "SPEAKER_01"}]}]})
    assert isinstance(one, Cue)
    assert isinstance(other, Cue)
    assert [(each.voice, each.text) for each in (*one.spoken, *other.spoken)] == [
        ("SPEAKER_00", "a"), ("SPEAKER_00", "b c"), ("SPEAKER_01", "d")]


@pytest.mark.parametrize(("segment", "code"), [
    (3, "no-field"), ({"start": 0, "end": 1}, "no-field"), ({"text": "a", "start": "x", "end": 1}, "value"),
    ({"text": "a"}, "value"), ({"text": "a", "start": True, "end": 1}, "value"),
])
def test_a_broken_segment_is_a_fault_and_hides_no_other(segment: object, code: str) -> None:
    fault, cue = found({"segments": [segment, {"start": 0, "end": 1, "text": "b"}]})
    assert isinstance(fault, Fault)
    assert (fault.code, fault.locator) == (code, "segment 1")
    assert isinstance(cue, Cue)


@pytest.mark.parametrize("value", [{}, {"segments": 3}, 3, "a", {"text": "a"}])
def test_other_json_is_no_transcript(value: object) -> None:
    assert not is_transcript(value)
    with pytest.raises(DataError, match="no transcript"):
        found(value)


def test_more_than_a_transcript_can_have_is_refused_before_it_is_parsed() -> None:
    content = b"[" * 33_000_000
    with pytest.raises(DataError, match="more than 32 MB") as caught:
        list(cues(Document("a.json", "", len(content), content=content)))
    assert caught.value.findings[0].code == "too-big"


def test_axolotls_segments_are_no_transcript() -> None:
    assert not is_transcript({"segments": [{"label": True, "text": "a"}]})
