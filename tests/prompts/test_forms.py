from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_backend.errors import PromptError
from pen_backend.prompts.template import Message, Turn, default_weights, example, parse, render, request
from tests.prompts.files import MORE, SHORT, define

DIALOGUE = {"scene": " A bar. ", "line": "Hi", "reply": "Hello\n", "more": "Bye", "last": "So long"}


def test_every_run_of_segments_has_its_boundary() -> None:
    rendered = render(define(MORE["dialogue"]), DIALOGUE)
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
    definition = define(MORE["chat"])
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
@settings(max_examples=60)
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
    definition = define(MORE["numbers"])
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


