"""Definitions of several projects, asked for by one service."""

import threading
from pathlib import Path

import pytest

from pen_backend.errors import NotFoundError, PromptError
from pen_backend.service.completions import Completions
from pen_backend.service.context import Context
from pen_backend.service.datasets import Datasets
from pen_backend.service.prompts import Prompts
from tests.scripted_server import ScriptedServer
from tests.service.context import Kept, scripted
from tests.service.test_completions import answers, asked

WHOLE = """\
pen: 1
title: {title}
prompt: "{text} <topic>"
completion: "<answer>"
vars: [topic, answer]
format: {{prompt-end: "\\n", completion-end: " END"}}
"""


def project(root: Path, title: str, text: str = "Write of") -> Path:
    """Make a project with one definition, called like its title."""
    (root / "prompts").mkdir(parents=True)
    (root / "prompts" / "one.yaml").write_text(WHOLE.format(title=title, text=text))
    return root


@pytest.fixture
def context(environ: dict[str, str]) -> Context:
    return Context(environ=environ)


def test_a_projects_definitions_are_found_from_it_alone(context: Context, tmp_path: Path) -> None:
    here, there = project(tmp_path / "here", "Haiku"), project(tmp_path / "there", "Limerick")
    prompts = Prompts(context)
    assert {"haiku", "pun-complete"} <= {one.slug for one in prompts.list(here)}
    assert not {"haiku", "limerick"} & {one.slug for one in prompts.list()}
    assert prompts.show("limerick", there).summary.path == there / "prompts" / "one.yaml"
    with pytest.raises(NotFoundError, match="no prompt 'limerick'"):
        prompts.show("limerick", here)


def test_a_project_goes_before_ones_own_and_ones_own_before_pens(context: Context, tmp_path: Path) -> None:
    here = project(tmp_path / "here", "Pun complete", "Mine:")
    own = context.directories.config / "prompts"
    own.mkdir(parents=True)
    (own / "one.yaml").write_text(WHOLE.format(title="Pun complete", text="Own:"))
    (own / "two.yaml").write_text(WHOLE.format(title="Haiku", text="Own:"))
    prompts = Prompts(context)
    assert prompts.render("pun-complete", {"topic": "x"}, project=here).prompt == "Mine: x\n"
    assert prompts.render("pun-complete", {"topic": "x"}).prompt == "Own: x\n"
    origins = {one.slug: one.origin for one in prompts.catalogue(here).definitions}
    assert (origins["pun-complete"], origins["haiku"], origins["fable"]) == ("project", "user", "pen")
    outside = tmp_path / "x.yaml"
    outside.write_text(WHOLE.format(title="X", text="X"))
    assert prompts.show(str(outside), here).summary.origin == "file"


def test_a_directory_that_is_no_project_changes_nothing(context: Context, tmp_path: Path) -> None:
    prompts = Prompts(context)
    assert prompts.list(tmp_path) == prompts.list(tmp_path / "nowhere") == prompts.list()


def test_what_is_linted_without_a_name_is_the_projects_too(context: Context, tmp_path: Path) -> None:
    here = project(tmp_path / "here", "Haiku")
    (here / "prompts" / "broken.yaml").write_text("pen: 1\ntitel: x\nprompt: y\n")
    (here / "prompts" / "below.yaml").write_text("pen: 1\ntitle: Below\ninclude: haiku\n")
    prompts = Prompts(context)
    assert "unknown key 'titel'" in " ".join(one.message for one in prompts.lint([], project=here))
    assert not [one for one in prompts.lint([]) if one.level == "error"]
    text = "pen: 1\ntitle: Unsaved\ninclude: haiku\n"  # an editor's text includes what its project has
    elsewhere = [str(tmp_path / "unsaved.yaml")]
    assert not [one for one in prompts.lint(elsewhere, text, here) if one.level == "error"]
    assert [one for one in prompts.lint(elsewhere, text) if one.level == "error"]


def test_a_project_does_not_reach_out_of_itself(context: Context, tmp_path: Path) -> None:
    here = project(tmp_path / "here", "Haiku")
    (tmp_path / "secret.txt").write_text("a\nb\n")
    (here / "prompts" / "one.yaml").write_text(
        WHOLE.format(title="Haiku", text="Of") + "classes: {labels-file: ../../secret.txt}\n")
    with pytest.raises(PromptError, match="outside of"):
        Prompts(context).render("one", {"topic": "x"}, project=here)


def test_a_completion_is_by_the_projects_definition(tmp_path: Path) -> None:
    here = project(tmp_path / "here", "Haiku")
    with ScriptedServer(by_path=answers()) as server:
        completions = Completions(scripted(server, tmp_path))
        result = completions.start("haiku", {"topic": "rain"}, model="m", project=here, events=Kept())
        assert asked(server)["prompt"] == result.prompt == "Write of rain\n"
        with pytest.raises(NotFoundError):
            completions.start("haiku", {"topic": "rain"}, model="m", events=Kept())


def test_threads_ask_for_different_projects_at_once(context: Context, tmp_path: Path) -> None:
    roots = [project(tmp_path / f"p{number}", "Haiku", f"P{number}") for number in range(4)]
    prompts, wrong = Prompts(context), []

    def ask(number: int) -> None:
        for _ in range(25):
            read = prompts.render("haiku", {"topic": "x"}, project=roots[number]).prompt
            if read != f"P{number} x\n":
                wrong.append((number, read))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_a_training_set_is_built_and_checked_by_the_projects_definition(context: Context, tmp_path: Path) -> None:
    here = project(tmp_path / "here", "Haiku")
    rows = "topic,answer\nrain,It falls.\nsnow,It lies.\nwind,It goes.\n"
    (tmp_path / "rows.csv").write_text(rows)
    datasets = Datasets(context)
    plan = datasets.plan("haiku", path=tmp_path / "rows.csv", model="pen-tiny", project=here, events=Kept())
    assert plan.records == 3
    with pytest.raises(NotFoundError):
        datasets.plan("haiku", path=tmp_path / "rows.csv", model="pen-tiny", events=Kept())
    assert datasets.check(plan.train_path, "haiku", project=here, events=Kept()).errors == 0
    with pytest.raises(NotFoundError):
        datasets.check(plan.train_path, "haiku", events=Kept())
