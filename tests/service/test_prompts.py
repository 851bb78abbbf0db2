from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.errors import DataError, NotFoundError, PromptError
from pen_backend.service.context import Context
from pen_backend.service.prompts import Prompts
from pen_backend.service.registry import build_registry


@pytest.fixture
def prompts(tmp_path: Path, environ: dict[str, str]) -> Prompts:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "broken.yaml").write_text("pen: 1\ntitel: x\nprompt: y\n")
    return Prompts(Context(environ=environ, project=tmp_path))


def test_shipped_definitions_are_listed_with_what_a_command_needs(prompts: Prompts) -> None:
    listed = {summary.slug: summary for summary in prompts.list()}
    assert set(listed) >= {"pun-complete", "joke-token"}
    pun = listed["pun-complete"]
    assert pun.arity == 1
    assert pun.description == "Continue a list of puns with more of the same type."
    assert [variable.name for variable in pun.variables] == ["jokes", "more"]
    assert (pun.variables[0].type, pun.variables[0].source) == ("list", "region-or-preceding")
    assert (pun.variables[0].example or "").count("\n") == 1


def test_render_gives_what_the_model_reads(prompts: Prompts) -> None:
    rendered = prompts.render("pun-complete", {"jokes": "one\n\ntwo\n"})
    assert (rendered.prompt, rendered.completion, rendered.stop) == ("one\ntwo\n", None, [" END"])


def test_what_cannot_be_rendered_says_why(prompts: Prompts) -> None:
    with pytest.raises(NotFoundError, match="There is no prompt 'nope'"):
        prompts.render("nope", {})
    with pytest.raises(DataError, match="'jokes' has no value"):
        prompts.render("pun-complete", {})
    with pytest.raises(PromptError, match="unknown key 'titel'; did you mean 'title'"):
        prompts.render("broken", {})


def test_examples_stand_for_what_is_missing_only_when_asked(prompts: Prompts) -> None:
    rendered = prompts.render("pun-complete", {"jokes": "one"}, example=True)
    assert rendered.prompt == "one\n"
    assert rendered.completion == "What do you call a loop with manners? While you wait. END"


def test_show_says_all_of_a_definition(prompts: Prompts) -> None:
    shown = prompts.show("pun-complete")
    assert (shown.name, shown.prompt_end, shown.completion_end) == ("pun-complete", "\n", " END")
    assert (shown.weights, shown.stop, shown.findings) == ([0.3, 0.7], [" END"], [])
    assert shown.example is not None
    assert shown.example.prompt.endswith("Lonely, but in order.\n")
    assert "title: Pun complete" in shown.text


def test_show_says_all_of_a_training_set_of_its_own(prompts: Prompts) -> None:
    shown = prompts.show("puns-from-everywhere")
    assert (shown.name, shown.summary.kind, shown.summary.arity) == ("puns-from-everywhere", "dataset", 0)
    assert (shown.weights, shown.completion_end) == ([0.3, 0.7], " END")
    assert shown.format_hash == prompts.show("pun-complete").format_hash
    assert shown.training
    assert (shown.training.prompt, len(shown.training.sources)) == ("pun-complete", 4)
    assert "kind: dataset" in shown.text
    assert shown.example
    assert prompts.show("continue").training is None


def test_a_page_says_of_a_set_where_its_records_come_from(prompts: Prompts) -> None:
    page = prompts.page("puns-from-everywhere")
    assert page.startswith("puns-from-everywhere (a training set)\nPuns of one org file")
    assert "\nprompt              pun-complete\n" in page
    assert "\nstep 3              dedupe {exact: casefold, near: 0.7}\n" in page
    assert [line.split()[:2] for line in page.splitlines() if "written for pen" in line] == [
        ["puns.org", "org"], ["data/jokes/reddit.json", "jokes"], ["data/jokes/stupidstuff.json", "jokes"],
        ["data/jokes/wocka.json", "jokes"]]
    assert "A row of its example:" in page
    assert "arguments" not in page


def test_a_set_whose_prompt_is_not_there_says_so_when_it_is_shown(prompts: Prompts, tmp_path: Path) -> None:
    (tmp_path / "prompts" / "lost.yaml").write_text("pen: 1\nkind: dataset\nname: lost\nprompt: pun-complet\n")
    with pytest.raises(PromptError, match="pun-complet"):
        prompts.page("lost")


def test_a_definition_without_examples_has_none_to_show(prompts: Prompts, tmp_path: Path) -> None:
    (tmp_path / "prompts" / "bare.yaml").write_text("pen: 1\ntitle: Bare\nprompt: <a>\nvars: [a]\n")
    assert prompts.show("bare").example is None


def test_lint_looks_at_a_name_a_file_or_all_of_a_directory(prompts: Prompts, tmp_path: Path) -> None:
    directory = tmp_path / "prompts"
    (directory / "warned.yaml").write_text("pen: 1\ntitle: W\nprompt: x\nvars: [a]\n")
    found = [(one.id, one.level, one.where) for one in prompts.lint([str(directory)])]
    assert found == [("unknown-key", "error", f"{directory}/broken.yaml:2:1"),
                     ("unused-var", "warning", f"{directory}/warned.yaml:4:8")]
    assert [one.id for one in prompts.lint([str(directory / "warned.yaml")])] == ["unused-var"]
    assert [one.id for one in prompts.lint(["broken", "w"])] == ["unknown-key", "unused-var"]
    assert {one.id for one in prompts.lint([])} == {"unknown-key", "unused-var"}


def test_what_an_included_file_has_wrong_is_said_once(prompts: Prompts, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "prompts" / f"{name}.yaml").write_text(f"pen: 1\ntitle: {name}\ninclude: broken\n")
    assert [one.id for one in prompts.lint([str(tmp_path / "prompts")])].count("unknown-key") == 1


def test_lint_of_a_text_that_is_not_saved_yet(prompts: Prompts) -> None:
    found, = prompts.lint(["/home/x/t.yaml"], text="pen: 1\ntitle: T\nprompt: <oops>\n")
    assert (found.id, found.where) == ("undeclared", "/home/x/t.yaml:3:9")
    assert prompts.lint([], text="pen: 1\ntitle: T\nprompt: fine\n") == []


def test_lint_of_what_is_not_there_is_an_error(prompts: Prompts, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("nope", str(tmp_path / "empty"), str(tmp_path / "absent.yaml")):
        with pytest.raises(NotFoundError):
            prompts.lint([name])


def test_lint_counts_with_the_vocabulary_of_the_model(prompts: Prompts) -> None:
    text = ("pen: 1\ntitle: T\nprompt: <a>\ncompletion: <b>\nformat: {prompt-end: '->', completion-end: END}\n"
            "vars: [a: {example: one}, b: {example: two}]\nmax-tokens: 2\n")
    assert [one.id for one in prompts.lint([], text=text)] == ["max-tokens-short"]
    unknown, = prompts.lint([], text=f"{text}model: nobodys-model\n")
    assert (unknown.id, unknown.level, unknown.where) == ("vocabulary", "note", "definition:8:8")


KEYS = st.sampled_from(["title", "prompt", "completion", "vars", "format", "classes", "max-tokens", "tests", "segments",
                        "messages", "training", "kind", "include", "literals", "stop-sequences", "prompt-filter"])
VALUES = st.sampled_from(["x", "<a>", "[a, b]", "{a: 1}", "[a: {example: b}]", "'<a> <b>'", "1", "[{}]", "on", "",
                          "{labels: [x, y]}", "{labels-file: ../../x}", "{prompt-end: END, completion-end: END}",
                          "[{text: <a>}, {text: b, generate: on}]", "pun-complete", "dataset", "[strip]", "'#'", "{"])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.tuples(KEYS, VALUES), max_size=8, unique_by=lambda line: line[0]), rest=st.text(max_size=9))
def test_lint_of_any_text_says_what_is_wrong_and_nothing_else_happens(
        prompts: Prompts, lines: list[tuple[str, str]], rest: str) -> None:
    text = "pen: 1\n" + "".join(f"{key}: {value}\n" for key, value in lines) + rest
    assert all(one.message and one.id for one in prompts.lint([], text=text))
    assert [one.id for one in prompts.lint([], text=f"{text}\udcff")] == ["encoding"]


def test_the_schema_is_the_one_in_the_repository(prompts: Prompts) -> None:
    committed = Path(__file__).parents[2] / "prompts" / "schema.json"
    assert prompts.schema() == committed.read_text(), "run `make stubs`"


def test_the_methods_may_cross_the_link(prompts: Prompts) -> None:
    assert list(build_registry({"prompts": prompts})) == [
        "prompts-catalogue", "prompts-lint", "prompts-list", "prompts-page", "prompts-render", "prompts-schema",
        "prompts-show"]


def test_the_catalogue_has_what_a_command_is_made_of_and_names_both_files_of_one_name(tmp_path: Path,
                                                                                      environ: dict[str, str]) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.yaml").write_text("pen: 1\ntitle: Twice\nprompt: x\n")
    (folder / "c.yaml").write_text(
        "pen: 1\ntitle: Tidy\naliases: [neat]\nfilter: on\nn-completions: 2\nprompt: <tone> <text>\n"
        "vars: [{tone: {type: choice, choices: [dry, wet], default: dry}}, text]\n")
    (folder / "d.yaml").write_text("pen: 1\ntitle: [\n")
    found = Prompts(Context(environ=environ, project=tmp_path)).catalogue()
    tidy = next(one for one in found.definitions if one.slug == "tidy")
    assert (tidy.aliases, tidy.use, tidy.n, tidy.arity) == (["neat"], "filter", 2, 2)
    assert (tidy.variables[0].choices, tidy.variables[0].default) == (["dry", "wet"], "dry")
    assert "twice" not in {one.slug for one in found.definitions}
    clash = [one for one in found.broken if one.id == "slug-clash"]
    assert [one.message for one in clash] == ["a.yaml and b.yaml would both be the command 'twice'"] * 2
    assert any("d.yaml" in (one.where or "") for one in found.broken)


@pytest.mark.parametrize(("keys", "use"), [("filter: on\ninsertion: on", "filter"), ("insertion: on", "insertion"),
                                           ("completion-at-point: on", "point"), ("", "buffer")])
def test_the_catalogue_says_where_an_answer_goes(keys: str, use: str, tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "one.yaml").write_text(f"pen: 1\ntitle: One\nprompt: x\n{keys}\n")
    found = Prompts(Context(environ=environ, project=tmp_path)).catalogue()
    assert next(one for one in found.definitions if one.slug == "one").use == use


def test_a_directory_of_ones_own_stands_for_the_usual_one(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "one.yaml").write_text("pen: 1\ntitle: One\nprompt: x\n")
    context = Context(environ={**environ, "PEN_PROMPTS_DIRECTORY": str(tmp_path / "mine")})
    assert {"one", "pun-complete"} <= {one.slug for one in Prompts(context).list()}
