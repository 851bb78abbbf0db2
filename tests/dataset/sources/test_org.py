"""Org files: items under headings, headings with bodies, prompt and completion subheadings, tables."""

import json
import os
import subprocess
from pathlib import Path

import pytest

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


def test_a_body_keeps_its_bullets_bars_and_the_indentation_of_code(tmp_path: Path) -> None:
    content = ("* H\nFirst:\n- one [[u][link]]\n  goes on\n- two\n  #+begin_quote\n  ,*quoted\n  #+end_quote\n\n"
               "#+begin_src python\n  def f():\n      return 1\n#+end_src\n| a | b |\n|---+---|\n| 1 | 2 |\n")
    (record,) = records(content, tmp_path, unit="heading")
    assert record.fields["body"] == ("First:\n- one link\n  goes on\n- two\n  *quoted\n\ndef f():\n    return 1\n"
                                     "| a | b |\n|---+---|\n| 1 | 2 |")


def test_what_is_commented_out_is_no_record(tmp_path: Path) -> None:
    content = "* COMMENT a\nA\n** b\nB\n* c\n# no\n#+begin_comment\nno\n#+end_comment\nC\n* COMMENTED d\nD\n"
    assert texts(content, tmp_path) == ["c C", "COMMENTED d D"]


def test_white_space_that_a_link_shows_is_no_text_and_none_at_its_ends(tmp_path: Path) -> None:
    assert texts("- [[u][ ]]\n- [[u][ a ]]\n", tmp_path) == ["a"]
    assert texts("[[u][ c ]] \n\n[[u][ ]]\n", tmp_path) == ["c"]


def test_rows_that_align_or_group_columns_are_no_records(tmp_path: Path) -> None:
    content = "| a | b |\n|---+---|\n| / | < |\n| <l> | <10> |\n| < | x |\n|---+---|\n| 1 | 2 |\n"
    assert texts(content, tmp_path) == ["< x", "1 2"]


def test_a_table_whose_header_names_no_columns_loses_its_own_rows_alone(tmp_path: Path) -> None:
    found = read(b"| a | a |\n|---+---|\n| 1 | 2 |\n\n| b |\n|---|\n| 3 |\n", "org", tmp_path)
    assert [getattr(each, "code", None) for each in found] == ["no-header", None]


def test_a_term_without_a_text_is_a_prompt_without_a_completion(tmp_path: Path) -> None:
    (first, second) = records("- What is it? ::\n- no term here::\n", tmp_path)
    assert (first.fields["prompt"], first.fields["completion"]) == ("What is it?", "")
    assert second.fields["text"] == "no term here::"


@pytest.mark.parametrize(("unit", "expected"), [
    ("auto", ["i", "c", "filtered"]), ("item", ["i"]), ("table", ["c"]), ("heading", ["H t\n\n- i\n| c |"])])
def test_a_unit_takes_its_own_kind_alone(unit: str, expected: list[str], tmp_path: Path) -> None:
    found = read(b"* H\nt\n\n- i\n| c |\n", "org", tmp_path, unit=unit)
    kinds = [each.fields["text"] if isinstance(each, Record) else getattr(each, "code", None) for each in found]
    assert sorted(map(str, kinds)) == sorted(expected)


ODD = """\
#+FILETAGS: :file:
#+TODO: TODO WAIT | DONE CANCELLED
Before the first heading.

* WAIT [#B] First [1/2] heading [[https://example.org][link]]   :one:two:
SCHEDULED: <2026-01-02 Fri> DEADLINE: <2026-01-03 Sat>
:PROPERTIES:
:PEN_WEIGHTS: 0.3 0.7
:END:
:LOGBOOK:
- State "DONE" from "TODO" [2026-01-02 Fri]
:END:
Body *bold*.
#+begin_src text
* A star at the start of a line is a heading even here
,* and this is none
#+end_src
*no heading*
** COMMENT hidden
- hidden too
** Table
| a | b |
|---+---|
| 1 | x\\vert{}y |
|   |   |
* Lists
- [ ] one
  cont
  1. inner
- [X] two :: not
- term ::   def
  more
1) num
2. [@5] five
   * star item
* DONE
* :onlytag:
text of a heading without a title
* last
end
"""


@pytest.mark.slow
def test_files_are_read_as_org_itself_reads_them(tmp_path: Path) -> None:
    (tmp_path / "odd.org").write_text(ODD)
    command = [os.environ.get("EMACS", "emacs"), "-Q", "--batch", "-l", str(Path(__file__).with_name("org-oracle.el")),
               "written.org", "odd.org"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60,
                            env={**os.environ, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"})
    for name, seen in zip(("written.org", "odd.org"), json.loads(answer.stdout), strict=True):
        content = (tmp_path / name).read_text()
        assert len(seen["headings"]) >= 4
        _compare_headings(records(content, tmp_path, unit="heading"), seen["headings"])
        hidden = [index for index, line in enumerate(content.split("\n"), 1)
                  if "hidden" in line.lower() or "State" in line]
        _compare_items(records(content, tmp_path, unit="item"),
                       [item for item in seen["items"] if item["line"] not in hidden])
        rows = [[cell.replace("\\vert{}", "|") for cell in row] for table in seen["tables"] for row in table[2:]
                if row != "rule" and any(row) and row[0] != "<l>"]
        assert [each.fields["text"] for each in records(content, tmp_path, unit="table")] == [
            " ".join(cell for cell in row if cell) for row in rows]


def _compare_headings(found: list[Record], seen: list[dict[str, object]]) -> None:
    by_line = {f"line {heading['line']}": heading for heading in seen}
    titled = [each for each in found if each.fields["heading"]]
    assert len(titled) >= 3
    for record in titled:
        heading = by_line[record.origin.locator]
        assert not heading["comment"]
        assert (record.fields["heading"], record.fields["todo"], record.fields["tags"]) == (
            heading["title"], heading["todo"], heading["tags"])
        weights = str(heading["weights"]).split() if heading["weights"] else None
        assert record.weights == (tuple(map(float, weights)) if weights else None)


def _compare_items(found: list[Record], seen: list[dict[str, object]]) -> None:
    assert [each.origin.locator for each in found] == [f"line {item['line']}" for item in seen]
    assert [each.fields.get("term") for each in found] == [item["term"] for item in seen]
    for record, item in zip(found, seen, strict=True):
        said = str(item["text"] or "").split("\n")[0]
        own = record.fields["definition"] if item["term"] else record.fields["text"]
        assert str(own).split("\n")[0] == said
