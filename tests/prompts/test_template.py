from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pen_backend.errors import DataError, PromptError
from pen_backend.prompts import library, loader
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.hashing import changes, format_hash, hashed
from pen_backend.prompts.template import (
    Message,
    Turn,
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
from tests.prompts.files import SHORT, define

SHIPPED = sorted((Path(__file__).parents[2] / "prompts").glob("*.yaml"))
MORE = {
    "labels": """
        pen: 1
        title: Labels
        prompt: "<ticket>"
        completion: <tag>
        vars: [{ticket: {type: text}}, {tag: {type: choice, choices: [billing, login]}}]
        format: {prompt-end: "\\n\\n###\\n\\n", completion-start: " ", completion-end: "\\n"}
        """,
    "several": """
        pen: 1
        title: Several
        prompt: "<when> - <2> <3>\\n"
        completion: "names=<names>\\nwhen=<when>"
        vars: [when, message: {type: text}, loud: {type: bool}, names: {type: list, join: ", "}, n: {type: int}]
        format: {prompt-end: "\\nA:", completion-start: " ", completion-end: "\\nEND"}
        stop-sequences: ["\\nA:"]
        max-tokens: <n>
        """,
    "spaces": """
        pen: 1
        title: Spaces
        prompt: "Code: <code> <literal> <1>"
        completion: <code>
        literals: [<literal>]
        vars: [code: {type: text}]
        format: {prompt-end: "\\n", completion-start: " =", completion-end: "###"}
        no-trim-start: on
        no-trim-end: on
        """,
    "dialogue": """
        pen: 1
        title: Dialogue
        segments:
        - {text: "<scene>\\n\\n", weight: 0}
        - {text: "Ada: <line>\\n", weight: 0.2}
        - {text: " <reply> \\n", generate: on}
        - {text: "Ada: <more> ", weight: 0.2}
        - {text: "<last>", generate: on, weight: 0.5}
        vars: [scene: {type: text}, line, reply: {type: text}, more, last: {type: text}]
        format: {prompt-end: "\\nBob:", completion-start: " ", completion-end: "\\nEND"}
        """,
    "chat": """
        pen: 1
        title: Chat
        messages:
        - {role: system, content: "Answer in <language>.\\n"}
        - {role: user, content: "<question>"}
        - {role: assistant, content: " <answer>\\n"}
        vars: [language: {default: English}, question: {type: text}, answer: {type: text}]
        stop-sequences: ["\\n\\n\\n"]
        """,
    "numbers": """
        pen: 1
        title: Numbers
        prompt: "<ticket>"
        completion: "class <tag>."
        vars: [{ticket: {type: text}}, {tag: {type: choice, choices: [billing, login, "3"]}}]
        format: {prompt-end: "\\n\\n###\\n\\n", completion-start: " ", completion-end: "\\n"}
        classes: {encode: number, start: 0, labels: [login, "3", billing]}
        """,
    "filtered": """
        pen: 1
        title: Filtered
        prompt: "List:\\n<items>\\n\\n"
        completion: "<more>"
        vars: [items: {type: list, preprocessor: [uniq, {first: 3}, number]}, more: {type: text, preprocessor: [ascii]}]
        format: {prompt-end: "\\nMore:", completion-end: " END"}
        prompt-filter: [squeeze, {join: "; "}]
        """,
}
DEFINITIONS = {path.stem: loader.load(path) for path in SHIPPED} | {name: define(text) for name, text in MORE.items()}
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
@settings(max_examples=60, deadline=None)
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
@settings(max_examples=60, deadline=None)
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
@settings(max_examples=60, deadline=None)
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
@settings(max_examples=60, deadline=None)
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


HASHED: Mapping[str, str] = {
    "prompt": "prompt: <a>!", "completion": "completion: <b>!", "vars": "vars: [a, b: {type: text}]",
    "format": 'format: {prompt-end: "\\n\\n", completion-end: END}', "literals": "literals: [<x>]",
    "no_trim_start": "no-trim-start: on", "no_trim_end": "no-trim-end: on",
    "classes": "classes: {labels: [x, y]}", "repeater": "repeater: '<a> {}'", "prompt_filter": "prompt-filter: [strip]",
}
NOT_HASHED: Mapping[str, str] = {
    "title": "title: Other", "own_name": "name: other", "aliases": "aliases: [other]", "description": "description: x",
    "prompt_version": "prompt-version: 2", "in_development": "in-development: on", "meta": "meta: {a: 1}",
    "model": "model: m", "temperature": "temperature: 1", "top_p": "top-p: 1", "seed": "seed: 1",
    "frequency_penalty": "frequency-penalty: 1", "presence_penalty": "presence-penalty: 1",
    "max_tokens": "max-tokens: 1",
    "n_completions": "n-completions: 2", "best_of": "best-of: 2", "n_collate": "n-collate: 2",
    "stop_sequences": "stop-sequences: [x]", "insertion": "insertion: on", "filter": "filter: on",
    "completion_at_point": "completion-at-point: on", "conversation_mode": "conversation-mode: on",
    "cache": "cache: on",
    "training": "training: {example: {loss-weights: [0.3, 0.7]}}", "evaluation": "evaluation: {n: 5}",
    "tests": "tests: [{vars: {a: x}}]", "kind": "kind: prompt", "pen": "pen: 1",
    "postprocessor": "postprocessor: [strip]",
}


def changed(line: str) -> Definition:
    key = line.partition(":")[0]
    return define("\n".join([*(one for one in SHORT.splitlines() if one.partition(":")[0] != key), line]))


@pytest.mark.parametrize("line", HASHED.values(), ids=HASHED)
def test_the_format_hash_changes_with_a_hashed_field(line: str) -> None:
    assert format_hash(changed(line)) != format_hash(define(SHORT))


@pytest.mark.parametrize("line", NOT_HASHED.values(), ids=NOT_HASHED)
def test_the_format_hash_stays_with_any_other_field(line: str) -> None:
    assert format_hash(changed(line)) == format_hash(define(SHORT))


def test_every_field_is_either_hashed_or_not() -> None:
    forms = {"include", "segments", "messages"}  # below: they change more than one key
    assert set(HASHED) | set(NOT_HASHED) | forms == set(Definition.model_fields)


@pytest.mark.parametrize(("field", "differs"), [
    ("type: text", True), ("type: list", True), ("description: x", False), ("default: x", False),
    ("from: region", False), ("example: x", False), ("preprocessor: [strip]", True),
])
def test_of_a_variable_only_what_shapes_its_text_is_hashed(field: str, differs: bool) -> None:
    other = changed(f"vars: [a: {{{field}}}, b]")
    assert (format_hash(other) != format_hash(define(SHORT))) is differs


@settings(deadline=None)
@given(st.text(max_size=5), st.text(max_size=5))
def test_the_format_hash_of_two_definitions_is_equal_exactly_if_they_render_alike(one: str, other: str) -> None:
    first, second = (define(SHORT).model_copy(update={"prompt": f"<a>{text}"}) for text in (one, other))
    assert (format_hash(first) == format_hash(second)) == (one == other)


def test_the_format_hash_is_pinned() -> None:
    # A model keeps it for years: if this test fails, every trained model would seem to be out of step.
    assert format_hash(define(SHORT)) == "4322a8b18714f267b4f8d0b15fee8c5a219523a57e53a9bc6e43518ef3bf613f"
    assert hashed(define(SHORT))["format"] == {"prompt-end": "\n", "completion-start": "", "completion-end": "END"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_definitions_are_without_findings(path: Path) -> None:
    definition = loader.load(path)
    assert definition.findings == ()
    assert definition.description
    assert definition.slug == path.stem
    assert library.find(path.stem).path == path
    assert all((path.parent / source.path).exists()
               for source in (definition.training.sources if definition.training else ()) if source.path)


def test_the_example_of_every_shipped_definition_renders() -> None:
    for path in SHIPPED:
        definition = loader.load(path)
        values = {one.name: one.example for one in definition.vars}
        assert render(definition, values).completion


DIALOGUE = {"scene": " A bar. ", "line": "Hi", "reply": "Hello\n", "more": "Bye", "last": "So long"}


def test_every_run_of_segments_has_its_boundary() -> None:
    rendered = render(DEFINITIONS["dialogue"], DIALOGUE)
    assert rendered.segments == (" A bar. \n\n", "Ada: Hi\nBob:", " Hello\nEND", "Ada: Bye\nBob:", " So long\nEND")
    assert rendered.prompt == " A bar. \n\nAda: Hi\nBob:"
    assert rendered.completion == " Hello\nEND"


def test_white_space_before_the_boundary_goes_from_several_segments() -> None:
    definition = define("""\
        pen: 1
        title: T
        segments: [{text: "a \\n"}, {text: " <b>"}, {text: "c", generate: on}, {text: " d "}]
        vars: [b]
        format: {prompt-end: "|", completion-end: "."}
        """)
    assert render(definition, {"b": " "}).segments == ("a", "|", "c.", " d ")  # nothing is written after the last


def test_segments_that_are_written_in_one_go_share_one_boundary() -> None:
    definition = define("""\
        pen: 1
        title: T
        segments: [{text: q}, {text: " <a> ", generate: on, weight: 0.5}, {text: " <b> ", generate: on}]
        vars: [a, b]
        format: {prompt-end: ":", completion-start: " ", completion-end: "."}
        """)
    rendered = render(definition, {"a": "x", "b": "y"})
    assert rendered.segments == ("q:", " x ", " y.")
    assert rendered.completion == " x  y."
    assert default_weights(definition, 0.1) == (0.1, 0.5, 1.0)


def test_a_chat_is_messages_and_its_request_a_chat_request() -> None:
    definition = DEFINITIONS["chat"]
    rendered = render(definition, {"question": "Why? ", "answer": "So."})
    assert rendered.messages == (Message("system", "Answer in English."), Message("user", "Why?"),
                                 Message("assistant", "So."))
    assert (rendered.prompt, rendered.completion) == ("Answer in English.\nWhy?", "So.")
    full = define(dedent(MORE["chat"]) + "max-tokens: 7\nn-completions: 2")
    assert request(full, {"question": "Why?"}) == {
        "messages": [{"role": "system", "content": "Answer in English."}, {"role": "user", "content": "Why?"}],
        "n": 2, "max_completion_tokens": 7, "stop": ["\n\n\n"]}
    row = example(definition, {"question": "Why?", "answer": "So."}, default_weights(definition))
    assert [(one.role, one.weight) for one in row.segments] == [("system", 0.0), ("user", 0.0), ("assistant", 1.0)]


@given(st.text(max_size=12), st.text(max_size=12))
@settings(max_examples=60, deadline=None)
def test_chat_and_text_forms_carry_the_same_texts(question: str, answer: str) -> None:
    variables = "vars: [q: {type: text}, a: {type: text}]"
    text = define(f"pen: 1\ntitle: T\nprompt: Q <q>\ncompletion: <a>\n{variables}")
    chat = define("pen: 1\ntitle: T\nmessages: [{role: user, content: Q <q>}, {role: assistant, content: <a>}]\n"
                  + variables)
    values = {"q": question, "a": answer}
    assert render(chat, values).segments == render(text, values).segments
    weights = default_weights(chat)
    assert [one.text for one in example(chat, values, weights).segments] == [
        one.text for one in example(text, values, weights).segments]


def test_labels_are_written_as_numbers_and_read_back() -> None:
    definition = DEFINITIONS["numbers"]
    row = example(definition, {"ticket": "x", "tag": "billing"}, [0, 1])
    assert row.segments[1].text == " class 2.\n"
    assert row.label == "billing"
    assert parse(definition, " class 2.\nmore", None).label == "billing"
    assert parse(definition, " class 02.\n", None).text == "billing"
    assert parse(definition, "1", None).label == "3"  # the number, not the label that looks like one
    answer = parse(definition, " none of these\n", None)
    assert (answer.text, answer.label) == ("none of these", None)


def test_filters_shape_values_prompts_and_answers() -> None:
    definition = define(dedent(MORE["filtered"]) + "postprocessor: [upcase, {strip-prefix: 'OH, '}]")
    assert render(definition, {"items": ["b", "a", "b", "c", "d"]}).prompt == "List:; 1. b; 2. a; 3. c\nMore:"
    assert render(definition, {"items": ["b"], "more": "caf\xe9"}).completion == "cafe END"
    assert parse(definition, "oh, more END", None).text == "MORE"


def test_a_conversation_goes_on_as_it_was_trained() -> None:
    text = SHORT.replace("prompt: <a>", "prompt: <c> <a>").replace("[a, b]", "[c, a, b]")
    definition = define(text + "conversation-mode: on\nrepeater: '<c>? {} '\n")
    assert request(definition, {"a": "x", "c": "Hm"}, [Turn(" y ", "z"), Turn("w", "v")])["prompt"] == (
        "Hm x\nyENDHm? z\nwENDHm? v\n")
    without = define("pen: 1\ntitle: T\nprompt: 'Me: <a>'\nvars: [a]\nformat: {prompt-end: '|', completion-end: '.'}")
    assert request(without, {"a": "x"}, [Turn("y", "z")])["prompt"] == "Me: x|y.z|"


def test_a_chat_goes_on_with_its_messages() -> None:
    definition = define(dedent(MORE["chat"]) + "repeater: 'And {}'")
    assert request(definition, {"question": "q"}, [Turn("a ", "r")])["messages"][1:] == [
        {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "And r"}]


def test_a_conversation_needs_a_variable() -> None:
    with pytest.raises(PromptError, match="needs a variable for what is said next"):
        request(define("pen: 1\ntitle: T\nprompt: x"), {}, [Turn("y", "z")])


FORMS = {
    "segments": "segments: [{text: <a>}, {text: <b>, generate: on}]",
    "text": "segments: [{text: <a>!}, {text: <b>, generate: on}]",
    "generate": "segments: [{text: <a>}, {text: <b>}]", "messages": "messages: [{role: user, content: <a><b>}]",
    "role": "messages: [{role: user, content: x}, {role: user, content: <a><b>}]",
}


def test_every_form_has_a_hash_of_its_own() -> None:
    texts = [f"pen: 1\ntitle: T\nvars: [a, b]\n{form}" for form in FORMS.values()]
    assert len({format_hash(define(text)) for text in texts}) == len(FORMS)
    weighted = define(texts[0].replace("generate: on", "generate: on, weight: 0.5"))
    assert format_hash(weighted) == format_hash(define(texts[0]))  # how much a text counts is training


def test_changes_name_the_key_in_the_file() -> None:
    then = hashed(define(SHORT))
    assert list(changes(then, hashed(changed("vars: [a, b: {type: text}]")))) == [
        (("vars", 1, "b", "type"), "string", "text")]
    assert list(changes(then, hashed(changed('format: {prompt-end: "\\n\\n", completion-end: END}')))) == [
        (("format", "prompt-end"), "\n", "\n\n")]
    assert next(changes(then, hashed(changed("vars: [b, a]"))))[0] == ("vars",)
    assert list(changes(then, then)) == []
    assert list(changes(None, then)) == []
