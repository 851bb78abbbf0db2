from pathlib import Path

import pytest

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


def test_the_methods_may_cross_the_link(prompts: Prompts) -> None:
    assert list(build_registry({"prompts": prompts})) == ["prompts-list", "prompts-render"]
