import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.errors import NotFoundError, PromptError
from pen_backend.prompts import loader
from pen_backend.prompts.classes import Classes
from pen_backend.prompts.dataset import DatasetSpec
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.evaluation import EvaluationSpec, Expectation
from pen_backend.prompts.forms import Format, Message, Segment
from pen_backend.prompts.schema import keys_of
from pen_backend.prompts.sources import Condition, Source
from pen_backend.prompts.training import Dedupe, ExampleSpec, Filter, Split, Step, TrainingSpec
from pen_backend.prompts.variables import Variable
from tests.prompts.files import SHORT, define, say

FAULTS = """\
pen: 1
title: Tags
prompt: <oops>
completion: <tag>
temprature: 1
temperature: hot
vars: [ticket, tag: {type: choise}]
format:
  prompt-end: "x "
  completion-end: "x "
training:
  sources: [{reader: jokes, path: a, limit: 0}]
  example:
    loss-weights: [0, 0]
  job: {n-epochs: 900, batchsize: 2}
n-completions: 3
best-of: 2
stop-sequences:
- a
- ###
max-tokens: 5
max-tokens: 6
"""


def test_every_error_of_a_file_is_reported_at_once_each_on_its_line() -> None:
    assert say(FAULTS) == [
        "t.yaml:3:9: <oops> is not a variable; add it to vars, or to literals if it is text",
        "t.yaml:5:1: unknown key 'temprature'; did you mean 'temperature'?",
        "t.yaml:6:14: temperature: expected a number from 0 to 2, got 'hot'",
        "t.yaml:7:28: vars.tag.type: expected 'string', 'text', 'int', 'float', 'bool', 'list' or 'choice', "
        "got 'choise'; did you mean 'choice'?",
        "t.yaml:9:15: prompt-end ends with a space: 99 % of completions would start with another token than in use; "
        "move the space to completion-start",
        "t.yaml:10:19: completion-end equals prompt-end; use two different texts",
        "t.yaml:12:45: training.sources[0].limit: expected a whole number of at least 1, got 0",
        "t.yaml:14:19: training.example.loss-weights: at least one weight must be above 0, got [0, 0]",
        "t.yaml:15:19: training.job.n-epochs: expected a whole number from 1 to 50 or auto, got 900",
        "t.yaml:15:24: unknown key 'batchsize'; did you mean 'batch-size'?",
        "t.yaml:17:10: best-of: it must be at least n-completions (3), got 2",
        "t.yaml:20:3: stop-sequences[1] is empty because ### starts a comment; write '###'",
        "t.yaml:22:1: key 'max-tokens' stands here again after line 21; remove one",
    ]


def test_the_error_of_a_file_says_the_first_and_how_many_more() -> None:
    with pytest.raises(PromptError) as caught:
        loader.parse(FAULTS.encode(), "tags.yaml")
    assert str(caught.value) == ("tags.yaml:3:9: <oops> is not a variable (and 12 more). "
                                 "Add it to vars, or to literals if it is text.")
    assert len([finding for finding in caught.value.findings if finding.level == "error"]) == 13


@pytest.mark.parametrize("wrong", [
    "evaluation: {require: [{metric: accurcy, model: tuned, min: 1}]}", "evaluation: {require: [{metric: nll}]}",
    "training: {budget: {amount: 10, epochs: none}}", "training: {sources: [{where: {a: {min: b}}, path: x}]}",
    "messages: [{role: usr, content: x}]", "segments: [{weight: 1}]",
])
def test_a_wrong_value_hides_no_other_mistake(wrong: str) -> None:
    form = "" if wrong.startswith(("messages", "segments")) else "prompt: x\n"
    found = say(f"pen: 1\ntitle: T\nn-completions: 3\n{wrong}\n{form}best-of: 2\n")
    assert any("best-of: it must be at least" in one for one in found), found
    assert any(one.startswith("t.yaml:4:") for one in found), found


@pytest.mark.parametrize(("line", "message"), [
    ("pen: 2", "pen: expected 1, the schema's version, got 2"),
    ("title: ''", "title: expected a title of 1 to 80 signs, got ''"),
    ("title: 5", "title: expected a title of 1 to 80 signs, got 5"),
    ("title: ???", "title: it has no letter from a to z and no digit to name a command by; give the definition a name"),
    ("name: Not A Slug", "name: expected a name of lower-case letters, digits and single hyphens, got 'Not A Slug'"),
    ("aliases: [ok, Not]", "aliases[1]: expected a name of lower-case letters, digits and single hyphens, got 'Not'"),
    ("aliases: one", "aliases: expected a list, got 'one'"),
    ("description: [a]", "description: expected text, got [a]".replace("[a]", "['a']")),
    ("prompt: 5", "prompt: expected text, got 5; put it in quotes"),
    ("in-development: maybe", "in-development: expected true or false, got 'maybe'"),
    ("temperature: 3", "temperature: expected a number from 0 to 2, got 3"),
    ("temperature: '1'", "temperature: expected a number from 0 to 2, got '1'"),
    ("temperature: .nan", "temperature: expected a number from 0 to 2, got nan"),
    ("temperature:", "temperature is empty; give it a value, or remove the key"),
    ("top-p: true", "top-p: expected a number from 0 to 1, got true"),
    ("n-completions: 129", "n-completions: expected a whole number from 1 to 128, got 129"),
    ("n-completions: 1.0", "n-completions: expected a whole number from 1 to 128, got 1.0"),
    ("max-tokens: 0", "max-tokens: expected a whole number above 0, or a template, got 0"),
    ("stop-sequences: ['']", "stop-sequences[0]: expected text that is not empty, got ''"),
    ("format: {prompt_end: x}", "unknown key 'prompt_end'; did you mean 'prompt-end'?"),
    ("format: x", "format: expected a mapping, got 'x'"),
    ("format: {completion-end: ''}", "format.completion-end: expected text that is not empty, got ''"),
    ("literals: [joke]", "literals[0]: expected a placeholder's text such as '<joke>', got 'joke'"),
    ("messages: []", "prompt and messages exclude each other; keep one of them"),
    ("segments: [{text: x}]", "prompt and segments exclude each other; keep one of them"),
    ("kind: promt", "kind: expected prompt or dataset, got 'promt'"),
    ("include: nothing-like-it", "there is no definition 'nothing-like-it' to include"),
    ("include: pun-compleet", "there is no definition 'pun-compleet' to include; did you mean 'pun-complete'?"),
    ("include: [a]", "include: expected text that is not empty, got ['a']"),
    ("classes: {var: c}", "classes.var: 'c' is not a variable"),
    ("classes: {encode: number}", "classes: numbers need labels or labels-file, which give their order"),
    ("classes: {labels: [one, one]}", "classes.labels: 'one' is listed twice; remove one"),
    ("classes: {labels: [' one']}", "classes.labels[0]: expected a label: one line without spaces at its ends"),
    ("classes: {labels: []}", "classes.labels: there is none"),
    ("classes: {labels: [x], labels-file: y}", "classes: labels and labels-file exclude each other"),
    ("classes: {var: a}", "classes: the completion must hold 'a' and no other variable"),
    ("classes: {start: -1}", "classes.start: expected a whole number of at least 0, got -1"),
    ("prompt-filter: [strip, sort]", "prompt-filter[1]: there is no filter 'sort'"),
    ("postprocessor: pen-c ascify", "postprocessor: pen runs no shell and no elisp; write [ascii] instead"),
    ("repeater: 'You: <oops>'", "<oops> is not a variable"),
    ("repeater: 5", "repeater: expected text, got 5; put it in quotes"),
    ("completion: on", "completion is a template here, the text the model should write; "
     "the old flag is called completion-at-point"),
    ("vars: a", "vars: expected a list, got 'a'"),
    ("vars: [{a: {}, b: {}}]", "vars[0]: expected NAME or NAME: {…}"),
    ("vars: [a: text]", "vars.a: expected a mapping of the variable's fields; write `- a: {type: text}`"),
    ("vars: [a, b: {form: region}]", "unknown key 'form'; did you mean 'from'?"),
    ("vars: [a, b: {from: clipboard}]", "vars.b.from: expected "),
    ("vars: [a, b: {name: c}]", "vars.b: a variable's name is its key"),
    ("vars: [a, b: {preprocessor: [{first: 0}]}]", "vars.b.preprocessor[0]: expected {first: NUMBER}"),
    ("vars: [a, b, ###]\n", "###] starts a comment, so the list never ends; write '###'"),
    ("tests: [{var: {a: x}}]", "unknown key 'var'; did you mean 'vars'?"),
    ("tests: [{vars: {a: x}, expect: [{regex: '('}]}]", "tests[0].expect[0].regex: not a regular expression"),
    ("evaluation: {expect: [{not-regex: '['}]}", "evaluation.expect[0].not-regex: not a regular expression"),
    ("evaluation: {require: [{metric: accurcy, model: tuned, min: 1}]}", "got 'accurcy'; did you mean 'accuracy'?"),
    ("evaluation: {require: [{metric: accuracy}]}", "evaluation.require[0]: key 'model' is missing"),
    ("filtre: on", "unknown key 'filtre'; did you mean 'filter'?"),
    ("xyzzy: on", "unknown key 'xyzzy'"),
])
def test_a_wrong_value_is_one_sentence(line: str, message: str) -> None:
    key = line.partition(":")[0]
    text = "\n".join([*(other for other in SHORT.splitlines() if other.partition(":")[0] != key), line])
    found = say(text)
    assert any(message in one for one in found)
    # One mistake is one message, unless it is a broken text that hides what follows.
    assert len(found) == 1


def test_what_an_include_might_have_brought_is_not_reported_as_missing() -> None:
    found, = say("pen: 1\ntitle: T\ninclude: nothing-like-it\ncompletion: <inherited>\ntraining: {}\n")
    assert found.startswith("t.yaml:3:10: there is no definition 'nothing-like-it' to include")


@pytest.mark.parametrize(("text", "message"), [
    ("messages: []", "messages: there is none of the user"),
    ("messages: [{role: assistant, content: x}]", "messages: the only one is the completion"),
    ("messages: [{role: bot, content: x}]", "messages[0].role: expected 'system', 'developer', 'user' or 'assistant'"),
    ("messages: [{role: user, content: x}, {role: system, content: y}]",
     "messages[1]: only the first message can be of the system"),
    ("messages: [{role: user, content: x, weight: 1}]", "unknown key 'weight'"),
    ("messages: [{role: user, content: x}]\nformat: {prompt-end: x}",
     "the model's chat template is the boundary of messages; remove format"),
    ("messages: [{role: user, content: x}]\ncompletion: y", "messages hold the completion too; make it the last"),
    ("messages: [{role: user, content: x}]\nbest-of: 3", "a chat request has no best-of"),
    ("messages: [{role: user, content: <x>}]", "<x> is not a variable"),
    ("segments: []", "segments: there is none"),
    ("segments: [{text: x, generate: on}]", "segments: the first one is what the model reads"),
    ("segments: [{text: x}]\ncompletion: y", "segments hold the completion too; make it the first segment with"),
    ("segments: [{text: x, weight: 0}, {text: y, weight: 0}]", "segments: at least one weight must be above 0"),
    ("segments: [{text: x, weight: -1}]", "segments[0].weight: expected a number of at least 0, got -1"),
    ("segments: [{text: x}]\nformat: {completion-end: y}\ntraining: {}",
     "training needs a completion template; give a segment `generate: true`"),
    ("messages: [{role: user, content: x}]\ntraining: {}",
     "training needs a completion template; end messages with a turn of the assistant"),
    ("segments: [{text: x}]\nrepeater: '{}'", "repeater: {} is the last variable that the prompt uses"),
])
def test_a_wrong_form_is_one_sentence(text: str, message: str) -> None:
    found, = say(f"pen: 1\ntitle: T\n{text}\n")
    assert message in found


@pytest.mark.parametrize("words", ["on", "yes", "true", "True"])
def test_flags_read_the_words_people_write(words: str) -> None:
    assert define(SHORT + f"filter: {words}").filter is True


def test_missing_title_and_prompt_are_named() -> None:
    assert say("pen: 1\n") == [
        "t.yaml:1:1: key 'prompt' is missing; a definition has one of prompt, messages and segments",
        "t.yaml:1:1: key 'title' is missing"]


def test_a_file_with_neither_pen_nor_a_prompt_is_one_clear_error() -> None:
    assert say("title: Notes\nservices: [a, b]\n") == ["t.yaml:1:1: there is neither `pen: 1` nor a prompt; "
                                                       "add `pen: 1` if the file is a definition"]


@pytest.mark.parametrize("text", ["just text", "- a\n- b", "null", "5"])
def test_a_file_that_is_no_mapping_is_one_clear_error(text: str) -> None:
    assert say(text) == ["t.yaml:1:1: a definition is a mapping of keys, such as `title: Pun complete`"]


def test_a_place_inside_a_block_text_is_its_own_line() -> None:
    text = SHORT.replace("prompt: <a>", "prompt: |\n  Two lines\n  and <oops> <a>")
    assert say(text) == ["t.yaml:5:7: <oops> is not a variable; add it to vars, or to literals if it is text"]


def test_two_variables_of_one_name_are_one_error() -> None:
    text = SHORT.replace("completion: <b>", "completion: <a>").replace("[a, b]", "[a, a: {type: list, example: [END]}]")
    assert say(text) == ["t.yaml:5:11: vars: 'a' is listed twice; remove one",
                         "t.yaml:5:36: completion-end 'END' is inside the example completion and would cut it there; "
                         "use another completion-end, or normalise: {newlines: space}"]


def test_numbers_are_values_as_they_were_written() -> None:
    definition = define("""\
        pen: 1
        title: T
        prompt: <a> <b>
        vars:
        - a: {type: choice, choices: [1.10, 2, yes, true], default: 2}
        - b: {type: list, example: [1.50, 007, x]}
        tests: [{vars: {a: 1.10, b: [1, 2.0]}}]
        """)
    assert definition.vars[0].choices == ("1.10", "2", "yes", "true")
    assert definition.vars[0].default == "2"
    assert definition.vars[1].example == ("1.50", "007", "x")
    assert definition.tests[0].vars == {"a": "1.10", "b": ("1", "2.0")}


def test_a_definition_knows_where_its_keys_stand() -> None:
    definition = define(SHORT)
    assert definition.where("format", "prompt-end") == "t.yaml:6:22"
    assert definition.where("model") == "t.yaml:1:1"


def test_a_definition_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        define(SHORT).title = "other"


def test_a_message_never_quotes_a_long_value() -> None:
    secret = "s3cret" * 20
    finding, = say(SHORT + f"temperature: {secret}")
    assert "s3cret" not in finding


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no file"):
        loader.load(tmp_path / "absent.yaml")
    with pytest.raises(NotFoundError):
        loader.load(tmp_path)


KEYS = sorted({key for model in (Definition, DatasetSpec, Format, Message, Segment, Classes,
                                 TrainingSpec, ExampleSpec, Split, Dedupe, Step, Filter, Source,
                                 Condition, EvaluationSpec, Expectation, Variable) for key in keys_of(model)})
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(
    ["on", "region", "list", "<jokes>", "<x>", "jokes", "\n", "2h", "auto", "choice", "near", *KEYS])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(KEYS), inner, max_size=4), max_leaves=15)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6),
       st.lists(st.just("jokes") | st.dictionaries(st.sampled_from(["jokes", "x"]), VALUES, max_size=2), max_size=3))
def test_no_file_makes_the_loader_fail(keys: dict[str, object], variables: list[object]) -> None:
    tree = {"pen": 1, "title": "T", "prompt": "<jokes>", "vars": variables, **keys}
    definition, findings = loader.check(json.dumps(tree).encode(), "f")
    assert (definition is None) == any(finding.level == "error" for finding in findings)
    assert all(finding.where and finding.where.count(":") == 2 for finding in findings)


@given(st.binary(max_size=40))
def test_no_bytes_make_the_loader_fail(data: bytes) -> None:
    definition, findings = loader.check(b"pen: 1\n" + data, "f")
    assert definition is None
    assert findings


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_no_training_set_makes_the_loader_fail(keys: dict[str, object]) -> None:
    tree = {"pen": 1, "kind": "dataset", "name": "t", "prompt": "pun-complete", **keys}
    loaded, findings = loader.check(json.dumps(tree).encode(), "f")
    assert (loaded is None) == any(finding.level == "error" for finding in findings)
    assert all(finding.where and finding.where.count(":") == 2 for finding in findings)
