from pathlib import Path

import pytest

from pen_backend.errors import BadParamsError, NotFoundError
from pen_backend.jobs.ledger import Entry
from pen_backend.service.jobs import Jobs
from tests.jobs.plans import make_plan
from tests.jobs.test_watch import event
from tests.scripted_server import Answer, ScriptedServer, listing
from tests.service.context import scripted

ANSWER = Answer({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m",
                 "choices": [{"index": 0, "text": " Ha.", "finish_reason": "stop", "logprobs": None}],
                 "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})
CHECKPOINTS = listing(*({"id": f"c{step}", "object": "fine_tuning.job.checkpoint", "created_at": step,
                         "fine_tuned_model_checkpoint": f"ft:x:ckpt-step-{step}", "fine_tuning_job_id": "ftjob-1",
                         "step_number": step, "metrics": {}} for step in (8, 4)))


def test_the_newest_checkpoint_writes_after_the_prompts_of_the_newest_samples(tmp_path: Path) -> None:
    told = [event(f"s{step}{prompt}", kind="sample", step=step, prompt=prompt, completion="x")
            for step, prompt in ((8, "b"), (8, "a"), (4, "old"))]
    script = {"/checkpoints": CHECKPOINTS, "/events": listing(*told), "/completions": ANSWER}
    with ScriptedServer(by_path=script) as server:
        written = Jobs(scripted(server, tmp_path)).sample("ftjob-1", n=3)
    assert [(one.step, one.prompt, one.completion) for one in written] == [
        (8, "a", " Ha."), (8, "b", " Ha."), (8, "a", " Ha.")]
    assert {one.json["model"] for one in server.requests if one.path.endswith("/completions")} == {"ft:x:ckpt-step-8"}


def test_a_job_without_samples_writes_after_held_out_prompts_as_its_definition_says(tmp_path: Path) -> None:
    script = {"/checkpoints": CHECKPOINTS, "/events": listing(), "/completions": ANSWER}
    with ScriptedServer(by_path=script) as server:
        context = scripted(server, tmp_path)
        plan = make_plan(tmp_path / "plan", valid=[{"prompt": "Held out?", "completion": " Yes."}])
        context.ledger.remember(Entry("ftjob-1", "local", "pen-tiny", prompt="pun-complete", plan=str(plan)))
        written, = Jobs(context).sample("ftjob-1")
    assert written.prompt == "Held out?"
    assert server.requests[-1].json["stop"] == [" END"]


def test_a_job_of_a_projects_definition_writes_as_that_says(tmp_path: Path) -> None:
    script = {"/checkpoints": CHECKPOINTS, "/events": listing(), "/completions": ANSWER}
    (tmp_path / "here" / "prompts").mkdir(parents=True)
    (tmp_path / "here" / "prompts" / "haiku.yaml").write_text(
        "pen: 1\ntitle: Haiku\nprompt: x\nstop-sequences: [ENOUGH]\n")
    with ScriptedServer(by_path=script) as server:
        context = scripted(server, tmp_path)
        plan = make_plan(tmp_path / "plan", valid=[{"prompt": "Held out?", "completion": " Yes."}])
        context.ledger.remember(Entry("ftjob-1", "local", "pen-tiny", prompt="haiku", plan=str(plan)))
        Jobs(context).sample("ftjob-1", project=tmp_path / "here")
        assert server.requests[-1].json["stop"] == ["ENOUGH"]
        Jobs(context).sample("ftjob-1")
        assert "stop" not in server.requests[-1].json


def test_a_job_without_a_checkpoint_says_so(tmp_path: Path) -> None:
    with (ScriptedServer(by_path={"/checkpoints": listing()}) as server,
          pytest.raises(NotFoundError, match="no checkpoint yet")):
        Jobs(scripted(server, tmp_path)).sample("ftjob-1")


@pytest.mark.parametrize("count", [0, 17, -1])
def test_a_count_out_of_bounds_is_refused_before_anything_is_asked(tmp_path: Path, count: int) -> None:
    with ScriptedServer() as server, pytest.raises(BadParamsError, match="1 to 16"):
        Jobs(scripted(server, tmp_path)).sample("ftjob-1", n=count)
    assert server.requests == []
