"""A real collection of jokes all the way: planned with a shipped definition, trained on, and completed with."""

import json

import pytest

from pen_backend.service.completions import Completions
from pen_backend.service.datasets import Datasets
from pen_backend.service.jobs import Jobs
from tests.conftest import LiveEngine
from tests.service.context import Kept
from tests.shared import shared


@pytest.mark.slow
def test_a_real_collection_is_planned_trained_on_and_completed_with(engine: LiveEngine) -> None:
    context = engine.context()
    plan = Datasets(context).plan("pun-complete", path=shared("data/jokes/taivop_stupidstuff.json.gz"),
                                  model="two-layer", events=Kept())
    manifest = json.loads((plan.directory / "manifest.json").read_bytes())
    (source,) = manifest["sources"]
    assert (source["records"], manifest["counts"]["rejected"][source["path"]]["empty"]) == (3773, 573)
    assert plan.train > plan.valid > 0

    jobs = Jobs(context)
    launched = jobs.launch(str(plan.directory), model="two-layer", n_epochs=1, batch_size=32, seed=1, tune="full")
    kept = Kept()
    ended = jobs.watch(launched.id, events=kept)
    assert (ended.status, ended.error) == ("succeeded", None)
    assert [one["step"] for one in kept.of("progress")] == list(range(1, -(-plan.train // 32) + 1))
    detail = jobs.show(launched.id)
    assert (detail.prompt, detail.plan) == ("pun-complete", str(plan.directory))

    assert ended.fine_tuned_model is not None
    answered = Completions(context).start("pun-complete", {"jokes": "A pun.\nAnother."}, model=ended.fine_tuned_model,
                                          n=2, max_tokens=8, seed=1, events=Kept())
    assert answered.model == ended.fine_tuned_model
    assert len(answered.candidates) == 2
