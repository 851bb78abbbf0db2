import pytest

from tests.prompts.files import SHORT, codes, say

TRAINING = "training: {sources: [{reader: jokes, path: a.json}]}\n"


def with_line(line: str, *others: str) -> str:
    """Replace the lines of SHORT that have the same keys."""
    keys = [one.partition(":")[0] for one in (line, *others)]
    return "\n".join([*(one for one in SHORT.splitlines() if one.partition(":")[0] not in keys), line, *others, ""])


def test_a_good_definition_has_no_findings() -> None:
    assert codes(SHORT + TRAINING) == []


@pytest.mark.parametrize(("code", "level", "text", "message"), [
    ("prompt-end-space", "error", with_line('format: {prompt-end: "A: ", completion-end: END}'),
     "t.yaml:6:22: prompt-end ends with a space: 99 % of completions would start with another token than in use; "
     "move the space to completion-start"),
    ("prompt-end-space", "error", with_line('format: {prompt-end: "A:\\t", completion-end: END}'),
     "t.yaml:6:22: prompt-end ends with a tab"),
    ("no-boundary", "warning", with_line("format: {completion-end: END}"),
     "t.yaml:6:9: nothing separates prompt and completion"),
    ("no-end", "error", with_line('format: {prompt-end: "\\n"}') + TRAINING,
     "t.yaml:7:1: training needs format.completion-end"),
    ("same-end", "error", with_line('format: {prompt-end: "\\n", completion-end: "\\n"}'),
     "t.yaml:6:44: completion-end equals prompt-end; use two different texts"),
    ("start-is-end", "error", with_line('format: {completion-start: "\\nA:", completion-end: "\\n"}'),
     "t.yaml:6:28: completion-start contains completion-end"),
    ("end-is-join", "warning", with_line("vars: [a, b: {type: list}]",
                                         'format: {prompt-end: "\\n", completion-end: "\\n\\n"}'),
     "t.yaml:6:44: completion-end begins like a further item, with '\\n', in which the prompt ends too"),
    ("end-inside", "error", with_line("vars: [a, b: {example: THE END OF IT}]"),
     "t.yaml:6:24: completion-end 'END' is inside the example completion"),
    ("end-inside", "error", with_line("completion: START END <b>", "vars: [a, b: {example: x}]"),
     "t.yaml:5:13: completion-end 'END' is inside the example completion"),
    ("join-inside", "error", with_line("vars: [a, b: {type: list, join: ', ', example: ['x, y', z]}]"),
     "t.yaml:6:48: vars.b.example: an item of 'b' contains the text that joins the items, ', '"),
    ("undeclared", "error", with_line("prompt: <a> <oops>"),
     "t.yaml:6:13: <oops> is not a variable; add it to vars, or to literals if it is text"),
    ("undeclared", "error", with_line("prompt: <a> <3>"), "t.yaml:6:13: <3> is not a variable"),
    ("undeclared", "error", SHORT + "max-tokens: <n>", "t.yaml:7:13: <n> is not a variable"),
    ("unused-var", "warning", with_line("vars: [a, b, c]"),
     "t.yaml:6:14: variable 'c' is used in no template"),
    ("unused-literal", "warning", SHORT + "literals: ['<joke>']",
     "t.yaml:7:12: literal '<joke>' stands in no template"),
    ("completion-flag", "error", with_line("completion: on"), "t.yaml:6:13: completion is a template here"),
    ("completion-flag", "error", with_line("completion: true"), "t.yaml:6:13: completion is a template here"),
    ("weights", "error", SHORT + "training: {example: {loss-weights: [0.3, 0.3, 0.4]}}",
     "t.yaml:7:36: training.example.loss-weights: expected 2 weights, one for each text, got [0.3, 0.3, 0.4]"),
    ("weights", "error", SHORT + "training: {example: {loss-weights: [0, 0]}}",
     "t.yaml:7:36: training.example.loss-weights: at least one weight must be above 0, got [0, 0]"),
    ("weights", "error", SHORT + "training: {example: {loss-weights: [1, -1]}}", "a finite number of at least 0"),
    ("weights", "error", SHORT + "training: {example: {loss-weights: [1, .inf]}}", "a finite number of at least 0"),
    ("many-stops", "warning", SHORT + "stop-sequences: [b, c, d, e]", "t.yaml:7:17: 5 stop texts: 4 are sent"),
    ("flow-question", "error", with_line("prompt: <a> <what?>", "vars: [a, b, what?]"),
     "t.yaml:6:18: '?' inside [...] must be quoted: some YAML parsers refuse it"),
    ("hash-comment", "error", SHORT + "stop-sequences:\n- a\n- ###",
     "t.yaml:9:3: stop-sequences[1] is empty because ### starts a comment; write '###'"),
    ("hash-comment", "error", SHORT + "model: # the newest",
     "t.yaml:7:8: model is empty because # starts a comment; give it a value, in quotes if it begins with #"),
    ("hash-comment", "error", with_line("format: {prompt-end: ###, completion-end: END}"),
     "t.yaml:6:22: ###, starts a comment, so the list never ends; write '###'"),
    ("missing-key", "error", 'pen: 1\ntitle: T\nprompt: x\nevaluation: {n: 5}',
     "t.yaml:4:1: evaluation needs a completion template; add `completion:`"),
    ("test", "error", SHORT + "tests: [{vars: {b: x}}]", "t.yaml:7:9: tests[0]: 'a' has no value"),
    ("type", "error", SHORT + "n-completions: 3\nbest-of: 2", "t.yaml:8:10: best-of: it must be at least"),
    ("type", "error", with_line("vars: [a, a, b]"), "t.yaml:6:11: vars: 'a' is listed twice"),
    ("type", "error", with_line("prompt: <a> <7>", "vars: [a, b, '7']"), "a variable cannot be called by a number"),
    ("type", "error", with_line("vars: [a, b: {choices: [x]}]"), "`type: choice` and `choices` need each other"),
    ("type", "error", with_line("vars: [a, b: {join: x}]"), "vars.b.join: only a list is joined"),
    ("type", "error", with_line("vars: [a, b: {type: int, default: x}]"), "vars.b.default: 'b' must be a whole number"),
    ("type", "error", SHORT + "evaluation: {expect: [{max-lines: 1, contains: x}]}", "an expectation has one key"),
    ("type", "error", SHORT + "evaluation: {require: [{metric: nll, model: tuned}]}",
     "evaluation.require[0]: expected one of below, above, min and max, got none"),
    ("undeclared", "error", with_line("prompt: <a> <jkes>", "vars: [a, b, Jokes]") + "repeater: <Jokes>",
     "t.yaml:5:13: <jkes> is not a variable; did you mean <Jokes>? Else add it to vars, or to literals"),
])
def test_rule(code: str, level: str, text: str, message: str) -> None:
    assert codes(text) == [code]
    found, = say(text, level=level)
    assert message in found


@pytest.mark.parametrize("text", [
    with_line('format: {prompt-end: "\\n\\n###\\n\\n", completion-end: "\\n"}'),  # containing it is fine
    with_line('format: {completion-start: " ", completion-end: END}'),
    with_line("vars: [a, b: {type: list}]", 'format: {prompt-end: "->", completion-end: "\\n\\n"}'),
    with_line("vars: [a, b: {type: list}]", 'format: {prompt-end: "\\n", completion-end: " END"}'),
    with_line("prompt: Say something.", "vars: [b]", "format: {completion-end: END}"),  # nothing varies
    "pen: 1\ntitle: T\nprompt: <a>\nvars: [a]",  # never trained on, so there is no boundary
    SHORT + "stop-sequences: [b, c, END, b, d]",  # doubles don't count
    with_line("vars: [a, b, n]") + "max-tokens: <n>",
    with_line("vars:\n- a\n- b: # the answer\n    type: text"),
    with_line('prompt: "<1> <joke>"') + "literals: ['<joke>']",
    with_line("prompt: <a>?"), with_line("prompt: What is 3 < 4, <a>"),
])
def test_no_rule_cries_without_need(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize(("text", "code"), [
    (with_line("vers: [a, b]", "vars_: x").replace("vars: [a, b]\n", "").replace("vars_: x\n", ""), "unknown-key"),
    (with_line("format: {completion-edn: END}") + TRAINING, "unknown-key"),
    (with_line("completion: 5") + TRAINING, "type"),
    (with_line("vars: [a, b: {type: chioce, example: 5}]"), "type"),
    (SHORT + "training: {example: {loss-weights: [0, x]}}", "type"),
    (SHORT + "training: {steps: [{normalize: {}}]}", "unknown-key"),
    (SHORT + "evaluation: {expect: [{max-line: 1}]}", "unknown-key"),
    (SHORT + "tests: [{vars: {a: x}, expect: [{max-line: 1}]}]", "unknown-key"),
    (SHORT + "evaluation: {require: [{metric: nll, model: tuned, blow: base}]}", "unknown-key"),
])
def test_one_mistake_is_not_reported_twice(text: str, code: str) -> None:
    assert [one for one in codes(text) if one not in ("unused-var", "no-boundary")] == [code]
