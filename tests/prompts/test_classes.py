from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.errors import DataError, RefusedError
from pen_backend.prompts import loader
from pen_backend.prompts.classes import ClassMap, read_labels
from pen_backend.prompts.template import completion_text, parse
from tests.prompts.files import SHORT, define, say

LABELS = st.lists(st.text(min_size=1, max_size=8).map(str.strip).filter(lambda text: text and text.isprintable()),
                  min_size=1, unique=True)


@given(LABELS, st.sampled_from(["text", "number"]), st.integers(0, 3))
def test_every_label_is_read_back_from_its_text(labels: list[str], encode: str, start: int) -> None:
    labelled = ClassMap("tag", "number" if encode == "number" else "text", start, tuple(labels))
    assert [labelled.decode(labelled.encode(label)) for label in labels] == labels
    assert ClassMap.from_json(labelled.to_json()) == labelled


def test_numbers_follow_the_order_of_the_labels() -> None:
    labelled = ClassMap("tag", "number", 1, ("b", "a"))
    assert labelled.texts == {"b": "1", "a": "2"}
    assert [labelled.decode(text) for text in ("1", " 02 ", "0", "b", "")] == ["b", "a", None, None, None]


def test_a_file_of_labels_that_is_not_there_yet_is_no_riddle(tmp_path: Path) -> None:
    definition = loader.load(numbered(tmp_path, b""))
    assert definition.class_map is not None
    with pytest.raises(DataError, match=r"'b' has no labels yet\. Write them into the labels-file, one a line"):
        definition.class_map.encode("billing")


def test_an_unknown_label_names_the_nearest_and_is_not_quoted() -> None:
    with pytest.raises(DataError) as caught:
        ClassMap("tag", "number", 1, ("billing", "login")).encode("biling")
    assert str(caught.value) == "'tag' is none of the 2 labels. Did you mean 'billing'?"
    assert caught.value.findings[0].code == "label-unknown"


def test_without_labels_any_text_is_one() -> None:
    labelled = ClassMap("tag", "text", 1, None)
    assert (labelled.encode("x"), labelled.decode(" x "), labelled.decode(" ")) == ("x", "x", None)


@pytest.mark.parametrize("value", [None, 5, {}, {"var": "x", "encode": "z", "start": 1, "labels": None},
                                   {"var": "x", "encode": "text", "start": 1, "labels": [1]}])
def test_what_is_no_map_is_not_remembered_as_one(value: object) -> None:
    assert ClassMap.from_json(value) is None


NUMBERED = SHORT.replace("END}", "END}\nclasses: {encode: number, labels-file: data/labels.txt}")


def numbered(directory: Path, labels: bytes) -> Path:
    (directory / "data").mkdir(exist_ok=True)
    (directory / "data" / "labels.txt").write_bytes(labels)
    path = directory / "n.yaml"
    path.write_text(NUMBERED)
    return path


def test_labels_of_a_file_keep_their_numbers_when_it_grows(tmp_path: Path) -> None:
    first = loader.load(numbered(tmp_path, b"\xef\xbb\xbfnet\r\ntax\r\n"))
    assert completion_text(first, {"b": "tax"}) == "2END"
    grown = loader.load(numbered(tmp_path, b"net\ntax\nall else"))
    assert completion_text(grown, {"b": "tax"}) == "2END"
    assert parse(grown, "3END", None).label == "all else"


def test_a_file_of_labels_that_is_not_there_yet_has_none(tmp_path: Path) -> None:
    assert read_labels(tmp_path / "absent.txt") == ()


@pytest.mark.parametrize(("labels", "place", "message"), [
    (b"a\n\nb\n", "2", "A label is one line of text without spaces"), (b"a\n b\n", "2", "A label is one line of text"),
    (b"a\nb\na\n", "3", "This label stands in line 1 already"), (b"a\nb\xff\n", "2", "Byte 0xff is not UTF-8"),
])
def test_a_wrong_file_of_labels_is_named_with_its_line(tmp_path: Path, labels: bytes, place: str, message: str) -> None:
    path = numbered(tmp_path, labels)
    _, findings = loader.check(path.read_bytes(), "n.yaml", path)
    finding, = findings
    assert finding.code == "classes"
    assert finding.where == "n.yaml:7:40"
    assert f"labels.txt:{place}: {message}" in finding.message


def test_labels_outside_of_the_project_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("a\n")
    (tmp_path / "project").mkdir()
    path = tmp_path / "project" / "n.yaml"
    path.write_text(NUMBERED.replace("data/labels.txt", "../secret.txt"))
    _, findings = loader.check(path.read_bytes(), "n.yaml", path)
    assert "which is outside of" in findings[0].message
    inside = loader.load(numbered(tmp_path, b"a\n"))
    linked = inside.model_copy(update={"classes": inside.classes.model_copy(update={
        "labels_file": "../secret.txt"})}) if inside.classes else inside
    linked.__dict__.pop("class_map", None)
    with pytest.raises(RefusedError):
        _ = linked.class_map


def test_the_example_of_a_label_is_one_of_the_labels() -> None:
    text = SHORT.replace("vars: [a, b]", "vars: [a, b: {example: biling}]") + "classes: {labels: [billing, login]}\n"
    assert say(text) == ["t.yaml:5:24: 'b' is none of the 2 labels; did you mean 'billing'?"]


def test_labels_stay_as_they_were_written() -> None:
    labels = define(SHORT + "classes: {encode: number, labels: [1.10, yes, 007]}").class_map
    assert labels is not None
    assert labels.labels == ("1.10", "yes", "007")


def test_another_map_takes_the_place_of_the_definitions_own() -> None:
    definition = define(SHORT + "classes: {encode: number, labels: [x, y]}")
    assert definition.class_map is not None
    other = definition.with_classes(ClassMap("b", "number", 1, ("y", "x")))
    assert (parse(definition, "1", None).label, parse(other, "1", None).label) == ("x", "y")
