"""Headings, read line by line as orgparse reads whole files."""

import sys
from pathlib import Path

import orgparse
import pytest
from hypothesis import given
from hypothesis import strategies as st
from orgparse.node import OrgNode

from pen_backend.dataset.sources.org_headings import Heading, headings
from tests.dataset import read

WORDS = st.sampled_from(["TODO", "DONE", "WAIT", "TODOS", "[#A]", "[#b]", ":a:", ":a:b_@:", ":a-b:", "x:y:", ":", "::",
                         "text", "*bold*", "é", "[1/2]", "COMMENT"])
TITLES = st.tuples(st.integers(1, 3), st.lists(WORDS, min_size=1, max_size=6), st.sampled_from([" ", "  "])).map(
    lambda parts: "*" * parts[0] + " " + parts[2].join(parts[1]))
OTHERS = st.sampled_from([":PROPERTIES:", ":END:", ":ID: 7", "  :Some_key:  a value ", ":X:", ":y: 1 :z: 2", "text", "",
                          "#+TODO: WAIT | GONE", "*none*", "- item"])


def of_file(text: str) -> list[Heading]:
    return list(headings(text.split("\n"))[2])


@given(st.lists(TITLES | OTHERS, max_size=12))
def test_a_heading_says_what_orgparse_reads_of_the_whole_file(lines: list[str]) -> None:
    nodes = [node for node in orgparse.loadi(lines) if isinstance(node, OrgNode)]
    tags, starts, found = headings(lines)
    assert [(one.level, " ".join(one.text.split()), one.tags, one.todo, dict(one.properties)) for one in found] == [
        (node.level, " ".join(node.get_heading(format="raw").split()), frozenset(node.shallow_tags),
         node.todo, {key.upper(): str(value) for key, value in node.properties.items()}) for node in nodes]
    assert starts == [number for number, line in enumerate(lines, 1) if line.startswith(("* ", "** ", "*** "))]
    assert tags == frozenset()


def test_a_files_own_keywords_and_tags_count_wherever_they_stand() -> None:
    lines = ["* WAIT here", "#+TODO: WAIT | GONE", "* GONE there", "#+FILETAGS: :all:"]
    tags, _, found = headings(lines)
    assert [(one.todo, one.text) for one in found] == [("WAIT", "here"), ("GONE", "there")]
    assert tags == {"all"}


def test_long_headings_keep_all_of_their_text_and_their_tags() -> None:
    text = "word [[u][link]] " * 500
    one, = of_file(f"* TODO [#A] {text}:tag:")
    assert (one.text, one.tags, one.todo) == ("word link " * 499 + "word link", frozenset(["tag"]), "TODO")


def test_dates_that_do_not_exist_stop_nothing() -> None:
    one, = of_file("* On <2020-02-30> [2020-13-01]\n:PROPERTIES:\n:AT: <2020-02-30>\n:END:")
    assert (one.text, one.properties) == ("On <2020-02-30> [2020-13-01]", {"AT": "<2020-02-30>"})


def test_a_drawer_of_properties_may_be_written_small() -> None:
    one, = of_file("* H\n:properties:\n:id: 7\n:end:\n:not: one")
    assert one.properties == {"ID": "7"}


def test_a_heading_without_a_title_is_one(tmp_path: Path) -> None:
    assert [(one.level, one.text) for one in of_file("* \ntext\n** ")] == [(1, ""), (2, "")]
    record, = read(b"* \nsome text\n", "org", tmp_path)
    assert getattr(record, "fields", {})["text"] == "some text"


@pytest.mark.parametrize("line", ["* a\n", "* TODO a :t:\n", "* a\n:PROPERTIES:\n:b: c\n:END:\n"])
def test_a_heading_costs_few_calls(line: str, tmp_path: Path) -> None:
    """Count calls, which are the same on every machine: orgparse's own nodes make a hundred and more a heading."""
    count, before = 0, sys.getprofile()

    def called(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    content = (line * 1_000).encode()
    read(content, "org", tmp_path)
    sys.setprofile(called)
    try:
        read(content, "org", tmp_path)
    finally:
        sys.setprofile(before)
    assert count < 60_000
