"""Models: described, deleted, and exported as folders that other libraries load with the same logits."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from pen_backend.errors import ConfigError, NotFoundError, RefusedError
from pen_backend.jobs.ledger import Entry
from pen_backend.service.context import Context
from pen_backend.service.jobs import Jobs
from pen_backend.service.models import Models
from tests.conftest import LiveEngine, environment
from tests.jobs.plans import ROWS, make_plan
from tests.scripted_server import Answer, ScriptedServer, error, listing
from tests.service.context import Kept, scripted

TEXT = "What do you call a sheep without legs? A cloud."
TUNED = {"id": "ft:m", "object": "model", "created": 1, "owned_by": "user", "pen": {
    "base": "pen-tiny", "kind": "lora", "context_length": 512, "vocab_size": 4096, "prompt": "pun-complete"}}


def test_a_model_is_described(tmp_path: Path) -> None:
    with ScriptedServer(by_path={"/models/": Answer(TUNED)}) as server:
        found = Models(scripted(server, tmp_path)).show("ft:m")
    assert (found.id, found.base, found.kind, found.context_length, found.vocab_size, found.job) == (
        "ft:m", "pen-tiny", "lora", 512, 4096, None)


def test_a_tuned_model_is_listed_with_its_size_and_the_loss_of_its_job(tmp_path: Path) -> None:
    tuned = {**TUNED, "pen": {"base": "pen-tiny", "kind": "lora", "parameters": 12}}
    with ScriptedServer(by_path={"/models": listing(tuned, {**TUNED, "id": "pen-tiny"})}) as server:
        context = scripted(server, tmp_path)
        context.ledger.remember(Entry("j", "local", "pen-tiny", "pun-complete", status="succeeded",
                                      fine_tuned_model="ft:m", loss=2.25))
        found = {one.id: (one.loss, one.parameters) for one in Models(context).list()}
    assert found == {"ft:m": (2.25, 12), "pen-tiny": (None, None)}


def test_a_model_is_deleted(tmp_path: Path) -> None:
    with ScriptedServer(Answer(TUNED), Answer({"id": "ft:m", "object": "model", "deleted": True})) as server:
        assert Models(scripted(server, tmp_path)).delete("ft:m").id == "ft:m"
    assert [one.method for one in server.requests] == ["GET", "DELETE"]


def test_a_model_that_is_not_there_is_neither_shown_nor_deleted(tmp_path: Path) -> None:
    with ScriptedServer(by_path={"/models/": error(404, "model_not_found", message="no model")}) as server:
        models = Models(scripted(server, tmp_path))
        for method in (models.show, models.delete, models.export):
            with pytest.raises(NotFoundError, match="no model"):
                method("nothing")


def test_a_hosted_model_is_not_exported(tmp_path: Path) -> None:
    context = Context(environ={**environment(tmp_path), "PEN_PROVIDER": "openai"})
    with pytest.raises(RefusedError, match="Only local models"):
        Models(context).export("gpt-x")


def test_an_export_never_replaces_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("")
    with ScriptedServer(by_path={"/models/": Answer(TUNED)}) as server, pytest.raises(ConfigError, match="is there"):
        Models(scripted(server, tmp_path)).export("ft:m", tmp_path / "out")


def load(folder: Path) -> torch.nn.Module:
    """Load a folder as others do; in fp32, as the engine computes with small models."""
    found: torch.nn.Module = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return found


def with_adapter(base: Path, adapter: Path) -> torch.nn.Module:
    return PeftModel.from_pretrained(load(base), str(adapter))


def logits(model: torch.nn.Module, ids: Sequence[int]) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        found: torch.Tensor = model(torch.tensor([list(ids)])).logits[0]
    return found


@pytest.mark.slow
def test_an_exported_adapter_and_its_merged_model_have_the_engines_logits(engine: LiveEngine, tmp_path: Path) -> None:
    jobs = Jobs(engine.context())
    job = jobs.launch(str(make_plan(tmp_path / "plan", train=ROWS, valid=ROWS[:4])), model="two-layer", n_epochs=1,
                      batch_size=8, learning_rate=1e-2, seed=1, tune="lora")
    name = jobs.watch(job.id, events=Kept()).fine_tuned_model
    assert name is not None
    models = Models(engine.context())
    base, adapter, merged = (tmp_path / each for each in ("base", "adapter", "merged"))
    assert models.export("two-layer", base).files[0] == "config.json"
    assert "adapter_model.safetensors" in models.export(name, adapter).files
    assert "model.safetensors" in models.export(name, merged, merged=True).files

    ids = AutoTokenizer.from_pretrained(merged)(TEXT)["input_ids"]
    plain = logits(load(base), ids)
    own = logits(with_adapter(engine.state / "bases" / "two-layer", engine.state / "models" / job.id), ids)
    exported = logits(with_adapter(base, adapter), ids)
    whole = logits(load(merged), ids)
    assert torch.equal(own, exported)
    assert not torch.allclose(plain, exported, atol=1e-3)
    torch.testing.assert_close(whole, exported, atol=1e-5, rtol=1e-5)

    scored = {"model": name, "prompt": list(ids), "max_tokens": 0, "echo": True, "logprobs": 0}
    told = engine.client().complete(scored).choices[0].logprobs
    assert told is not None
    expected = torch.log_softmax(exported[:-1].float(), -1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    torch.testing.assert_close(torch.tensor(told["token_logprobs"][1:]), expected, atol=1e-4, rtol=1e-4)
