"""Classes: numbers that never move, on both sides of a set, enough of each, and told apart by their first token."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from pen_backend.dataset.build import Build, build
from pen_backend.errors import DataError, PenError
from pen_backend.prompts import template
from pen_backend.prompts.classes import ClassMap
from pen_backend.prompts.sources import Source
from pen_backend.tokens import Encoder, encoding
from tests.dataset import Bytes, accounted, definition, puns, rows

TICKETS = """\
pen: 1
title: Tag
prompt: <ticket>
completion: <tag>
vars: [ticket: {type: text}, tag: {}]
format: {prompt-end: "\\n\\n###\\n\\n", completion-start: " ", completion-end: "\\n"}
"""
THREE = "classes: {labels: [billing, login, shipping]}\n"
NUMBERS = "classes: {encode: number, labels-file: tags.labels}\n"
LABELS = ("billing", "login", "shipping")


def entries(labels: Sequence[str] = LABELS, number: int = 60, kind: str = "Who was") -> list[dict[str, str]]:
    return [{"ticket": text, "tag": labels[index % len(labels)]} for index, text in enumerate(puns(number, kind))]


def made(where: Path, rows_in: Sequence[object], classes: str = THREE, training: str = "{}",
         encoder: Encoder | None = None, prompt: str = TICKETS) -> Build:
    content = "\n".join(json.dumps(one) for one in rows_in)
    done = build(definition(where / "project", prompt + classes, training), out=where / "out",
                 sources=[Source(text=content, id="tags", reader="jsonl")], encoder=encoder or Bytes())
    accounted(done)
    return done


def found(done: Build, code: str) -> list[str]:
    return [one.message for one in done.report.findings if one.code == code]


def test_a_class_map_goes_into_the_manifest_and_reads_numbers_as_labels_again(tmp_path: Path) -> None:
    done = made(tmp_path, entries(), "classes: {encode: number, labels: [login, billing, shipping]}\n")
    written = [row.segments[1].text for row in rows(done.directory, "train")]
    assert set(written) == {" 1\n", " 2\n", " 3\n"}
    manifest = json.loads((done.directory / "manifest.json").read_text())["classes"]
    assert manifest["labels"] == ["login", "billing", "shipping"]
    assert (manifest["var"], manifest["encode"], manifest["start"]) == ("tag", "number", 1)
    counts = manifest["counts"]
    assert sum(counts["train"].values()) == done.report.examples["train"]
    assert counts["train"]["login"] + counts["valid"]["login"] == 20
    remembered = ClassMap.from_json(manifest)
    assert remembered is not None
    again = definition(tmp_path / "project", TICKETS + THREE).with_classes(remembered)
    assert template.parse(again, " 2\n", None).label == "billing"


def test_numbers_are_given_by_first_appearance_and_stay(tmp_path: Path) -> None:
    path = tmp_path / "project" / "tags.labels"
    first = made(tmp_path, entries(("login", "billing")), NUMBERS)
    assert path.read_text() == "login\nbilling\n"
    assert made(tmp_path, entries(("login", "billing")), NUMBERS).id == first.id
    grown = made(tmp_path, entries(("shipping", "billing", "login")), NUMBERS)
    assert path.read_text() == "login\nbilling\nshipping\n"
    classes = grown.manifest["classes"]
    assert isinstance(classes, dict)
    assert classes["labels"] == ["login", "billing", "shipping"]
    by_ticket = {row.segments[0].text: row.segments[1].text for side in ("train", "valid")
                 for row in rows(grown.directory, side)}
    assert by_ticket[f"{entries()[0]['ticket']}\n\n###\n\n"] == " 3\n", "the first ticket is about shipping now"


def test_labels_of_dropped_records_get_no_number(tmp_path: Path) -> None:
    more = [{"ticket": "x", "tag": "too short"}, {"ticket": "An open ticket that is long enough", "tag": ""}]
    training = "{steps: [{filter: {chars: [20, 500]}}]}"
    made(tmp_path, [*more, *entries()], NUMBERS, training)
    assert (tmp_path / "project" / "tags.labels").read_text().splitlines() == list(LABELS)


def test_a_file_of_labels_is_only_appended_to(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    path = tmp_path / "project" / "tags.labels"
    path.write_bytes(b"old one\r\nlogin")
    path.chmod(0o640)
    made(tmp_path, entries(), NUMBERS, "{checks: {class-count: off}}")
    assert path.read_bytes() == b"old one\r\nlogin\nbilling\nshipping\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_of_labels_is_in_the_project(tmp_path: Path) -> None:
    with pytest.raises(PenError, match="outside"):
        made(tmp_path, entries(), "classes: {encode: number, labels-file: ../tags.labels}\n")
    assert not (tmp_path / "tags.labels").exists()


def test_an_unknown_label_drops_its_record(tmp_path: Path) -> None:
    bad = [{"ticket": "An odd one that is long", "tag": "Billing"},
           {"prompt": "A finished one\n\n###\n\n", "completion": " nothing known\n"}]
    done = made(tmp_path, [*entries(), *bad])
    assert done.report.rejected == {"label-unknown": 2}
    kept = made(tmp_path / "kept", [*entries(), bad[1]], training="{example: {boundary: keep}}")
    assert kept.report.rejected == {}


def test_labels_are_renamed_by_a_step_in_records_and_finished_rows(tmp_path: Path) -> None:
    odd = [{"ticket": "An odd one that is long", "tag": " Billing"},
           {"prompt": "A finished one\n\n###\n\n", "completion": " Billing\n"}]
    done = made(tmp_path, [*entries(), *odd], training="{steps: [{relabel: {Billing: billing, log in: login}}]}")
    assert done.report.rejected == {}
    classes = done.manifest["classes"]
    assert isinstance(classes, dict)
    assert classes["counts"]["train"]["billing"] + classes["counts"]["valid"].get("billing", 0) == 22
    assert not any("Billing" in row.segments[1].text for row in rows(done.directory, "train"))


def test_a_class_that_a_side_lacks_refuses_the_set(tmp_path: Path) -> None:
    few = [*entries(("billing", "login")), {"ticket": "The only one about shipping", "tag": "shipping"}]
    with pytest.raises(DataError, match=r"1 of 3 classes without an example .*: 'shipping'; nothing was published"):
        made(tmp_path / "a", few)
    assert not (tmp_path / "a" / "out").exists()
    with pytest.raises(DataError, match="1 of 3 classes without an example to train on"):
        made(tmp_path / "b", entries(("billing", "login")))
    with pytest.raises(DataError, match="held out") as caught:
        made(tmp_path / "f", [*entries(("billing", "login")), {**few[-1], "ticket": "Another one about shipping it"}])
    assert "stratify: label" in str(caught.value.hint)
    warned = made(tmp_path / "c", few, training="{checks: {class-count: warn}}")
    assert len(found(warned, "class-count")) == 1
    assert found(made(tmp_path / "d", few, training="{checks: {class-count: off}}"), "class-count") == []
    assert found(made(tmp_path / "e", few, training="{split: {valid: 0}}"), "class-count") == []


def test_a_job_that_is_told_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="told of 4 classes, and 3 are trained on"):
        made(tmp_path / "a", entries(), training="{job: {classification: {n_classes: 4}}}")
    made(tmp_path / "b", entries(), training="{job: {classification: {n_classes: 3}}}", encoder=encoding("r50k_base"))


def test_small_classes_are_named_with_both_sides_apart(tmp_path: Path) -> None:
    done = made(tmp_path / "a", entries(number=90))
    (message,) = found(done, "class-min")
    train, valid = (done.report.examples[side] for side in ("train", "valid"))
    assert message.startswith("3 classes with fewer than 100 examples")
    numbers = [int(word) for word in message.replace(",", " ").replace("'", " ").split() if word.isdigit()][2:]
    assert (sum(numbers[::2]), sum(numbers[1::2])) == (train, valid)
    assert found(made(tmp_path / "b", entries(), training="{checks: {class-min: {do: warn, limit: 5}}}"),
                 "class-min") == []
    with pytest.raises(DataError, match="fewer than 30"):
        made(tmp_path / "c", entries(), training="{checks: {class-min: {do: error, limit: 30}}}")


def test_labels_that_a_reader_cannot_tell_apart_are_named(tmp_path: Path) -> None:
    done = made(tmp_path / "a", entries(("Log in", "log in", "billing")), "classes: {}\n", "{split: {valid: 0}}")
    (message,) = found(done, "label-clean")
    assert message.startswith("1 label written in several ways")
    assert "'Log in'" in message
    assert "'log in'" in message
    clean = made(tmp_path / "b", entries(), "classes: {}\n", "{split: {valid: 0}}")
    assert found(clean, "label-clean") == []


# What was measured for numbers after "\n\n###\n\n": a leading space is right for r50k and wrong for cl100k.
@pytest.mark.parametrize(("vocabulary", "start", "shared"), [
    ("r50k_base", " ", 0), ("cl100k_base", " ", 12), ("o200k_base", " ", 12), ("cl100k_base", "", 0)])
def test_first_tokens_are_those_of_the_vocabulary_that_trains(vocabulary: str, start: str, shared: int,
                                                             tmp_path: Path) -> None:
    labels = [f"class {letter}" for letter in "abcdefghijkl"]
    prompt = TICKETS.replace('completion-start: " "', f'completion-start: "{start}"')
    done = made(tmp_path, entries(labels, 240), f"classes: {{encode: number, labels: {json.dumps(labels)}}}\n",
                encoder=encoding(vocabulary), prompt=prompt)
    findings = [one for one in done.report.findings if one.code == "first-token"]
    assert len(findings) == bool(shared)
    for one in findings:
        assert f"{shared} of 12 labels share their first token" in one.message
        assert 'encode: number with completion-start: ""' in str(one.hint)
        assert "compare whole labels" in str(one.hint)
        assert one.level == "warning"


def test_first_tokens_are_an_error_where_class_metrics_are_asked_for(tmp_path: Path) -> None:
    labels = ["not billing", "not login"]
    job = "job: {classification: {n_classes: 2}}"
    arguments = (entries(labels), f"classes: {{labels: {json.dumps(labels)}}}\n")
    with pytest.raises(DataError, match="share their first token"):
        made(tmp_path / "a", *arguments, f"{{{job}}}", encoding("r50k_base"))
    done = made(tmp_path / "b", *arguments, f"{{{job}, checks: {{first-token: off}}}}", encoding("r50k_base"))
    assert found(done, "first-token") == []


def test_every_class_is_on_both_sides_if_it_has_two_texts(tmp_path: Path) -> None:
    rare = [{"ticket": text, "tag": "shipping"} for text in puns(2, "When did")]
    done = made(tmp_path, [*entries(("billing", "login"), 300), *rare],
                training="{split: {valid: 0.1, stratify: label}}")
    classes = done.manifest["classes"]
    assert isinstance(classes, dict)
    assert (classes["counts"]["train"]["shipping"], classes["counts"]["valid"]["shipping"]) == (1, 1)
    assert 15 < done.report.examples["valid"] < 45, "the others stay where the threshold puts them"


def test_a_definition_without_classes_has_none_to_check(tmp_path: Path) -> None:
    done = made(tmp_path, entries(), "")
    assert done.manifest["classes"] is None
    assert {one.code for one in done.report.findings}.isdisjoint({"class-count", "class-min", "first-token",
                                                                   "label-clean"})
