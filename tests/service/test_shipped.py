"""The definitions that come with pen, at work: each builds its training set and passes its own tests on the engine."""

import json
from pathlib import Path

import pytest

from pen_backend.prompts import library, loader
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.evaluation import unmet
from pen_backend.prompts.variables import text_of
from pen_backend.service.completions import Completions
from pen_backend.service.context import Context
from pen_backend.service.datasets import Datasets
from pen_backend.service.jobs import Jobs
from tests.conftest import LiveEngine
from tests.service.context import Kept

PROMPTS = Path(__file__).parents[2] / "prompts"
ALL = [loader.load_any(path) for path in sorted(PROMPTS.glob("*.yaml"))]
ONES = [one for one in ALL if isinstance(one, Definition)]
TRAINED = [one.name for one in ALL if not isinstance(one, Definition) or one.is_trainable]


def test_only_raw_continuation_has_nothing_to_train() -> None:
    assert {one.name for one in ALL} - set(TRAINED) == {"continue"}


@pytest.mark.parametrize("name", TRAINED)
def test_its_training_set_builds_out_of_the_box_without_warnings(name: str, environ: dict[str, str]) -> None:
    plan = Datasets(Context(environ=environ)).plan(name, events=Kept())
    assert [(one.message, one.where) for one in plan.findings if one.level != "note"] == []
    assert plan.train >= 10
    assert plan.valid >= 1


@pytest.mark.slow
@pytest.mark.parametrize("definition", ONES, ids=lambda one: one.name)
def test_its_own_tests_pass_with_the_base_in_the_package(definition: Definition, engine: LiveEngine) -> None:
    completions = Completions(engine.context())
    assert library.find(definition.name).path == definition.path
    for test in definition.tests:
        values = {name: text_of(definition.references[name], value) for name, value in test.vars.items()}
        done = completions.start(definition.name, values, model="pen-tiny", n=1, seed=1, events=Kept())
        answer, = done.candidates
        assert list(unmet(test.expect, answer.text, stopped=answer.finish_reason == "stop")) == []


@pytest.mark.slow
def test_the_chat_is_trained_on_by_its_messages_and_answers(engine: LiveEngine) -> None:
    context = engine.context()
    plan = Datasets(context).plan("kindly", model="two-layer", events=Kept())
    assert "messages" in json.loads(plan.train_path.read_bytes().splitlines()[0])
    launched = Jobs(context).launch(plan.id, model="two-layer", n_epochs=1, batch_size=16, seed=1, tune="full")
    ended = Jobs(context).watch(launched.id, events=Kept())
    assert (ended.status, ended.error) == ("succeeded", None)
    done = Completions(context).start("kindly", {"note": "No."}, n=1, max_tokens=4, events=Kept())
    assert done.model == ended.fine_tuned_model
    assert len(done.candidates) == 1
