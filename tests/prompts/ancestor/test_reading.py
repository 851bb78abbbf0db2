"""The keys of older files: what each becomes, and that none makes a file fail."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.errors import RefusedError
from pen_backend.prompts import loader, template
from pen_backend.prompts.filters import read
from tests.prompts.ancestor.files import old, warnings
from tests.prompts.ancestor.watch import watched

PLAIN = "title: Name a thing\nprompt: |\n  A thing that is <1>:\nvars: [quality]\n"


def test_a_file_without_pen_is_read_as_an_older_one() -> None:
    definition = old(PLAIN)
    assert definition.ancestor is not None
    assert (definition.slug, definition.arity, definition.prompt) == ("name-a-thing", 1, "A thing that is <1>:\n")
    assert definition.findings == ()


@pytest.mark.parametrize(("line", "field", "value"), [
    ("doc: Names a thing.", "description", "Names a thing."), ("description: D", "description", "D"),
    ("response-length: 12", "max_tokens", 12), ("max-tokens: <1>", "max_tokens", "<1>"),
    ("version: 3", "prompt_version", 3), ("needs-work: true", "in_development", True),
    ("disabled: yes", "in_development", True), ("in-development: false", "in_development", False),
    ("chomp-start: false", "no_trim_start", True), ("chomp-end: true", "no_trim_end", False),
    ("completion: true", "completion_at_point", True), ("can-complete: on", "completion_at_point", True),
    ("completer: false", "completion_at_point", False), ("aliases: Say It", "aliases", ("say-it",)),
    ("aliases: [one two, three]", "aliases", ("one-two", "three")), ("stop-sequences: '##'", "stop_sequences", ("##",)),
    ("stop-sequences: ['##', 1.10]", "stop_sequences", ("##", "1.10")), ("engine: some-model", "model", "some-model"),
    ("preferred-openai-engine: m", "model", "m"), ("engine: davinci-002", "model", "davinci-002"),
    ("n-collate: 2", "n_collate", 2), ("insertion: true", "insertion", True), ("cache: on", "cache", True),
    ("conversation-mode: true", "conversation_mode", True), ("repeater: 'In: {}'", "repeater", "In: {}"),
    ("prompt-filter: pen-c ascify", "prompt_filter", ("ascii",)),
    ("postprocessor: sed 's/- //' | uniqnosort", "postprocessor", ("unbullet", "uniq")),
    ("top-p: 1.0", "top_p", 1.0), ("presence-penalty: 0.5", "presence_penalty", 0.5),
])
def test_an_old_key_becomes(line: str, field: str, value: object) -> None:
    definition = old(f"{PLAIN}{line}\n")
    assert getattr(definition, field) == value
    assert definition.findings == ()


def test_the_newer_name_of_a_key_counts() -> None:
    assert old(f"{PLAIN}response-length: 5\nmax-tokens: 9\ndoc: a\ndescription: b\n").max_tokens == 9


def test_what_continues_a_text_keeps_the_space_it_begins_with() -> None:
    assert old(f"{PLAIN}completion: true\n").no_trim_start
    assert not old(f"{PLAIN}completion: true\nno-trim-start: false\n").no_trim_start


@pytest.mark.parametrize("engine", ["davinci", "davinci-instruct-beta", "text-davinci-003", "Curie",
                                    "code-davinci-002"])
def test_a_retired_model_gives_way_to_the_default_and_that_is_a_note(engine: str) -> None:
    definition = old(f"{PLAIN}engine: {engine}\n")
    assert definition.model is None
    assert definition.ancestor is not None
    assert definition.ancestor.engine == engine
    assert [(one.level, one.where) for one in definition.findings] == [("note", "old.prompt:5:9")]


def test_what_has_no_place_is_kept_in_meta() -> None:
    definition = old(f"{PLAIN}issues:\n- Slow\nheading-name: H\nmy-own: 3\n")
    assert definition.meta == {"issues": ["Slow"], "heading-name": "H", "my-own": 3}
    assert definition.findings == ()


def test_programs_are_kept_unread_with_one_warning() -> None:
    text = f"{PLAIN}external: rm -rf ~\nlm-command: sh\nprettifier: fmt\nexpressions: [(shell-command 'id')]\n"
    assert old(text).meta["external"] == "rm -rf ~"
    assert warnings(text) == ["old.prompt:5:1: external, lm-command, prettifier, expressions: pen runs no programs of "
                              "a prompt"]


def test_keys_of_the_newer_schema_are_named_since_they_have_no_effect() -> None:
    assert warnings(f"{PLAIN}training: {{}}\n") == [
        "old.prompt:5:1: training: not used without `pen: 1`; add `pen: 1` if the file is a definition of this version"]
    text = f"{PLAIN}completion: The <thing>\n"
    assert old(text).completion is None
    assert warnings(text) == ["old.prompt:5:13: completion was a flag before `pen: 1`; this text is not used; "
                              "add `pen: 1` if it is what the model should write"]


def test_of_two_equal_keys_the_later_counts_and_both_lines_are_named() -> None:
    text = f"{PLAIN}temperature: 0.1\ntemperature: 0.9\n"
    assert old(text).temperature == 0.9
    assert warnings(text) == ["old.prompt:6:1: key 'temperature' stands here again after line 5; this one counts; "
                              "remove one"]


@pytest.mark.parametrize(("line", "warning"), [
    ("temperature: hot", "5:14: temperature: expected a number from 0 to 2, got 'hot'; it is not used"),
    ("response-length: [1]", "5:18: max-tokens: expected a whole number above 0, or a template, got [1]; it is not "
                             "used"),
    ("aliases: [{a: 1}]", "5:11: aliases[0] is no text; it is not used"),
    ("stop-sequences:\n- ###", "6:3: stop-sequences[0] is empty because ### starts a comment; write '###'"),
    ("n-completions: 4\nbest-of: 2", "6:10: best-of: 2 is fewer than n-completions, 4; it is not used"),
])
def test_a_value_that_does_not_fit_is_left_out_with_a_warning(line: str, warning: str) -> None:
    assert warnings(f"{PLAIN}{line}\n") == [f"old.prompt:{warning}"]


def test_a_file_without_a_usable_title_is_called_after_its_name(tmp_path: Path) -> None:
    path = tmp_path / "good-name.prompt"
    path.write_text("title: 日本\nprompt: x\n")
    assert loader.load(path).slug == "good-name"


def test_angles_that_name_no_variable_stay_as_they_are() -> None:
    text = "title: T\nprompt: 'a <--b--> <q:1> <3> <1>'\nvars: [v]\n"
    assert template.render(old(text), {"v": "<2> <--b-->"}).prompt == "a <--b--> <q:1> <3> <2> <--b-->"
    assert warnings(text) == ["old.prompt:2:26: there is no variable 3, so <3> stays as it is"]


@pytest.mark.parametrize("prompt", ["prompt:", "prompt: ''", "prompt: [a]", "include: nothing"])
def test_a_file_without_a_prompt_loads_and_says_so(prompt: str) -> None:
    assert "the prompt is empty" in [finding.message for finding in old(f"title: T\n{prompt}\n").findings]


def test_newlines_at_the_end_of_a_prompt_go_and_spaces_stay() -> None:
    assert template.render(old("title: T\nprompt: \"<1>: \\n\\n\"\nvars: [v]\n"), {"v": "a"}).prompt == "a: "


def test_a_value_keeps_its_last_newline_inside_a_prompt() -> None:
    assert template.render(old("title: T\nprompt: '<1>-'\nvars: [v]\n"), {"v": "- a\r\n"}).prompt == "- a\n-"


def test_what_follows_the_mark_begins_the_answer() -> None:
    definition = old("title: T\nprompt: |\n  Things:\n  <:pp><1>-\nvars: [begun]\n")
    values = {"begun": "- one\n"}
    assert template.render(definition, values).prompt == "Things:\n- one\n-"
    assert template.parse(template.begun(definition, values), " two\n", "stop").text == "- one\n- two"


def test_an_answer_begins_with_nothing_where_there_is_no_mark() -> None:
    definition = old(PLAIN)
    assert template.begun(definition, {"quality": "red"}) is definition


def test_filters_of_joined_results_come_after_those_of_one() -> None:
    definition = old(f"{PLAIN}n-collate: 2\npostprocessor: sed 's/- //'\npen-collation-postprocessor: uniqnosort\n")
    assert template.postprocess(definition, "- a\n- b\n- a") == "a\nb"


REFUSING = f"{PLAIN}preprocessors:\n- rev | tac\npostprocessor: (shell-command \"id\")\n"


def test_a_refused_filter_marks_the_file_and_running_it_is_refused() -> None:
    definition = old(REFUSING)
    assert [(one.code, one.level, one.where) for one in definition.findings] == [
        ("filter-refused", "warning", "old.prompt:6:3"), ("filter-refused", "warning", "old.prompt:7:16")]
    with pytest.raises(RefusedError) as caught:
        template.request(definition, {"quality": "red"})
    assert caught.value.where == "old.prompt:6:3"
    assert caught.value.exit_code == 5
    assert "write one of strip, lines" in str(caught.value).lower()
    assert [finding.code for finding in caught.value.findings] == ["filter-refused", "filter-refused"]


def test_without_filters_it_runs_on_raw_text() -> None:
    raw = old(REFUSING).without_filters()
    assert template.request(raw, {"quality": "red"})["prompt"] == "A thing that is red:"
    assert template.parse(raw, "- car", "stop").text == "- car"


def test_without_filters_known_ones_are_left_out_too() -> None:
    definition = old(f"{PLAIN}preprocessors: [tr a-z A-Z]\nprompt-filter: pen-c ascify\npostprocessor: uniqnosort\n")
    assert template.render(definition, {"quality": "für"}).prompt == "A thing that is FUR:"
    raw = definition.without_filters()
    assert template.render(raw, {"quality": "für"}).prompt == "A thing that is für:"
    assert (raw.prompt_filter, raw.postprocessor, raw.vars[0].preprocessor) == ((), (), ())
    assert definition.vars[0].preprocessor == read(["upcase"])


def test_an_older_file_includes_another(tmp_path: Path) -> None:
    (tmp_path / "below.prompt").write_text(f"{PLAIN}temperature: 0.3\nmax-tokens: 7\n")
    path = tmp_path / "above.prompt"
    path.write_text("title: Above\ninclude: Name a thing\nmax-tokens: 9\n")
    definition = loader.load(path)
    assert (definition.title, definition.prompt, definition.temperature, definition.max_tokens) == (
        "Above", "A thing that is <1>:\n", 0.3, 9)


def test_an_include_that_cannot_be_had_is_a_warning() -> None:
    assert warnings(f"{PLAIN}include: nowhere at all\n") == [
        "old.prompt:5:10: there is no definition 'nowhere-at-all' to include"]


_KEYS = st.sampled_from([
    "title", "vars", "examples", "var-defaults", "preprocessors", "postprocessor", "prompt-filter", "aliases", "doc",
    "stop-sequences", "temperature", "max-tokens", "n-completions", "best-of", "engine", "include", "version", "filter",
    "completion", "chomp-start", "repeater", "in-development", "issues", "external", "cache", "n-collate", "meta"])
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(
    ["<1>", "<a>", "###", "on", "cat", "uniq", "(pen-selected-text)", "<:pp>"])
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.text(max_size=6) | st.sampled_from(["default", "example", "preprocessor"]), inner, max_size=3), max_leaves=8)


@given(st.dictionaries(_KEYS, _VALUES, max_size=6), st.sampled_from(["Plain", "<1>\n", "<2> <a> <:pp><1>-\n", ""]))
def test_no_key_makes_a_file_fail(keys: dict[str, object], prompt: str) -> None:
    text = json.dumps({**keys, "prompt": prompt}).encode()  # JSON is YAML
    definition, findings = loader.check(text, "old.prompt")
    yaml_errors = {"yaml", "flow-question", "alias", "tag", "encoding", "limit", "hash-comment"}
    assert definition is not None or {one.code for one in findings if one.level == "error"} <= yaml_errors


@pytest.mark.parametrize("program", [
    "touch ran", "`touch ran`", "$(touch ran)", "(shell-command \"touch ran\")", "cat; touch ran", "| touch ran",
    "uniqnosort && touch ran", "{{ ''.__class__ }}", "${IFS}touch ran", "__import__('os').system('touch ran')",
])
def test_nothing_in_an_older_file_runs(program: str) -> None:
    keys = ("preprocessors", "postprocessor", "prompt-filter", "var-defaults", "collation-postprocessor", "external",
            "lm-command", "validation-script", "expressions", "pipelines", "engine", "prompt", "max-tokens", "include")
    text = json.dumps({"title": program, "vars": ["v"], "prompt": program, **{
        key: [program] if key.endswith("s") else program for key in keys}})
    with watched() as started:
        definition = loader.parse(text.encode(), "old.prompt")
        assert template.render(definition, {"v": program}).prompt == program
        template.parse(template.begun(definition, {"v": program}), program, "stop")
    assert started == []


def test_the_watch_notices_a_program() -> None:
    with watched() as started:
        eval("1")
    assert started == ["compile", "exec"]
