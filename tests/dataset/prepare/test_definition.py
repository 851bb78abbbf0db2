from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset.prepare.definition import Written, definition
from pen_backend.dataset.prepare.found import Boundary
from pen_backend.dataset.prepare.state import Kind
from pen_backend.prompts import template
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.loader import parse

SPACED = Boundary("\n\n###\n\n", " ", "\n")


def load(text: str) -> Definition:
    loaded = parse(text.encode(), "x.yaml", Path("x.yaml"))
    assert loaded.findings == ()
    return loaded


def test_a_definition_writes_the_boundary_of_the_rows() -> None:
    loaded = load(definition("qa", "qa.csv", "conditional", SPACED, [], [Written("qa_prepared.jsonl")], 12))
    rendered = template.render(loaded, {"question": "Why?", "answer": "Because."})
    assert (rendered.prompt, rendered.completion) == ("Why?\n\n###\n\n", " Because.\n")
    assert (loaded.name, loaded.max_tokens) == ("qa", 12)
    assert loaded.training is not None
    assert [source.path for source in loaded.training.sources] == ["qa_prepared.jsonl"]


def test_classes_are_listed_and_both_sides_are_sources() -> None:
    files = [Written("t_prepared_train.jsonl", "train"), Written("t_prepared_valid.jsonl", "valid")]
    loaded = load(definition("t", "t.csv", "classification", SPACED, ["yes", "no", "1"], files, None))
    assert loaded.classes is not None
    assert loaded.classes.labels == ("1", "no", "yes")
    assert loaded.training is not None
    assert [source.side for source in loaded.training.sources] == ["train", "valid"]


def test_without_an_end_nothing_is_said_of_training() -> None:
    boundary = Boundary(" ->", " ", "")
    loaded = load(definition("t", "t.csv", "classification", boundary, ["a", "b"], [Written("t.jsonl")], None))
    assert loaded.training is None


def test_texts_by_themselves_have_an_empty_prompt() -> None:
    loaded = load(definition("songs", "songs.txt", "open-ended", Boundary("", " ", ""), [], [], None))
    assert template.render(loaded, {"text": "la la"}).completion == " la la"


@pytest.mark.parametrize("labels", [["one\ntwo", "three"], [f"class {number}" for number in range(1_001)]])
def test_labels_that_cannot_be_listed_are_not(labels: list[str]) -> None:
    assert load(definition("t", "t.csv", "classification", SPACED, labels, [], None)).classes is None


@given(stem=st.text(max_size=90), source=st.text(max_size=30), labels=st.sets(st.text(max_size=12), max_size=4),
       end=st.sampled_from([" ->", "\n\n###\n\n", "\nA:", "é #", "\r\n", "\u2028:"]),
       kind=st.sampled_from(["open-ended", "conditional", "classification"]), length=st.none() | st.integers(1, 99))
def test_whatever_the_names_are_it_loads_and_lints_clean(stem: str, source: str, labels: set[str], end: str, kind: Kind,
                                                         length: int | None) -> None:
    boundary = Boundary("" if kind == "open-ended" else end, " ", " END")
    names = [label.strip() for label in labels]
    loaded = load(definition(stem, source, kind, boundary, names, [Written("x.jsonl")], length))
    assert loaded.format.prompt_end == boundary.prompt_end
    assert loaded.format.completion_end == " END"
