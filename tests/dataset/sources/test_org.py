"""Org files: items under headings, headings with bodies, prompt and completion subheadings, tables."""

import json
from pathlib import Path

from pen_backend.dataset.record import Record, Rejected
from pen_backend.dataset.sources import reader
from pen_backend.dataset.sources.document import Request, documents
from pen_backend.prompts.sources import Source
from tests.dataset import read
from tests.shared import shared


def records(content: str, where: Path, **keys: object) -> list[Record]:
    return [each for each in read(content.encode(), "org", where, wanted=(), **keys) if isinstance(each, Record)]


def texts(content: str, where: Path, **keys: object) -> list[object]:
    return [each.fields["text"] for each in records(content, where, **keys)]


def test_items_under_headings_are_records_with_their_heading(tmp_path: Path) -> None:
    content = "#+title: x\n# a comment\n* Kind\n- one\n  goes on\n- [X] two\n  - inner\n1. three\n+ four\n"
    found = records(content, tmp_path)
    assert [each.fields["item"] for each in found] == ["one\ngoes on", "two\ninner", "three", "four"]
    assert {each.fields["heading"] for each in found} == {"Kind"}
    assert [each.origin.locator for each in found] == ["line 4", "line 6", "line 8", "line 9"]


def test_a_heading_with_a_body_is_a_prompt_and_a_completion(tmp_path: Path) -> None:
    (record,) = records("* TODO [#A] Why?   :a:b:\nSCHEDULED: <2020-99-99>\n:PROPERTIES:\n:ID: 7\n:END:\n"
                        "Because [[u][so]].\n", tmp_path)
    assert record.fields["prompt"] == "Why?"
    assert record.fields["completion"] == "Because so."
    assert record.fields["todo"] == "TODO"
    assert record.fields["tags"] == ["a", "b"]
    assert record.fields["properties"] == {"ID": "7"}


def test_prompt_and_completion_subheadings_make_one_record(tmp_path: Path) -> None:
    (record,) = records("* Pair\n** Prompt\nask\n** Completion\nanswer\n", tmp_path)
    assert (record.fields["prompt"], record.fields["completion"]) == ("ask", "answer")


def test_a_term_is_a_prompt_and_its_text_the_completion(tmp_path: Path) -> None:
    (record,) = records("- set-up :: punch\n", tmp_path)
    assert (record.fields["prompt"], record.fields["completion"]) == ("set-up", "punch")
    assert record.fields["text"] == "set-up punch"


def test_table_rows_have_the_columns_of_the_header(tmp_path: Path) -> None:
    found = read(b"| a | b |\n|---+---|\n| x \\vert y | z |\n| alone |\n", "org", tmp_path)
    assert isinstance(found[0], Record)
    assert {key: found[0].fields[key] for key in ("a", "b")} == {"a": "x | y", "b": "z"}
    assert isinstance(found[1], Rejected)
    assert found[1].code == "row-short"


def test_blocks_are_text_and_a_star_in_them_is_unescaped(tmp_path: Path) -> None:
    content = "* H\n#+begin_quote\n,* not a heading\n#+end_quote\n:DRAWER:\nhidden\n:END:\n"
    assert texts(content, tmp_path) == ["H * not a heading"]


def test_weights_and_the_held_out_tag_come_from_the_heading(tmp_path: Path) -> None:
    (record,) = records("* H :val:\n:PROPERTIES:\n:PEN_WEIGHTS: 0.3 0.7\n:END:\nbody\n", tmp_path)
    assert record.weights == (0.3, 0.7)
    assert record.side == "valid"
    (bad,) = read(b"* H\n:PROPERTIES:\n:PEN_WEIGHTS: x\n:END:\nbody\n", "org", tmp_path)
    assert isinstance(bad, Rejected)
    assert bad.code == "weights-value"


def test_headings_are_selected_by_tag_and_keyword(tmp_path: Path) -> None:
    content = "* a :train:\n** b\nB\n* TODO c :train:\nC\n* d\nD\n"
    assert texts(content, tmp_path, select={"tag": "train", "skip-todo": True}) == ["b B"]


def test_a_region_of_lines_is_one_text_a_line_and_a_wrapped_one_a_paragraph(tmp_path: Path) -> None:
    assert texts("One pun.\nTwo puns!\n", tmp_path) == ["One pun.", "Two puns!"]
    assert texts("One pun that\ngoes on.\n\nAnother.\n", tmp_path) == ["One pun that\ngoes on.", "Another."]


def test_an_outline_of_headings_alone_is_its_headings(tmp_path: Path) -> None:
    assert texts("* Puns\n** One.\n** Two.\n", tmp_path) == ["One.", "Two."]


def test_text_beside_a_list_is_counted_and_not_lost_silently(tmp_path: Path) -> None:
    found = read(b"* H\nSome words.\n\n- item\n", "org", tmp_path)
    assert [getattr(each, "code", None) for each in found] == [None, "filtered"]


def test_a_date_that_does_not_exist_hides_nothing(tmp_path: Path) -> None:
    assert texts("* On [2020-02-30]\nCLOCK: [2020-13-01]\nbody <2021-02-31>\n", tmp_path) == [
        "On [2020-02-30] body <2021-02-31>"]


def test_the_shared_org_file_is_read_as_expected() -> None:
    path = shared("data/formats/files/puns.org")
    expected = next(case for case in json.loads(shared("data/formats/EXPECTED.json").read_text())["cases"]
                    if case["file"] == "files/puns.org")
    found = [each for each in read_path(path) if isinstance(each, Record)]
    headings = [each for each in found if "body" in each.fields]
    assert [(each.fields["heading"], each.fields["body"], each.fields["todo"]) for each in headings] == [
        (one["title"], one["body"], one["todo"]) for one in expected["headings"]]
    assert [sorted(one["tags"]) for one in expected["headings"]] == [each.fields["tags"] for each in headings]
    rows = [each for each in found if each.fields["heading"] == "Pairs"]
    (table,) = expected["tables"]
    assert [[each.fields[name] for name in table["header"]] for each in rows] == table["rows"]
    items = [each for each in found if "item" in each.fields]
    assert [{"term": each.fields["term"], "text": each.fields["definition"]} for each in items] == expected["lists"][0]


def read_path(path: Path) -> list[object]:
    source = Source(path=str(path))
    (document,) = documents(source, path.name, path.parent)
    return list(reader("org", document)[1](document, Request(source)))
