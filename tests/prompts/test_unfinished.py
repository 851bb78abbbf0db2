import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.prompts import template
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.unfinished import Unfinished
from tests.prompts.files import MORE, SHORT, define

STOPS = 'stop-sequences: ["\\n\\nQ:", "nQ:x", "END OF ALL"]\n'
FORMS = [define(SHORT), define(SHORT + STOPS), define(SHORT + STOPS + "no-trim-start: on\nno-trim-end: on\n"),
         define(MORE["several"]), define(MORE["spaces"]), define(MORE["chat"]), define(SHORT).begun(" Dear "),
         define(SHORT.replace("END}", '"\\n## ##\\n"}')), define(SHORT.replace("END}", '"x"}'))]
DEFINITIONS = [*FORMS, *[form.without_stops() for form in FORMS]]
PIECES = st.sampled_from(["a", "b ", " ", "\n", "E", "N", "D", "END", " END", " OF ALL", "nQ", ":", "x", "Q", "#",
                          "## ##", " =", "\nEND", "\nA", "\n\n"])


def shown(definition: Definition, pieces: list[str]) -> str:
    """Join what is shown while PIECES are written."""
    unfinished = Unfinished(definition)
    return "".join([*[unfinished.more(piece) for piece in pieces], unfinished.rest()])


@pytest.mark.parametrize("definition", DEFINITIONS)
@given(pieces=st.lists(PIECES, max_size=12))
def test_what_is_shown_piece_by_piece_is_the_answer_that_is_read_at_the_end(definition: Definition, pieces: list[str]
                                                                           ) -> None:
    assert shown(definition, pieces) == template.read(definition, "".join(pieces), "stop").text


@pytest.mark.parametrize(("pieces", "certain"), [
    (["one E", "N", "D two"], ["one", "", ""]),
    (["one E", "N", "TER"], ["one", "", " ENTER"]),
    (["END"], [""]),
    (["a ", " ", "\n", "b"], ["a", "", "", "  \nb"]),
])
def test_what_may_be_a_stop_waits_until_it_is_decided(pieces: list[str], certain: list[str]) -> None:
    unfinished = Unfinished(define(SHORT))
    assert [unfinished.more(piece) for piece in pieces] == certain


@pytest.mark.parametrize(("pieces", "certain", "rest"), [
    (["one END", " two", " EN", "D", " \n"], ["one", " END two", "", "", ""], ""),
    (["one EN"], ["one"], " EN"),
    (["END"], [""], ""),
])
def test_an_end_that_stops_nothing_waits_for_what_comes_after_it(pieces: list[str], certain: list[str], rest: str
                                                                ) -> None:
    unfinished = Unfinished(define(SHORT).without_stops())
    assert [unfinished.more(piece) for piece in pieces] == certain
    assert unfinished.rest() == rest


@pytest.mark.parametrize("piece", ["more text ", "\n", "E"])
def test_a_long_answer_costs_no_more_a_piece_than_a_short_one(piece: str) -> None:
    before = time.process_time()
    assert len(shown(FORMS[1], [piece] * 100_000)) >= 100_000 * len(piece.strip())
    assert time.process_time() - before < 5  # with a look at the whole for each piece it takes minutes
