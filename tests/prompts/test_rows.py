"""Rows made in bulk are the rows that the template makes one by one, errors included."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_backend.errors import PenError
from pen_backend.prompts import template
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.rows import asker, maker
from pen_backend.records import Example, Origin
from tests.prompts.files import SHORT, define
from tests.prompts.test_template import DEFINITIONS

HERE = Origin("f", "", "line 1")
VALUE = st.text(max_size=6) | st.sampled_from(
    ["", " ", "\n", "one\n", " a b ", "a\r\nb", "a\rb", "a\nb", "<1>", None, 3, True, ["a", "b"], "billing", "login"])


def outcome(make: object, *given: object) -> Example | str:
    assert callable(make)
    try:
        example = make(*given)
    except PenError as error:
        return f"{type(error).__name__}: {error}"
    assert isinstance(example, Example)
    return example


def by_template(definition: Definition, values: Mapping[str, object], weights: list[float]) -> Example | str:
    return outcome(lambda: template.example(definition, values, weights, origin=HERE))


@pytest.mark.parametrize("definition", [pytest.param(one, id=name) for name, one in DEFINITIONS.items()])
@given(data=st.data())
@settings(max_examples=60)
def test_a_row_made_in_bulk_is_the_templates_row(definition: Definition, data: st.DataObject) -> None:
    names = [one.name for one in definition.vars]
    values = {name: data.draw(VALUE) for name in data.draw(st.lists(st.sampled_from(names), unique=True))}
    weights = data.draw(st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=1, max_size=5)
                        | st.just([1.0] * len(definition.pieces)))
    made = outcome(maker(definition, weights, names), {**values, "score": 3}, HERE, None)
    assert made == by_template(definition, values, weights)


@pytest.mark.parametrize("definition", [pytest.param(one, id=name) for name, one in DEFINITIONS.items()])
@given(data=st.data())
@settings(max_examples=30)
def test_what_is_asked_in_bulk_is_the_templates_prompt(definition: Definition, data: st.DataObject) -> None:
    values = {one.name: data.draw(VALUE) for one in definition.asked}
    asked = asker(definition)(values)
    if asked is not None:
        assert asked == template.render(definition, values).prompt


def test_most_rows_are_made_without_the_template() -> None:
    one = maker(define(SHORT), (0.0, 1.0), ("a", "b"))({"a": "x\n", "b": " y "}, HERE, None)
    assert [(each.text, each.weight) for each in one.segments] == [("x\n", 0.0), ("yEND", 1.0)]
    assert asker(define(SHORT))({"a": "x", "c": "y"}) == "x\n"


def test_a_record_may_have_weights_of_its_own() -> None:
    one = maker(define(SHORT), (0.0, 1.0), ("a", "b"))({"a": "x", "b": "y"}, HERE, (0.25, 0.75))
    assert [each.weight for each in one.segments] == [0.25, 0.75]
    assert one.origin == HERE
