"""Whole builds: every record accounted for, on its side, as the definition has it."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.dataset.build import Build, build
from pen_backend.dataset.near import Shingles, pairs
from pen_backend.errors import DataError, PenError, PromptError
from pen_backend.prompts import library
from pen_backend.prompts.sources import Source
from tests.dataset import CONTINUATION, ROWS, Bytes, accounted, definition, jsonl, puns, questions, rows, run
from tests.shared import shared

PUNS = "\n".join(puns(40))
QUESTIONS = jsonl(questions(40))
FOLD = "steps: [{normalise: {newlines: space}}, {dedupe: {exact: casefold, near: 0.7}}]"


def texts(done: Build, side: str) -> list[str]:
    """Return the texts in the bundles of one side."""
    return [line for row in rows(done.directory, side) for segment in row.segments for line in segment.text.split("\n")
            if line]


def test_a_region_becomes_weighted_rows_of_two_segments(tmp_path: Path) -> None:
    done = run(tmp_path, PUNS, training="{example: {build: continuation, loss-weights: [0.3, 0.7]}}")
    for row in rows(done.directory, "train"):
        assert [segment.weight for segment in row.segments] == [0.3, 0.7]
        assert row.segments[0].text.endswith("\n")
        assert row.segments[1].text.endswith("\n\n")
    assert sorted(texts(done, "train") + texts(done, "valid")) == sorted(puns(40))
    accounted(done)


def test_the_split_comes_before_the_bundles(tmp_path: Path) -> None:
    done = run(tmp_path, "\n".join(puns(200)), training="{example: {build: continuation}}")
    assert set(texts(done, "train")).isdisjoint(texts(done, "valid"))
    assert done.report.examples["valid"] > 0


def test_near_texts_are_never_on_both_sides(tmp_path: Path) -> None:
    base = [f"{text} and then it went home again to {number} friends" for number, text in enumerate(puns(60))]
    twins = [text.replace("home again", "home early") for text in base]
    done = run(tmp_path, "\n".join([*base, *twins]), training="{steps: [normalise], example: {build: continuation}}")
    sides = [*(("train", text) for text in texts(done, "train")), *(("valid", text) for text in texts(done, "valid"))]
    near = pairs(Shingles([text for _, text in sides]), 0.5)
    assert all(sides[one][0] == sides[other][0] for one, other in near)
    assert {side for side, _ in sides} == {"train", "valid"}


def test_every_loss_is_counted_and_listed_with_its_reason(tmp_path: Path) -> None:
    jokes = [{"body": text} for text in puns(30)] + [{"body": ""}, {"body": " "}, {"body": puns(1)[0].upper()}]
    training = f"{{{FOLD}, example: {{build: continuation}}}}"
    done = run(tmp_path, json.dumps(jokes), reader_name="jokes", training=training)
    (source,) = done.report.sources
    assert source.rejected == {"empty": 2, "duplicate": 1}
    lines = [json.loads(line) for line in (done.directory / "rejected.jsonl").read_text().splitlines()]
    assert [(line["code"], line["origin"]["locator"]) for line in lines] == [
        ("empty", "line 1 record 31"), ("empty", "line 1 record 32"), ("duplicate", "line 1 record 33")]
    accounted(done)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.sampled_from([
    '{"question": "q one", "answer": "a one"}', '{"question": "q two", "answer": ""}',
    '{"question": "", "answer": "a"}', '{"question": "q three", "answer": "a\\nb"}',
    '{"question": "Q ONE", "answer": "a one!"}', '{"prompt": "p", "completion": "c"}',
    '{"data": {"text_list": ["t", "u"], "loss_weights": [1]}}', "{broken", '{"question": 3, "answer": [4]}', "7",
]), max_size=12), share=st.sampled_from([0, 0.1, 0.5]))
def test_the_books_balance_whatever_the_lines_are(lines: list[str], share: float, tmp_path: Path) -> None:
    try:
        done = run(tmp_path, "\n".join(lines), prompt=ROWS, reader_name="jsonl", training="{on-bad: skip}",
                   overrides={"valid_share": share})
    except PenError:
        return
    accounted(done)


def test_rows_are_rendered_by_the_definition(tmp_path: Path) -> None:
    done = run(tmp_path, QUESTIONS, prompt=ROWS, training="{example: {loss-weights: [0.1, 0.9]}}")
    row = rows(done.directory, "train")[0]
    assert row.segments[0].text.startswith("Q: What do you call")
    assert row.segments[0].text.endswith("\nA:")
    assert row.segments[1].text == " answer 0\n"
    accounted(done)


def test_prompt_completion_is_written_where_nothing_is_lost(tmp_path: Path) -> None:
    done = run(tmp_path / "a", QUESTIONS, prompt=ROWS, training="{output: {format: prompt-completion}}")
    first = json.loads((done.directory / "train.jsonl").read_text().splitlines()[0])
    assert set(first) == {"prompt", "completion"}
    with pytest.raises(DataError, match="without a loss"):
        run(tmp_path / "b", QUESTIONS, prompt=ROWS,
            training="{output: {format: prompt-completion}, example: {loss-weights: [0.3, 0.7]}}")


def test_finished_rows_skip_the_build_and_may_be_repaired(tmp_path: Path) -> None:
    content = "\n".join(json.dumps({"prompt": f"Q: {text}", "completion": f"it is {number}"})
                        for number, text in enumerate(puns(20)))
    done = run(tmp_path / "a", content, prompt=ROWS)
    assert any(finding.code == "boundary" for finding in done.report.findings)
    done = run(tmp_path / "b", content, prompt=ROWS, training="{example: {build: as-is, boundary: repair}}")
    assert rows(done.directory, "train")[0].segments[0].text.endswith("\nA:")
    accounted(done)


def test_a_row_without_a_completion_waits_to_be_filled_in(tmp_path: Path) -> None:
    done = run(tmp_path, QUESTIONS + '\n{"question": "open", "answer": ""}', prompt=ROWS)
    (line,) = (done.directory / "unlabelled.jsonl").read_text().splitlines()
    assert json.loads(line) == {"prompt": "Q: open", "completion": ""}
    accounted(done)


def test_a_long_example_is_dropped_or_cut_at_its_beginning(tmp_path: Path) -> None:
    content = QUESTIONS + "\n" + json.dumps({"question": "x" * 500, "answer": "yes"})
    done = run(tmp_path / "a", content, prompt=ROWS, training="{example: {max-tokens: 200}}")
    assert done.report.rejected == {"too-long": 1}
    accounted(done)
    done = run(tmp_path / "b", content, prompt=ROWS, training="{example: {max-tokens: 200, overlong: truncate}}")
    lengths = [sum(len(segment.text) for segment in row.segments) for side in ("train", "valid")
               for row in rows(done.directory, side)]
    assert max(lengths) == 200
    with pytest.raises(PenError, match="more than 200"):
        run(tmp_path / "c", content, prompt=ROWS, training="{example: {max-tokens: 200, overlong: error}}")


def test_a_text_that_ends_or_joins_lists_is_dropped_and_counted(tmp_path: Path) -> None:
    jokes = [{"body": text} for text in puns(30)] + [{"body": "two\nlines of it"}]
    done = run(tmp_path, json.dumps(jokes), reader_name="jokes", training="{example: {build: continuation}}")
    assert done.report.sources[0].rejected == {"join-inside": 1}
    accounted(done)


@pytest.mark.parametrize(("content", "says"), [
    ("", "region is empty"), (" \n\n", "region is empty"), ("Only one pun.", "1 usable text; puns needs at least two"),
    ("One pun.\nONE PUN!", "1 duplicate")])
@pytest.mark.parametrize("reader_name", ["auto", "org"])
def test_too_little_is_said_in_one_sentence(content: str, says: str, reader_name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says):
        run(tmp_path, content, reader_name=reader_name, training="{example: {build: continuation}}")
    assert not (tmp_path / "out").exists()


def test_two_puns_are_enough_and_what_is_not_held_out_is_said(tmp_path: Path) -> None:
    done = run(tmp_path, "\n".join(puns(2)), training="{example: {build: continuation}}")
    assert done.report.examples == {"built": 1, "train": 1, "valid": 0}
    assert any(finding.code == "no-valid" for finding in done.report.findings)


def test_four_puns_fill_both_sides(tmp_path: Path) -> None:
    done = run(tmp_path, "\n".join(puns(4)), training="{example: {build: continuation}}")
    assert done.report.examples == {"built": 2, "train": 1, "valid": 1}


def test_too_many_bad_records_publish_nothing_but_their_list(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 of 41 records cannot be used") as caught:
        run(tmp_path, QUESTIONS + "\n{broken", prompt=ROWS, reader_name="jsonl")
    assert caught.value.findings[0].where == "region:41"
    (listed,) = (tmp_path / "out").iterdir()
    assert listed.name.endswith(".rejected.jsonl")
    assert json.loads(listed.read_text())["raw"] == "{broken"


def test_bad_records_may_be_skipped_or_stop_at_once(tmp_path: Path) -> None:
    content = "{broken\n" + QUESTIONS
    done = run(tmp_path / "a", content, prompt=ROWS, reader_name="jsonl", training="{on-bad: skip}")
    assert done.report.sources[0].rejected == {"json": 1}
    accounted(done)
    with pytest.raises(DataError, match="not valid JSON") as caught:
        run(tmp_path / "b", content, prompt=ROWS, reader_name="jsonl", training="{on-bad: stop}")
    assert caught.value.where == "region:1"


def test_the_preview_shows_rows_of_both_sides_with_weights_tokens_and_places(tmp_path: Path) -> None:
    done = run(tmp_path, "\n".join(puns(400)), training="{example: {build: continuation, loss-weights: [0.3, 0.7]}}")
    shown = done.report.rows
    assert len(shown) == 50
    assert {row.side for row in shown} == {"train", "valid"}
    assert all(part.tokens == len(part.text.encode()) for row in shown for part in row.segments)
    assert all(row.where.startswith("region:") for row in shown)


def test_sources_may_be_put_on_sides(tmp_path: Path) -> None:
    sources = [Source.model_validate({"text": "\n".join(puns(20)), "id": "a", "side": "train"}),
               Source.model_validate({"text": "\n".join(puns(60, "Why was")[50:]), "id": "b", "side": "valid"})]
    found = definition(tmp_path / "definition", CONTINUATION, "{example: {build: continuation}}")
    done = build(found, sources=sources, out=tmp_path / "out", encoder=Bytes())
    assert all(text.startswith("What") for text in texts(done, "train"))
    assert all(text.startswith("Why") for text in texts(done, "valid"))


def test_a_where_a_limit_and_a_sample_are_counted_as_filtered(tmp_path: Path) -> None:
    content = "\n".join(json.dumps({"text": text, "score": number}) for number, text in enumerate(puns(50)))
    source = Source.model_validate({"text": content, "id": "a", "where": {"score": {"min": 10}}, "limit": 30})
    training = "{steps: [{sample: {n: 12}}], example: {build: continuation}}"
    done = build(definition(tmp_path / "definition", CONTINUATION, training), sources=[source], out=tmp_path / "out",
                 encoder=Bytes())
    assert done.report.sources[0].rejected == {"filtered": 38}
    accounted(done)


def test_the_real_collection_builds_with_all_its_losses_counted(tmp_path: Path) -> None:
    path = shared("data/jokes/taivop_stupidstuff.json.gz")
    done = build(library.find("pun-complete", project=None, config_dir=None), sources=[Source(path=str(path))],
                 out=tmp_path, encoder=Bytes())
    (source,) = done.report.sources
    assert (source.read, source.rejected["empty"]) == (3773, 573)
    accounted(done)
    assert set(texts(done, "train")).isdisjoint(texts(done, "valid"))


def test_a_set_of_its_own_without_sources_is_named_itself(tmp_path: Path) -> None:
    definition(tmp_path, ROWS)
    path = tmp_path / "set.yaml"
    path.write_text("pen: 1\nkind: dataset\nname: empty\nprompt: answers\nsources: []\n")
    with pytest.raises(PromptError, match=r"set.yaml:5:10: empty names no sources.* Add them to `sources:`"):
        build(library.find_training(str(path)), out=tmp_path / "out", encoder=Bytes())


def test_a_set_of_its_own_joins_several_sources_and_ignores_its_prompts_training(tmp_path: Path) -> None:
    definition(tmp_path, ROWS, training="{sources: [{reader: jsonl, path: prompts-own.jsonl}], seed: 9}")
    (tmp_path / "prompts-own.jsonl").write_text('{"question": "never", "answer": "read"}')
    lines = QUESTIONS.splitlines()
    (tmp_path / "one.jsonl").write_text("\n".join(lines[:25]))
    (tmp_path / "two.csv").write_text("question,answer\n" + "\n".join(f"table question {n},{n}" for n in range(10)))
    (tmp_path / "held.jsonl").write_text("\n".join(lines[30:34]))
    (tmp_path / "set.yaml").write_text("""\
pen: 1
kind: dataset
name: from-three
prompt: answers
seed: 7
sources:
- {id: jokes, reader: jsonl, path: one.jsonl, terms: research only}
- {reader: table, path: two.csv}
- {reader: jsonl, path: held.jsonl, side: valid}
""")
    done = build(library.find_training(str(tmp_path / "set.yaml")), out=tmp_path / "out", encoder=Bytes())
    accounted(done)
    assert [(one.name, one.reader, one.read) for one in done.report.sources] == [
        ("one.jsonl", "jsonl", 25), ("two.csv", "table", 10), ("held.jsonl", "jsonl", 4)]
    assert [done.manifest[key] for key in ("name", "prompt", "seed")] == ["from-three", "answers", 7]
    held = {row.segments[0].text for row in rows(done.directory, "valid")}
    assert {f"Q: {json.loads(line)['question']}\nA:" for line in lines[30:34]} <= held
