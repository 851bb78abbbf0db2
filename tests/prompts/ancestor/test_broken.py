"""Older files that are no YAML: one message each, with the line and what to do about it."""

import pytest

from pen_backend.prompts import loader

QUOTES = "use single quotes, or double the backslash"
INDENT = "indent it like the first line of the text below `prompt: |`"


@pytest.mark.parametrize(("text", "line", "hint"), [
    # An escape of a regular expression in double quotes
    ('title: A\nprompt: |\n  <1>\npostprocessor: "tr \\s"\n', "4:20", QUOTES),
    ('title: A\nprompt: "one\\stwo"\n', "2:13", QUOTES),
    ('title: A\nprompt: x\npreprocessors:\n- "cut"\n- "tr \\."\n', "5:7", QUOTES),
    ('title: A\nvars: [a]\nprompt: "first\n  second \\d line <1>"\n', "4:10", QUOTES),
    ('title: A\nprompt: x\nstop-sequences: ["\\w+", "###"]\n', "3:19", QUOTES),
    # A line of a text that is indented less than its first
    ("title: A\nprompt: |\n  one\n two\nvars:\n- a\n", "4:2", INDENT),
    ("title: A\nprompt: |\n    one\n  two: three\n    four\nvars: [a]\n", "4:3", INDENT),
    ("title: A\nprompt: |\n  one\ntwo\n  three\nvars: [a]\n", "4:1", INDENT),
    # A list that is broken
    ('title: A\nprompt: x\nexamples:\n- "one" and more\n- two\n', "4:9",
     "check the indentation, and put quotes around the whole text or nothing"),
    ("title: A\nprompt: x\nvars: [a, b\nexamples: [c]\n", "4:9",
     "put a comma between items, and close the [ of line 3"),
    ("title: A\nprompt: x\nvars:\n- a\n-b\n- c\n", "5:1",
     "indent the line under what it belongs to, or put the whole text in quotes"),
])
def test_a_file_that_is_no_yaml_is_one_message_with_its_line(text: str, line: str, hint: str) -> None:
    definition, findings = loader.check(text.encode(), "a.prompt")
    assert definition is None
    assert [(finding.code, finding.where, finding.hint) for finding in findings] == [("yaml", f"a.prompt:{line}", hint)]


@pytest.mark.parametrize(("text", "code", "line"), [
    ("title: A\nprompt: &a x\ndoc: *a\n", "alias", "2:9"),
    ("title: A\nprompt: !!python/object/apply:os.system [id]\n", "tag", "2:9"),
    ("title: A\nprompt: x\n---\ntitle: B\n", "yaml", "3:1"),
    ("title: A\nprompt: x\nvars: [Why?]\n", "flow-question", "3:11"),
])
def test_what_no_file_may_hold_is_an_error_in_older_files_too(text: str, code: str, line: str) -> None:
    definition, findings = loader.check(text.encode(), "a.prompt")
    assert definition is None
    first = next(finding for finding in findings if finding.level == "error")
    assert (first.code, first.where) == (code, f"a.prompt:{line}")
