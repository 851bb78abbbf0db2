"""Writing examples: every format round-trips, and none loses anything that it was not allowed to lose."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.errors import DataError
from pen_backend.records import Example, Format, Lossy, Origin, Segment, make_example, parse_line, to_line

ORIGIN = Origin("a.jsonl", "", "line 4")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WEIGHT = st.sampled_from([0.0, 0.3, 0.7, 1.0, 3.0])


def example(*segments: Segment, rejected: list[Segment] | None = None,
            tools: list[dict[str, object]] | None = None) -> Example:
    return make_example(segments, origin=ORIGIN, rejected=rejected, tools=tools)


def written(one: Example, form: Format, lossy: Lossy = "error") -> object:
    value: object = json.loads(to_line(one, form, lossy=lossy))
    return value


PLAIN = example(Segment("p", 0.3), Segment("c", 0.7))
CHAT = example(Segment("u", 0.0, "user"), Segment("a", 1.0, "assistant"))
DPO = example(Segment("u", 0.0, "user"), Segment("a", 1.0, "assistant"), rejected=[Segment("b", 1.0, "assistant")])


@pytest.mark.parametrize(("one", "form", "why"), [
    (PLAIN, "prompt-completion", "loss weights"), (PLAIN, "data", "2 segments"), (PLAIN, "text", "2 segments"),
    (PLAIN, "chat", "no roles"), (PLAIN, "preference", "no rejected answer"),
    (example(Segment("a"), Segment("b"), Segment("c")), "prompt-completion", "3 segments"),
    (CHAT, "text-list", "it is a chat"), (CHAT, "prompt-completion", "it is a chat"),
    (CHAT, "preference", "no rejected answer"), (DPO, "chat", "rejected answer"), (DPO, "text-list", "it is a chat"),
    (example(Segment("u", 0.0, "user"), Segment("a")), "chat", "not all of its segments have roles"),
    (example(Segment("a"), tools=[{}]), "text-list", "it has tools"),
    (example(Segment("a", 0.0), Segment("b"), rejected=[Segment("c")]), "text-list", "rejected answer"),
    (example(Segment("a", 0.5), Segment("b"), rejected=[Segment("c")]), "preference", "more than one"),
])
def test_a_loss_is_refused_and_names_the_example(one: Example, form: Format, why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        to_line(one, form)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("lossy", "a.jsonl:4")
    assert finding.hint


def test_weights_become_whole_where_that_is_allowed() -> None:
    assert written(PLAIN, "chat", "zero-one") == {
        "messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "c"}]}
    assert written(PLAIN, "prompt-completion", "zero-one") == {"prompt": "p", "completion": "c"}
    fractional = example(Segment("u", 0.2, "user"), Segment("a", 1.0, "assistant"), Segment("b", 2.0, "assistant"),
                         Segment("c", 0.9, "assistant"))
    assert written(fractional, "chat", "zero-one") == {
        "messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"},
                     {"role": "assistant", "content": "b"}, {"role": "assistant", "content": "c", "weight": 0.0}]}


@pytest.mark.parametrize(("one", "form"), [(CHAT, "text-list"), (DPO, "chat"), (PLAIN, "data"), (PLAIN, "preference")])
def test_nothing_but_weights_may_ever_be_lost(one: Example, form: Format) -> None:
    with pytest.raises(DataError):
        to_line(one, form, lossy="zero-one")


ROLE = st.sampled_from([None, "system", "user", "assistant"])


@given(st.lists(st.tuples(TEXT, WEIGHT, ROLE), min_size=1, max_size=4),
       st.none() | TEXT, st.sampled_from(["text-list", "prompt-completion", "data", "text", "chat", "preference"]))
def test_what_is_written_is_read_back_the_same(pieces: list[tuple[str, float, str | None]], other: str | None,
                                               form: Format) -> None:
    segments = [Segment(text, weight, role) for text, weight, role in pieces]
    rejected = None if other is None else [Segment(other, 1.0, segments[-1].role)]
    try:
        line = to_line(make_example(segments, origin=ORIGIN, rejected=rejected), form)
        back = parse_line(line, source="a", line=1)[1]
    except DataError:
        return
    least = max(segment.weight for segment in segments)  # weights are relative to each other
    if form in ("data", "text", "prompt-completion") or (form == "preference" and segments[0].role is None):
        segments = [Segment(one.text, one.weight / least, one.role) for one in segments]
    assert back.segments == tuple(segments)
    assert [one.text for one in back.rejected or ()] == [one.text for one in rejected or ()]
