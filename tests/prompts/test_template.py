from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pen_backend.errors import DataError, PromptError
from pen_backend.prompts import loader
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.template import (
    completion_text,
    cut,
    default_weights,
    end_inside,
    example,
    parse,
    render,
    request,
    stops,
)
from pen_backend.prompts.variables import Variable, items_of
from tests.prompts.files import MORE, SHORT, define

SHIPPED = [path for path in sorted((Path(__file__).parents[2] / "prompts").glob("*.yaml"))
           if "\nkind: dataset\n" not in path.read_text()]
DEFINITIONS = {path.stem: one for path in SHIPPED
               if isinstance(one := loader.load_any(path), Definition) and one.is_trainable} | {
    name: define(text) for name, text in MORE.items()}
every = pytest.mark.parametrize("definition", [pytest.param(one, id=name) for name, one in DEFINITIONS.items()])

TEXTS = st.text(max_size=12) | st.sampled_from(
    ["<1>", "<2> (see above)", "<jokes>", "<joke>", "\n", "\r\n", "a\n\nb", " ", "{x}", "\\1", "###", "<|endoftext|>"])


def value_of(variable: Variable) -> st.SearchStrategy[object]:
    match variable.type:
        case "list":
            return st.lists(TEXTS, max_size=4)
        case "int":
            return st.integers(1, 99)
        case "bool":
            return st.booleans()
        case "choice":
            return st.sampled_from(variable.choices or ("x",))
        case "string":
            return TEXTS.map(lambda text: text.replace("\n", " "))
        case _:
            return TEXTS


def draw_values(data: st.DataObject, definition: Definition) -> dict[str, object]:
    """Draw values of any Unicode that the definition takes."""
    values = {one.name: data.draw(value_of(one), label=one.name) for one in definition.vars}
    for one in definition.vars:
        items = values[one.name]
        if isinstance(items, list):
            cleaned = [item for item in (item.replace("\r\n", "\n").rstrip("\n") for item in items) if item]
            assume(items_of(one, one.join.join(cleaned)) == cleaned)
    return values


@every
@given(data=st.data())
@settings(max_examples=60)
def test_the_training_prompt_equals_the_request_prompt(definition: Definition, data: st.DataObject) -> None:
    values = draw_values(data, definition)
    sent = request(definition, {one.name: values[one.name] for one in definition.asked})
    read = example(definition, values, default_weights(definition)).segments[:definition.asking]
    if definition.messages is None:
        assert "".join(segment.text for segment in read) == sent["prompt"]
    else:
        assert [{"role": segment.role, "content": segment.text} for segment in read] == sent["messages"]


@every
@given(data=st.data())
@settings(max_examples=60)
def test_the_training_completion_ends_with_the_first_stop(definition: Definition, data: st.DataObject) -> None:
    values = draw_values(data, definition)
    weights = default_weights(definition)
    row = example(definition, values, weights)
    if definition.messages is None:
        stop = request(definition, values)["stop"][0]
        assert all(segment.text.endswith(stop) for segment, piece in zip(row.segments, definition.pieces, strict=True)
                   if piece.generate and piece.last)
    assert tuple(segment.weight for segment in row.segments) == weights


@every
@given(data=st.data())
@settings(max_examples=60)
def test_parsing_a_training_completion_gives_its_text_back(definition: Definition, data: st.DataObject) -> None:
    values = draw_values(data, definition)
    form = definition.format
    written = completion_text(definition, values)
    assume(cut(written, stops(definition))[0] == written.removesuffix(form.completion_end or ""))
    text = written.removeprefix(form.completion_start).removesuffix(form.completion_end or "")
    if not definition.no_trim_end:
        assert text == text.strip()
    answer = parse(definition, written, "stop")
    if definition.class_map is None:
        assert answer.text == text
        assert answer.label is None
    else:
        assert answer.text == answer.label == values[definition.class_map.variable]
    assert answer.stopped
    assert not end_inside(definition, written)


@every
@given(data=st.data())
@settings(max_examples=60)
def test_a_value_that_looks_like_a_placeholder_comes_out_verbatim(definition: Definition, data: st.DataObject) -> None:
    values: dict[str, object] = {one.name: data.draw(value_of(one)) for one in definition.vars}
    marks = [f"<{reference}>" for reference in [*definition.references, "3", "no such name"]]
    free = [one.name for one in definition.vars if one.type in ("string", "text", "list")]
    planted = {name: f"x{data.draw(st.sampled_from(marks))}y{data.draw(st.sampled_from(marks))}z" for name in free}
    assume(all(one.join not in planted[one.name] for one in definition.vars if one.name in planted))
    rendered = render(definition, values | {name: [text] if definition.references[name].type == "list" else text
                                            for name, text in planted.items()})
    for one in definition.asked:
        if one.name in planted:
            assert planted[one.name] in rendered.prompt


def test_values_are_filled_in_one_pass() -> None:
    definition = define("pen: 1\ntitle: T\nprompt: <1> <secret>\nvars: [a, secret]")
    assert render(definition, {"a": "<2> (see above)", "secret": "s"}).prompt == "<2> (see above) s"


def test_a_placeholder_is_a_name_a_slug_or_a_number() -> None:
    definition = define("pen: 1\ntitle: T\nprompt: <Big Dog>|<big-dog>|<1>\nvars: [Big Dog]")
    assert render(definition, {"Big Dog": "x"}).prompt == "x|x|x"
    assert render(definition, {"1": "y"}).prompt == "y|y|y"


def test_literals_stay_as_they_are() -> None:
    definition = define('pen: 1\ntitle: T\nprompt: "<joke> <a> <not closed"\nliterals: ["<joke>"]\nvars: [a]')
    assert render(definition, {"a": "x"}).prompt == "<joke> x <not closed"


def test_white_space_goes_before_the_boundary_not_after() -> None:
    rendered = render(define(SHORT.replace("completion-end", 'completion-start: " ", completion-end')),
                      {"a": "  x \t", "b": " y  "})
    assert rendered.segments == ("  x\n", " yEND")


def test_a_missing_value_is_named_and_the_example_never_used() -> None:
    definition = define("pen: 1\ntitle: T\nprompt: <a>\nvars: [a: {example: x}]")
    with pytest.raises(DataError, match="'a' has no value"):
        render(definition, {})


def test_a_default_fills_a_missing_value() -> None:
    assert render(define("pen: 1\ntitle: T\nprompt: <a>\nvars: [a: {default: x}]"), {}).prompt == "x"


def test_a_completion_is_only_rendered_when_its_values_are_known() -> None:
    definition = define(SHORT)
    assert render(definition, {"a": "x"}).segments == ("x\n",)
    assert render(definition, {"a": "x", "b": "y"}).completion == "yEND"
    with pytest.raises(DataError, match="'b' has no value"):
        example(definition, {"a": "x"}, [0, 1])


def test_an_unknown_value_names_the_nearest() -> None:
    with pytest.raises(DataError) as caught:
        render(DEFINITIONS["pun-complete"], {"joke": "x"})
    assert str(caught.value) == "'joke' is not a variable of this prompt. Did you mean 'jokes'?"


@pytest.mark.parametrize("weights", [[1], [0, 0], [1, -1], [1, float("nan")], [1, float("inf")], [1, 1, 1]])
def test_weights_must_match_the_texts(weights: list[float]) -> None:
    with pytest.raises(PromptError, match="weight"):
        example(define(SHORT), {"a": "x", "b": "y"}, weights)


def test_training_without_completion_says_so() -> None:
    with pytest.raises(PromptError, match="no completion to train on"):
        example(define("pen: 1\ntitle: T\nprompt: x"), {}, [1])


def test_a_request_sends_what_the_definition_says_and_no_more() -> None:
    assert request(define(SHORT), {"a": "x"}) == {"prompt": "x\n", "n": 1, "stop": ["END"]}
    assert request(DEFINITIONS["several"], {"when": "w", "message": "m", "loud": True, "n": "12"}) == {
        "prompt": "w - m true\nA:", "n": 1, "stop": ["\nEND", "\nA:"], "max_tokens": 12}
    full = define(SHORT + "model: m\ntemperature: 0\ntop-p: 0.5\nfrequency-penalty: 1\npresence-penalty: -1\nseed: 3\n"
                  "max-tokens: 9\nn-completions: 2\nbest-of: 4\nstop-sequences: [a, b, c, d]\n")
    assert request(full, {"a": "x"}) == {
        "prompt": "x\n", "n": 2, "stop": ["END", "a", "b", "c"], "model": "m", "max_tokens": 9, "temperature": 0,
        "top_p": 0.5, "frequency_penalty": 1, "presence_penalty": -1, "seed": 3, "best_of": 4}


def test_max_tokens_must_render_to_a_number() -> None:
    definition = define("pen: 1\ntitle: T\nprompt: x\nmax-tokens: <n>\nvars: [n]")
    assert definition.arity == 1
    with pytest.raises(DataError, match="max-tokens is no whole number"):
        request(definition, {"n": "many"})


@pytest.mark.parametrize(("text", "reason", "expected", "stopped"), [
    ("yEND and more", "length", "y", True), ("  y  ", "length", "y", False), ("y", "stop", "y", True),
    ("y STOP END", None, "y", True), ("", None, "", False),
])
def test_an_answer_is_cut_at_the_first_stop_in_the_text(text: str, reason: str | None, expected: str,
                                                        stopped: bool) -> None:
    answer = parse(define(SHORT + "stop-sequences: [STOP]"), text, reason)
    assert (answer.text, answer.stopped) == (expected, stopped)


def test_an_end_that_overlaps_the_text_counts_as_inside() -> None:
    definition = define("pen: 1\ntitle: T\nprompt: x\ncompletion: <a>\nvars: [a]\nformat: {completion-end: aa}")
    assert end_inside(definition, completion_text(definition, {"a": "ba"}))
    assert not end_inside(definition, completion_text(definition, {"a": "b"}))
