import io
import json
from pathlib import Path

import pytest

from pen_backend.service.context import Context
from tests.conftest import environment
from tests.transports.test_cli import Screen, run

BAD = "pen: 1\ntitle: Bad\nprompt: <oops>\ntemprature: 1\n"
WARNED = "pen: 1\ntitle: Warned\nprompt: x\nvars: [a]\n"


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "bad.yaml").write_text(BAD)
    (tmp_path / "prompts" / "warned.yaml").write_text(WARNED)
    return Context(environ=environment(tmp_path), project=tmp_path)


def test_lint_says_every_error_of_every_file_where_an_editor_can_follow(context: Context, tmp_path: Path) -> None:
    code, out, err = run(context, "prompts", "lint", str(tmp_path / "prompts"))
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        f"{tmp_path}/prompts/bad.yaml:3:9: <oops> is not a variable; add it to vars, or to literals if it is text",
        f"{tmp_path}/prompts/bad.yaml:4:1: unknown key 'temprature'; did you mean 'temperature'?",
        f"{tmp_path}/prompts/warned.yaml:4:8: warning: variable 'a' is used in no template",
    ]


def test_warnings_alone_are_no_failure_and_quiet_hides_them(context: Context, tmp_path: Path) -> None:
    path = str(tmp_path / "prompts" / "warned.yaml")
    assert run(context, "prompts", "lint", path)[0] == 0
    assert run(context, "prompts", "lint", "--quiet", path) == (0, "", "")


def test_lint_as_json_is_one_list(context: Context) -> None:
    code, out, _ = run(context, "prompts", "lint", "--json", "bad")
    assert code == 2
    assert [(one["id"], one["level"]) for one in json.loads(out)] == [("undeclared", "error"), ("unknown-key", "error")]


def test_show_prints_the_boundary_and_the_example(context: Context) -> None:
    code, out, err = run(context, "prompts", "show", "pun-complete")
    assert (code, err) == (0, "")
    assert 'answer ends with    " END"' in out
    assert "⟦What do you call a loop with manners? While you wait. END⟧" in out


def test_show_as_json_is_a_record_and_of_several_a_list(context: Context) -> None:
    assert json.loads(run(context, "prompts", "show", "--json", "joke-token")[1])["name"] == "joke-token"
    both = json.loads(run(context, "prompts", "show", "--json", "joke-token", "pun-complete")[1])
    assert [one["name"] for one in both] == ["joke-token", "pun-complete"]


def test_show_has_a_page_for_a_training_set_and_one_for_its_prompt(context: Context) -> None:
    code, out, _ = run(context, "prompts", "show", "jokes-by-hand", "joke-token")
    assert code == 0
    assert "jokes-by-hand (a training set)\n" in out
    assert "data/jokes-test.jsonl" in out
    assert "side: valid" in out
    shown = json.loads(run(context, "prompts", "show", "--json", "jokes-by-hand")[1])
    assert shown["training"]["prompt"] == "joke-token"


def test_the_schema_is_json(context: Context) -> None:
    code, out, _ = run(context, "prompts", "schema")
    assert code == 0
    assert json.loads(out)["$schema"].endswith("2020-12/schema")


def test_render_prints_what_is_sent_to_the_last_sign(context: Context) -> None:
    assert run(context, "prompts", "render", "joke-token") == (0, "<joke>", "")
    assert run(context, "prompts", "render", "pun-complete", "a\n\nb") == (0, "a\nb\n", "")
    assert run(context, "prompts", "render", "pun-complete")[0] == 2
    assert run(context, "prompts", "render", "pun-complete", "--example")[1].endswith("in order.\n")
    assert json.loads(run(context, "prompts", "render", "joke-token", "--json")[1])["stop"] == ["\n"]


def test_a_chat_is_rendered_message_by_message(context: Context, tmp_path: Path) -> None:
    (tmp_path / "prompts" / "chat.yaml").write_text("""\
pen: 1
title: Chat
messages:
- {role: system, content: Be brief.}
- {role: user, content: <question>}
- {role: assistant, content: <answer>}
vars: [question: {example: "Why?"}, answer: {example: So.}]
""")
    _, out, _ = run(context, "prompts", "render", "chat", "When?")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "When?"}]
    assert "    user: Why?\n    assistant: ⟦So.⟧" in run(context, "prompts", "show", "chat")[1]


def test_show_knows_defaults_and_the_weights_of_segments(context: Context, tmp_path: Path) -> None:
    (tmp_path / "prompts" / "mood.yaml").write_text("""\
pen: 1
title: Mood
prompt: <mood> or <other>
vars: [mood: {default: glad}, other: {example: sad}]
""")
    out = run(context, "prompts", "show", "mood")[1]
    assert out.startswith("Mood\n\nname ")
    assert "    glad or sad\n" in out
    assert "loss weights        0 1 0 0.5\n" in run(context, "prompts", "show", "pun-explained")[1]


def test_training_sets_of_their_own_are_listed_below_the_prompts(context: Context) -> None:
    prompts, sets = run(context, "prompts", "list")[1].split("\n\n")
    assert "jokes-by-hand" not in prompts
    assert ["jokes-by-hand", "joke-token", "Rows"] in [line.split()[:3] for line in sets.splitlines()]
    assert "jokes-by-hand" not in [one["slug"] for one in json.loads(run(context, "prompts", "list", "--json")[1])]


def test_a_terminal_gets_a_line_end(context: Context) -> None:
    from pen_backend.transports.cli import main

    out = Screen()
    assert main(["prompts", "render", "joke-token"], context=context, out=out, err=io.StringIO()) == 0
    assert out.getvalue() == "<joke>\n"
