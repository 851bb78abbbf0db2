"""The variables of older files: names, and what stands at the same place of other lists."""

import pytest

from pen_backend.prompts.filters import read
from pen_backend.prompts.variables import Variable
from tests.prompts.ancestor.files import old, warnings

HEAD = "title: T\nprompt: <1> <2>\n"


def variables(text: str) -> tuple[Variable, ...]:
    """The variables of a file that begins with HEAD."""
    return old(HEAD + text).vars


def test_lists_give_each_variable_what_stands_at_its_place() -> None:
    first, second = variables("vars: [a, b]\nexamples: [1.10, x]\nvar-defaults: [(pen-selected-text), '\"French\"']\n"
                              "preprocessors: [null, pen-s join ' ']\n")
    assert (first.type, first.example, first.from_, first.preprocessor) == ("text", "1.10", "region", ())
    assert (second.default, second.preprocessor) == ("French", read([{"join": " "}]))


def test_other_names_of_the_lists_are_read() -> None:
    first, _ = variables("vars: [a, b]\npen-defaults: [(pen-preceding-text)]\npen-preprocessors: [uniqnosort]\n")
    assert (first.from_, first.preprocessor) == ("preceding", ("uniq",))
    assert variables("vars: [a, b]\n'preprocessors:': [uniqnosort]\n")[0].preprocessor == ("uniq",)


def test_the_later_form_holds_the_fields_below_the_name() -> None:
    first, second = variables("vars:\n- a:\n  - example: x\n  - preprocessor: cat\n  - default: (detect-language)\n"
                              "- b\nexamples: [not this, y]\n")
    assert (first.name, first.example, first.preprocessor, first.from_) == ("a", "x", (), "language")
    assert second.example == "y"
    assert variables("vars:\n  a: {example: x}\n  b:\n")[0].example == "x"


def test_a_field_that_a_variable_has_no_place_for_is_said() -> None:
    assert warnings(HEAD + "vars:\n- a: [{colour: red}]\n- b\n") == [
        "old.prompt:4:8: 'colour' of a variable is not used"]


def test_surplus_entries_and_lists_that_are_none_are_said() -> None:
    assert warnings(HEAD + "vars: [a, b]\nexamples: [x, y, z]\nvar-defaults:\npreprocessors: cat\n") == [
        "old.prompt:4:18: examples: there are more entries than variables; the others are not used",
        "old.prompt:5:1: var-defaults: expected a list of texts; it is not used",
        "old.prompt:6:1: preprocessors: expected a list of texts; it is not used"]


def test_an_entry_that_is_no_text_is_said() -> None:
    assert warnings(HEAD + "vars: [a, b]\nexamples: [[x], y]\n") == ["old.prompt:4:12: examples[0] is no text; "
                                                                   "it is not used"]


def test_lisp_that_is_unknown_is_said_and_the_user_is_asked() -> None:
    assert variables("vars: [a, b]\nvar-defaults: [(shell-command \"id\")]\n")[0].from_ is None
    assert warnings(HEAD + "vars: [a, b]\nvar-defaults: [(shell-command \"id\")]\n") == [
        "old.prompt:4:16: this default is elisp, which pen does not run; the user is asked"]


@pytest.mark.parametrize(("names", "found"), [
    ("[a, a, a]", ["a", "a 2", "a 3"]), ("['<a>', '1']", ["a", "variable 1"]), ("[null, 3.50]", ["variable 1", "3.50"]),
    ("[" + "x" * 70 + ", " + "x" * 70 + "]", ["x" * 60, "x" * 58 + " 2"]), ("alone", ["alone"]), ("", []),
])
def test_names_are_made_such_that_each_means_one_variable(names: str, found: list[str]) -> None:
    assert [one.name for one in old(f"title: T\nprompt: x\nvars: {names}\n").vars] == found
