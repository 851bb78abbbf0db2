from pen_backend.prompts import lint_tokens
from pen_backend.tokens import Encoder, encoding
from tests.prompts.files import define

PAIR = """\
pen: 1
title: T
prompt: <a>
completion: <b>
vars: [a: {example: the ans}, b: {example: wer is}]
format: {prompt-end: "%s", completion-start: "%s", completion-end: " END"}
max-tokens: %d
"""


def said(text: str, encoder: Encoder | None = None) -> list[str]:
    return [f"{one.code} {one.where}" for one in lint_tokens.findings(define(text), encoder or encoding("cl100k_base"))]


def test_a_boundary_inside_a_token_is_found_where_the_format_stands() -> None:
    assert said(PAIR % ("", "", 9)) == ["boundary-tokens t.yaml:6:9"]
    assert said(PAIR % ("", " ", 9)) == []
    assert said(PAIR % (r"\n", "", 9)) == []


def test_the_same_boundary_holds_in_one_vocabulary_and_not_in_another() -> None:
    text = (PAIR % (r"\n\n###\n\n", "", 9)).replace("wer is", "Were")
    assert said(text, encoding("cl100k_base")) == []
    assert said(text, encoding("r50k_base")) == ["boundary-tokens t.yaml:6:9"]


def test_max_tokens_must_leave_room_for_the_end() -> None:
    label = (PAIR % ("->", " ", 1)).replace("wer is", "'1'").replace(" END", r"\n")
    assert said(label) == ["max-tokens-short t.yaml:7:13"]
    assert said(label.replace("max-tokens: 1", "max-tokens: 3")) == []


LABELS = """\
pen: 1
title: T
prompt: <a>
completion: <b>
vars: [a: {example: one}, b: {example: red}]
format: {prompt-end: "\\n\\n###\\n\\n", completion-start: "%s", completion-end: END}
classes: {encode: %s, labels: [red, green, blue]}
"""


def test_labels_must_differ_in_their_first_token() -> None:
    spaced, bare = LABELS % (" ", "number"), LABELS % ("", "number")
    found, = lint_tokens.findings(define(spaced), encoding("cl100k_base"))
    assert str(found) == ("t.yaml:7:10: with the vocabulary of cl100k_base the labels 'red' and 'green' (and 1 more) "
                          'begin with the same token; encode: text with completion-start: " "')
    assert said(bare, encoding("cl100k_base")) == []
    assert said(spaced, encoding("r50k_base")) == []
    assert "first-token t.yaml:7:10" in said(bare, encoding("r50k_base"))


def test_choices_are_labels_too_and_the_longest_must_fit() -> None:
    text = (PAIR % (r"\n", " ", 4)).replace("b: {example: wer is}", "b: {type: choice, choices: [no, "
                                            "incomprehensibilities], example: no}")
    assert said(text) == ["max-tokens-short t.yaml:7:13"]


def test_a_chat_has_a_boundary_of_its_own() -> None:
    chat = "pen: 1\ntitle: T\nmessages: [{role: user, content: x}, {role: assistant, content: y}]\nmax-tokens: 1\n"
    assert said(chat) == []


def test_without_examples_there_is_nothing_to_count() -> None:
    assert said((PAIR % ("", "", 1)).replace("b: {example: wer is}", "b")) == []
    assert said((PAIR % ("", "", 1)).replace("a: {example: the ans}", "a")) == []
