"""Turns: one speaker's neighbours are one, names before a colon are speakers where they are names."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.dataset.record import Read, Record, Rejected, place
from pen_backend.dataset.sources.document import Request, documents
from pen_backend.dataset.sources.transcript import read as read_transcript
from pen_backend.errors import DataError
from pen_backend.prompts.sources import Source
from tests.dataset import read
from tests.shared import shared


def turns(text: str, **keys: object) -> list[Read]:
    source = Source.model_validate({"reader": "transcript", "text": text, **keys})
    (document,) = documents(source, "a.srt", Path())
    return list(read_transcript(document, Request(source)))


def srt(*captions: str) -> str:
    return "\n\n".join(f"{number}\n00:00:{number:02},000 --> 00:00:{number:02},900\n{caption}"
                       for number, caption in enumerate(captions, 1))


def said(text: str, **keys: object) -> list[tuple[object, object]]:
    return [(each.fields["speaker"], each.fields["text"]) for each in turns(text, **keys) if isinstance(each, Record)]


def test_the_shared_transcripts_are_read(tmp_path: Path) -> None:
    base = shared("data/formats/EXPECTED.json")
    cases = [case for case in json.loads(base.read_text(encoding="utf-8"))["cases"] if case["reader"] == "transcript"]
    assert cases
    for case in cases:
        path = base.parent / case["file"]
        found = [each.fields for each in read(path.read_bytes(), "transcript", tmp_path, file=path.name)
                 if isinstance(each, Record)]
        if "text" in case:
            assert " ".join(str(fields["text"]) for fields in found) == case["text"]
        else:
            keys = ("speaker", "text", "start", "end")
            assert [{key: fields[key] for key in keys} for fields in found] == case["turns"]


def test_one_speakers_neighbours_are_one_turn_with_the_place_of_the_first() -> None:
    found = turns(srt("ANN: a", "b", "ANN: c", "BOB: d\nANN: e"))
    assert [(each.fields["speaker"], each.fields["text"], each.fields["start"], each.fields["end"], place(each.origin))
            for each in found if isinstance(each, Record)] == [
        ("ANN", "a b c", 1.0, 3.9, "a.srt:3"), ("BOB", "d", 4.0, 4.9, "a.srt:15"), ("ANN", "e", 4.0, 4.9, "a.srt:16")]


def test_turns_without_a_speaker_stay_apart() -> None:
    assert said(srt("a", "b")) == [(None, "a"), (None, "b")]


@pytest.mark.parametrize(("captions", "expected"), [
    (["Ann: a", "Bob Lee: b", "hm"], [("Ann", "a"), ("Bob Lee", "b hm")]),     # most captions have a name
    (["so", "Remember: this", "and", "that"], [(None, text) for text in ("so", "Remember: this", "and", "that")]),
    (["so", "HOST: well", "and", "that"], [(None, "so"), ("HOST", "well and that")]),  # capitals are a name
    (["[SPEAKER_01]: a", "Dr. O'Neil: b"], [("SPEAKER_01", "a"), ("Dr. O'Neil", "b")]),
    ([">> ANN: a", ">> b", "c"], [("ANN", "a"), (None, "b"), (None, "c")]),     # somebody else, unnamed
    (["- ANN: a", "- BOB: b"], [("ANN", "a"), ("BOB", "b")]),
    (["ANN: at 10:30: tea", "see: below"], [("ANN", "at 10:30: tea see: below")]),
])
def test_a_name_before_a_colon_is_the_speaker(captions: list[str], expected: list[tuple[object, object]]) -> None:
    assert said(srt(*captions)) == expected


def test_a_source_may_keep_or_remove_a_speaker() -> None:
    text = srt("ANN: a", "BOB: Ann's b", "CEM: c")
    assert said(text, user="bob") == [("BOB", "Ann's b")]
    assert said(text, remove=["Ann"], **{"include-user": True}) == [("BOB", "BOB: b"), ("CEM", "CEM: c")]
    assert [each.code for each in turns(text, user="bob") if isinstance(each, Rejected)] == ["filtered", "filtered"]
    with pytest.raises(DataError, match=r"Nobody in a\.srt is called 'Dora'"):
        turns(text, user="Dora")


def test_a_file_without_captions_is_an_error() -> None:
    with pytest.raises(DataError, match="holds no captions"):
        turns("just text\n")


PIECES = st.sampled_from([
    "WEBVTT\n", "\n", "\n\n", "00:01.000 --> 00:02.000\n", "00:00:01,000 --> 00:00:02,000", "-->", "1\n", "ANN: ",
    "Ann: ", "<v Ann>", "</v>", "<c> a</c>", "<00:00:01.000>", "&amp;", ">> ", "- ", "NOTE", "word ", "{\\an8}",
    '{"segments": [', '{"text": "a", "start": 0, "end": 1}', "]}", ",",
])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=20).map("".join))
def test_no_captions_raise_anything_but_a_data_error(text: str) -> None:
    try:
        found = turns(text)
    except DataError:
        return
    assert all(isinstance(each, Record | Rejected) for each in found)
