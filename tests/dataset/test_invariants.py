"""The promises of every build (datasets.md, section 7), on every fixture and on whatever hypothesis invents."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.dataset import written
from pen_backend.dataset.build import Build, build
from pen_backend.dataset.near import Shingles, pairs
from pen_backend.errors import PenError
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.sources import Source
from pen_backend.records import Example
from tests.dataset import CONTINUATION, ROWS, Bytes, accounted, definition, files, puns, rows
from tests.shared import shared

SHARED = ("formats/files", "whatsapp/files")
TEXT = """\
pen: 1
title: Any text
prompt: "Write a text:"
completion: <text>
vars: [text: {type: text}]
format: {prompt-end: "\\n", completion-end: "\\nEND"}
"""


def shared_files() -> Iterator[str]:
    """Name every file of the shared formats and chats, as far as they are there."""
    root = Path(__file__).resolve().parents[3] / "shared" / "data"
    for folder in SHARED:
        yield from sorted(f"data/{folder}/{path.name}" for path in (root / folder).glob("*") if path.is_file())


def published(one: Definition, sources: tuple[Source, ...], out: Path, *, all_or_nothing: bool = True) -> Build | None:
    """Build a set; None if that is refused, which a person must be able to act on."""
    try:
        return build(one, sources=sources, out=out, encoder=Bytes())
    except PenError as error:
        refused = error
    assert refused.hint or refused.findings
    assert len(str(refused)) < 2000
    assert not (all_or_nothing and out.exists())
    return None


def keeps_its_promises(done: Build, sources: tuple[Source, ...], where: Path, prompt: str, training: str) -> None:
    """Check a build's books, its sides and its bytes."""
    accounted(done)
    both = {side: rows(done.directory, side) for side in ("train", "valid")}
    assert {row.id for row in both["train"]}.isdisjoint(row.id for row in both["valid"])
    assert (done.report.overlaps.get("equal", 0), done.report.overlaps.get("near", 0)) == (0, 0)
    if prompt is not CONTINUATION or sources[0].reader == "jokes":  # else there may be finished rows among the lists
        trained, held_out = (_units(done, side, prompt) for side in ("train", "valid"))
        texts, border = [*trained, *held_out], len(trained)
        assert not [(one, two) for one, two in pairs(Shingles(texts), 0.5) if one < border <= two]
    report = orjson.loads((done.directory / "report.json").read_bytes())
    assert sum(sum(counts.values()) for counts in report["steps"].values()) == sum(
        sum(source["rejected"].values()) for source in report["sources"])
    again = build(definition(where / "again", prompt, training), sources=sources, out=where / "other", encoder=Bytes())
    assert files(again.directory) == files(done.directory)


def _units(done: Build, side: str, prompt: str) -> list[str]:
    one = definition(done.directory.parent / "definition", prompt)
    values = written.values_of(one, lists=prompt is CONTINUATION)
    return [learned for texts in written.rows([done.directory / f"{side}.jsonl"]) for _, learned in values(texts)]


@pytest.mark.parametrize("build_name", ["row", "continuation"])
@pytest.mark.parametrize("name", list(shared_files()) or ["data/formats/files"])
def test_every_fixture_keeps_the_promises(name: str, build_name: str, tmp_path: Path) -> None:
    path = shared(name)
    prompt = CONTINUATION if build_name == "continuation" else TEXT
    training = f"{{on-bad: skip, split: {{valid: 0.3}}, example: {{build: {build_name}, boundary: keep}}}}"
    sources = (Source(path=str(path)),)
    done = published(definition(tmp_path / "one", prompt, training), sources, tmp_path / "out")
    if done is not None:
        keeps_its_promises(done, sources, tmp_path, prompt, training)


WORDS = st.sampled_from(["why", "did", "the", "old", "robot", "nap", "?", "END", "\n", "Q:", "\u00e9t\u00e9", ""])
LONGER = st.lists(WORDS | st.sampled_from([f"word{number}" for number in range(40)]), min_size=3, max_size=14)
TEXTS = LONGER.map(" ".join)
VALUES = st.lists(WORDS, max_size=3).map(" ".join) | st.none() | st.integers() | st.lists(WORDS, max_size=3)
GOOD = st.fixed_dictionaries({"question": TEXTS, "answer": TEXTS}, optional={"kind": st.sampled_from("abc")})
ODD = st.fixed_dictionaries({}, optional={"question": VALUES, "answer": VALUES, "text": VALUES})
RECORDS = st.lists(st.one_of(GOOD, GOOD, GOOD, ODD), min_size=4, max_size=30)
STEPS = st.lists(st.sampled_from(["normalise", "{dedupe: {near: 0.7}}", "{dedupe: {exact: bytes, keep: {max: kind}}}",
                                  "{filter: {chars: [3, 60]}}", "{sample: {share: 0.8}}", "{relabel: {old: the}}",
                                  "{normalise: {newlines: space}}", "{anonymise: {names: [robot]}}"]), max_size=3,
                 unique=True).map(lambda steps: f"[{', '.join(steps)}]")
EXAMPLES = st.sampled_from(["{}", "{max-tokens: 40, overlong: truncate}", "{max-tokens: 40}", "{boundary: repair}",
                            "{min-tokens: {answer: 4}}"])
SPLITS = st.sampled_from(["{valid: 0.3}", "{valid: 0.3, by: [group, near]}", "{valid: {share: 0.5, most: 3}}",
                          "{valid: 0.3, stratify: label}", "{valid: 0}"])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS, steps=STEPS, example=EXAMPLES, split=SPLITS, seed=st.integers(0, 3))
def test_whatever_the_records_and_steps_are(records: list[Mapping[str, object]], steps: str, example: str, split: str,
                                            seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    where = tmp_path_factory.mktemp("any")
    training = f"{{on-bad: skip, seed: {seed}, steps: {steps}, example: {example}, split: {split}}}"
    sources = (Source(text="\n".join(map(json.dumps, records)), id="region", reader="jsonl"),)
    done = published(definition(where / "one", ROWS, training), sources, where / "out")
    if done is not None:
        keeps_its_promises(done, sources, where, ROWS, training)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=4, max_size=40), seed=st.integers(0, 3),
       group=st.sampled_from(["", "group-by: {opening: 1}, "]), by=st.sampled_from(["[near]", "[group, near]"]))
def test_whatever_the_items_of_lists_are(texts: list[str], seed: int, group: str, by: str,
                                         tmp_path_factory: pytest.TempPathFactory) -> None:
    where = tmp_path_factory.mktemp("lists")
    training = (f"{{on-bad: skip, seed: {seed}, example: {{build: continuation, {group}count: [2, 4]}}, "
                f"split: {{valid: 0.3, by: {by}}}}}")
    sources = (Source(text=json.dumps([{"body": text} for text in texts]), id="region", reader="jokes"),)
    done = published(definition(where / "one", CONTINUATION, training), sources, where / "out")
    if done is not None:
        keeps_its_promises(done, sources, where, CONTINUATION, training)


@pytest.mark.parametrize("by", ["group", "near"])
def test_a_group_is_on_one_side(by: str, tmp_path: Path) -> None:
    records = [{"question": text, "answer": f"answer {number}", "kind": f"group {number % 7}"}
               for number, text in enumerate(puns(70))]
    content = "\n".join(map(json.dumps, records))
    done = build(definition(tmp_path, ROWS, f"{{split: {{valid: 0.4, by: [{by}]}}, example: {{group-by: kind}}}}"),
                 sources=[Source(text=content, id="region", reader="jsonl")], out=tmp_path / "out", encoder=Bytes())
    kinds = {record["question"]: record["kind"] for record in records}

    def on(side: str) -> set[str]:
        return {kinds[_question(row)] for row in rows(done.directory, side)}

    assert on("valid")
    assert on("train").isdisjoint(on("valid")) == (by == "group")


def _question(row: Example) -> str:
    return row.segments[0].text.removeprefix("Q: ").removesuffix("\nA:")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=st.integers(10, 60), new=st.integers(0, 120), most=st.integers(2, 12))
def test_growth_moves_rows_from_held_out_to_training_alone(old: int, new: int, most: int,
                                                           tmp_path_factory: pytest.TempPathFactory) -> None:
    where = tmp_path_factory.mktemp("growth")
    one = definition(where, ROWS, f"{{split: {{valid: {{share: 0.3, most: {most}}}}}}}")

    def made(number: int) -> Build:
        content = "\n".join(json.dumps({"question": text, "answer": "yes"}) for text in puns(number))
        return build(one, sources=[Source(text=content, id="region", reader="jsonl")], out=where / "out",
                     encoder=Bytes())

    before, after = made(old), made(old + new)
    was, now = ({side: {_question(row) for row in rows(done.directory, side)} for side in ("train", "valid")}
                for done in (before, after))
    if before.report.examples["valid"] > 1 and after.report.examples["valid"] > 1:  # else a side is filled by hand
        assert was["train"] <= now["train"]
    assert after.report.moved == len(was["train"] & now["valid"]) + len(was["valid"] & now["train"])


GARBAGE = st.binary(max_size=400) | st.lists(st.sampled_from([
    b'{"data": "', b'"}\n', b"* ", b"[2012-07-27 21:02] ", b" - Ada: ", b"\xff", b"\x00", b"{", b"[", b"NaN",
    b'{"messages": [', b'"role": "user"', b"00:01 --> 00:02\n", b"\\ud800", b",", b"\n", b"text", b"WEBVTT\n\n",
]), max_size=30).map(b"".join)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=GARBAGE, build_name=st.sampled_from(["row", "continuation"]))
def test_nothing_but_our_errors_leaves_a_build_of_any_bytes(content: bytes, build_name: str,
                                                            tmp_path_factory: pytest.TempPathFactory) -> None:
    where = tmp_path_factory.mktemp("garbage")
    (where / "file").write_bytes(content)
    prompt = CONTINUATION if build_name == "continuation" else TEXT
    one = definition(where / "one", prompt, f"{{steps: [normalise, anonymise], example: {{build: {build_name}}}}}")
    done = published(one, (Source(path=str(where / "file")),), where / "out", all_or_nothing=False)
    if done is not None:
        accounted(done)


@pytest.mark.parametrize("piece", [b"\x00\xff", b"a", b"[", b'{"text": "', b"1 ", pytest.param(
    b"+44 7700 900123 Ada@x.org ", marks=pytest.mark.slow)])
def test_a_megabyte_of_garbage_takes_little_time(piece: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(piece * (1_000_000 // len(piece)))
    one = definition(tmp_path / "one", TEXT, "{steps: [normalise, {anonymise: {names: [Ada]}}, dedupe]}")
    begin = time.process_time()
    published(one, (Source(path=str(tmp_path / "file")),), tmp_path / "out", all_or_nothing=False)
    assert time.process_time() - begin < 10
