"""The card answers the application form from data, and leaves room for what data cannot know."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pen_backend.dataset.build import Build, build
from pen_backend.dataset.card import ASKED, Card, card_of, write
from pen_backend.prompts.sources import Source
from tests.dataset import CONTINUATION, Bytes, definition, puns, run
from tests.shared import shared

TRAINING = "{steps: [{sample: {n: 400}}], example: {build: continuation, items: body}, split: {by: [record]}}"


def card(done: Build, description: str = "") -> Card:
    return card_of(done.manifest, done.report, description)


def jokes(where: Path, *paths: Path) -> Card:
    """Build a set of joke collections and make its card."""
    sources = [Source.model_validate({"reader": "jokes", "path": str(path)}) for path in paths]
    done = build(definition(where / "d", CONTINUATION, TRAINING), sources=sources, out=where / "out", encoder=Bytes())
    return card(done)


def bodies(path: Path) -> list[str]:
    with (gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as stream:
        return [joke["body"] for joke in json.load(stream)]


def test_records_and_mean_characters_are_those_that_jq_counts(tmp_path: Path) -> None:
    paths = [shared("data/jokes/taivop_stupidstuff.json.gz"), shared("data/jokes/wocka_mit_subset.json.gz")]
    made = jokes(tmp_path, *paths)
    assert [one["records"] for one in made.sources] == [3_773, 4_092]
    for path in paths:
        texts = bodies(path)
        (found,) = [one for one in made.fields if (Path(one.source).name, one.field) == (path.name, "body")]
        assert found.records == len(texts)
        assert found.mean == pytest.approx(sum(map(len, texts)) / len(texts))
    assert made.rejected["empty"] == sum(not text.strip() for path in paths for text in bodies(path)) > 573


@pytest.mark.slow
def test_the_form_of_the_pun_readme_is_answered_for_a_file_of_its_size(tmp_path: Path) -> None:
    maker, path = shared("data/jokes/build_bench_input.py"), tmp_path / "reddit_jokes.json"
    subprocess.run([sys.executable, str(maker), str(path)], check=True, capture_output=True, timeout=60)
    made, texts = jokes(tmp_path, path), bodies(path)
    text = write(made)
    assert made.sources[0]["records"] == len(texts) == 194_553
    mean = sum(map(len, texts)) / len(texts)
    assert re.search(rf"reddit_jokes.json +\| body +\| 194553 +\| {mean:.1f} ", text)
    size = sum((tmp_path / "out" / made.id / f"{side}.jsonl").stat().st_size for side in ("train", "valid"))
    assert f"\n  {size / 1e6:.3f}\n" in text


def test_the_mean_of_the_readme_is_written_as_it_stands_there(tmp_path: Path) -> None:
    lengths = [204] * 40 + [205] * 60  # 204.6 on average, as its jq says of the real file
    records = [{"title": f"Joke {number}", "body": f"{number:03} " + "x" * (length - 4), "score": 1}
               for number, length in enumerate(lengths)]
    path = tmp_path / "few.json"
    path.write_text(json.dumps(records))
    assert "| body  | 100     | 204.6 |" in write(jokes(tmp_path, path))


def test_every_question_of_the_form_has_its_place(tmp_path: Path) -> None:
    made = card(run(tmp_path, "\n".join(puns(60))), "Continue a list of puns.")
    text = write(made)
    assert f"{made.train + made.valid} examples: {made.train} to train on, {made.valid} held out; " in text
    assert made.words == sum(one.totals.words for one in run(tmp_path, "\n".join(puns(60))).report.statistics) / (
        made.train + made.valid)
    assert "Continue a list of puns." in text
    for title in ("Why fine-tuning is needed", *ASKED):
        assert re.search(rf"^\* {title}\n\n(\* |\Z)", text + "\n", re.MULTILINE), title


def test_markdown_has_the_same_sections(tmp_path: Path) -> None:
    made = card(run(tmp_path, "\n".join(puns(60))), "# no heading\n- no list")
    org, markdown = write(made), write(made, "markdown")
    assert re.findall(r"^\* (.*)", org, re.MULTILINE) == re.findall(r"^## (.*)", markdown, re.MULTILINE)
    assert "|---|---|" in markdown
    assert "puns: # no heading\n\\- no list" in markdown


def test_no_name_breaks_a_table_or_makes_a_heading(tmp_path: Path) -> None:
    made = card(run(tmp_path, "\n".join(puns(60)), source="a|b.txt"), "* no heading\n* none either")
    org, markdown = write(made), write(made, "markdown")
    assert "| a\\vert{}b.txt |" in org
    assert "| a\\|b.txt |" in markdown
    assert not re.search(r"^\* n", org, re.MULTILINE)


def test_classes_and_terms_and_pseudonyms_are_told(tmp_path: Path) -> None:
    prompt = ('pen: 1\ntitle: T\nprompt: "<text>"\ncompletion: <kind>\nvars: [text: {type: text}, kind: {type: text}]\n'
              'format: {prompt-end: "\\n->", completion-start: " ", completion-end: "\\n"}\n'
              "classes: {var: kind, labels: [pun, prose]}\n")
    records = [{"text": text, "kind": "pun" if number % 2 else "prose"} for number, text in enumerate(puns(80))]
    training = ("{checks: {class-count: warn, first-token: off}, steps: [{anonymise: {names: [Ann], key: key.json}}], "
                "split: {by: [record]}}")
    source = Source.model_validate({"reader": "jsonl", "text": "\n".join(map(json.dumps, records)), "id": "r",
                                    "terms": "mine"})
    done = build(definition(tmp_path / "d", prompt, training), sources=[source], out=tmp_path / "out", encoder=Bytes())
    text = write(card(done))
    assert re.search(r"\| pun +\| [0-9]+ +\| [0-9]+ +\|", text)
    assert "mine" in text
    assert "  anonymised" in text
    assert sum(sum(sides.values()) for sides in card(done).classes.values()) == done.report.examples["built"]
