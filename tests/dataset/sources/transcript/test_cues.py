"""Captions: times, markup, notes, and blank lines where they mean something and where not."""

from pathlib import Path

import pytest

from pen_backend.dataset.sources.document import documents
from pen_backend.dataset.sources.transcript.cues import Cue, Fault, begins_captions, cues, plain
from pen_backend.prompts.sources import Source


def found(text: str) -> list[Cue | Fault]:
    (document,) = documents(Source(text=text), "a.srt", Path())
    return list(cues(document))


def texts(text: str) -> list[list[str]]:
    return [[one.text for one in cue.spoken] for cue in found(text) if isinstance(cue, Cue)]


def test_srt_and_vtt_times_are_seconds() -> None:
    (one, other) = found("WEBVTT\n\n01:02.500 --> 01:03.000 align:start\na\n\n1:00:00,25 --> 1:00:01\nb\n")
    assert isinstance(one, Cue)
    assert isinstance(other, Cue)
    assert (one.start, one.end, other.start, other.end) == (62.5, 63.0, 3600.25, 3601.0)


def test_numbers_and_identifiers_are_no_text_and_numbers_that_are_said_are() -> None:
    assert texts("1\n00:00:01,000 --> 00:00:02,000\nforty\n2\n00:00:02,000 --> 00:00:03,000\n42\n\n"
                 "3\n00:00:03,000 --> 00:00:04,000\nmore\n") == [["forty"], ["42"], ["more"]]
    assert texts("WEBVTT\n\nintro\n00:01.000 --> 00:02.000\na\n\n7\n00:02.000 --> 00:03.000\nb\n") == [["a"], ["b"]]


def test_a_blank_line_inside_of_an_srt_caption_ends_nothing() -> None:
    assert texts("1\n00:00:01,000 --> 00:00:02,000\na\n\nb\n\n2\n00:00:02,000 --> 00:00:03,000\nc\n\n3\n") == [
        ["a", "b"], ["c"]]


def test_notes_styles_and_the_head_are_skipped() -> None:
    assert texts("WEBVTT - title\nKind: captions\n\nNOTE a\nb --> c\n\nSTYLE\n::cue {}\n\nREGION\nid:1\n\n"
                 "00:01.000 --> 00:02.000\nNOTE said\n") == [["NOTE said"]]


@pytest.mark.parametrize(("text", "expected"), [
    ("<i>a</i> <c.yellow>b</c> <00:00:01.500><c> c</c>", "a b c"), ("{\\an8}top", "top"),
    ("a &amp; b&nbsp;&lt;i&gt;", "a & b <i>"),
    ("<3 and <joke>", "<3 and <joke>"), ("<font color='#fff'>x</font><br/>y", "xy"), ("{a}", "{a}"),
])
def test_markup_goes_and_what_only_resembles_it_stays(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_voices_are_kept_with_their_words() -> None:
    (cue,) = found("WEBVTT\n\n00:01.000 --> 00:02.000\n<v.loud Ann Lee>Hi\nthere</v> hm <v Bob>Yo\n")
    assert isinstance(cue, Cue)
    assert [(one.line, one.voice, one.text) for one in cue.spoken] == [
        (4, "Ann Lee", "Hi"), (5, "Ann Lee", "there"), (5, None, "hm"), (5, "Bob", "Yo")]


def test_a_caption_with_broken_times_is_a_fault_and_hides_no_other() -> None:
    first, second = found("1\n00:0x --> 00:02\nlost\n\n2\n00:00:02,000 --> 00:00:03,000\nb\n")
    assert isinstance(first, Fault)
    assert (first.locator, first.code) == ("line 2", "value")
    assert isinstance(second, Cue)


@pytest.mark.parametrize(("head", "expected"), [
    ("WEBVTT\n", True), ("1\n00:00:01,000 --> 00:00:02,000\na", True), ("00:01.000 --> 00:02.000\na", True),
    ("WEBVTTX", False), ("1\n2\n", False), ("a --> b", False),
])
def test_captions_are_recognised_by_their_beginning(head: str, expected: bool) -> None:
    assert begins_captions(head) == expected
