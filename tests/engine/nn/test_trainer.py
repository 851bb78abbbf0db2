"""The ways to train: accumulation, windows, classes, preferences, an early end, an end by a loss that is not finite."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pen_backend.engine.nn.outcome import Exit, Stop
from pen_backend.engine.train import check_job
from tests.disks import QuickDisk
from tests.engine.nn import tiny
from tests.engine.nn.disks import StopsAt
from tests.engine.nn.test_dpo import LINES as PREFERENCES
from tests.engine.nn.tiny import LORA, error, steps, train


@pytest.mark.slow
def test_accumulation_resumes_to_the_same_weights(model_folder: Path, tmp_path: Path) -> None:
    batch = {"kind": "examples", "size": 8, "token_budget": 64}
    straight, stopped = (tiny.make_job(tmp_path / name, model_folder, batch=batch) for name in ("straight", "stopped"))
    stop = Stop()

    assert train(straight) == Exit.DONE
    assert train(stopped, stop=stop, disk=StopsAt("Step 3/10", stop)) == Exit.STOPPED
    assert train(stopped, attempt=2) == Exit.DONE

    assert tiny.weights_hash(stopped) == tiny.weights_hash(straight)


@pytest.mark.slow
def test_windows_resume_to_the_same_weights(model_folder: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"batch": {"kind": "windows", "size": 2, "token_budget": 64}, "max_tokens": 64,
                               "valid": [*tiny.LINES[:6], {"prompt": "a" * 99, "completion": " b"}]}
    straight, stopped = (tiny.make_job(tmp_path / name, model_folder, **options) for name in ("straight", "stopped"))
    stop = Stop()

    assert check_job(straight, disk=QuickDisk()) == Exit.DONE
    assert train(straight) == Exit.DONE
    assert train(stopped, stop=stop, disk=StopsAt("Step 3/12", stop)) == Exit.STOPPED
    assert train(stopped, attempt=2) == Exit.DONE

    last = tiny.events(stopped, "metrics")[-1]["data"]
    assert steps(straight) == list(range(1, 13))
    assert json.loads((straight / "check.json").read_bytes())["total_steps"] == 12
    assert (last["elapsed_tokens"], last["elapsed_examples"]) == (2 * 765, 2 * 40)
    assert tiny.events(straight, "metrics")[0]["data"]["train_loss"] > last["train_loss"]
    assert tiny.weights_hash(stopped) == tiny.weights_hash(straight)


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "names"), [
    ({"n_classes": 2}, ["accuracy", "weighted_f1_score"]),
    ({"positive_class": "1", "betas": [1, 2]}, ["accuracy", "precision", "recall", "auroc", "auprc", "f1.0", "f2.0"])])
def test_classes_are_learned_and_measured_at_each_evaluation(model_folder: Path, tmp_path: Path, asked: dict[str, Any],
                                                             names: list[str]) -> None:
    lines = [{"prompt": f"{'surely' if i % 2 else 'what'} {i} ->", "completion": str(i % 2)} for i in range(32)]
    job = tiny.make_job(tmp_path / "job", model_folder, lines, valid=lines[:10], n_epochs=12, learning_rate=1e-2,
                        classification=asked, evaluate={"every": 3, "sample": 6, "batch_size": None})

    assert check_job(job, disk=QuickDisk()) == Exit.DONE
    assert train(job) == Exit.DONE

    assert json.loads((job / "check.json").read_bytes())["classes"] == ["0", "1"]
    found = json.loads((job / "result.json").read_bytes())["classification"]
    assert set(found) == set(names)
    assert all(value == 1 for value in found.values())
    measured = [event["step"] for event in tiny.events(job, "metrics") if "classification/accuracy" in event["data"]]
    assert measured == sorted({*range(4, 49, 4), *range(3, 49, 3)})
    header = (job / "compiled_results.csv").read_text().splitlines()[0]
    assert header.endswith(",".join(f"classification/{name}" for name in names))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "lora"])
def test_preferences_are_learned_and_resume_to_the_same_weights(model_folder: Path, tmp_path: Path, kind: str) -> None:
    options: dict[str, Any] = {"method": "dpo", "beta": 0.3, "valid": PREFERENCES[:4], "n_epochs": 4} | (
        LORA if kind == "lora" else {})
    straight, stopped = (tiny.make_job(tmp_path / name, model_folder, PREFERENCES, **options)
                         for name in ("straight", "stopped"))
    stop = Stop()

    assert check_job(straight, disk=QuickDisk()) == Exit.DONE
    assert train(straight) == Exit.DONE
    assert train(stopped, stop=stop, disk=StopsAt("Step 3/8", stop)) == Exit.STOPPED
    assert train(stopped, attempt=2) == Exit.DONE

    first, last = (tiny.events(straight, "metrics")[i]["data"] for i in (0, -1))
    assert first["train_loss"] == pytest.approx(math.log(2), abs=1e-2 if kind == "full" else 1e-1)  # LoRA has dropout
    assert last["train_loss"] < first["train_loss"]
    assert last["train_reward_accuracy"] == 1
    assert last["full_valid_reward_margin"] > 0
    assert last["elapsed_examples"] == 4 * len(PREFERENCES)
    assert tiny.weights_hash(stopped) == tiny.weights_hash(straight)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_the_job_and_the_last_good_checkpoint_is_kept(model_folder: Path,
                                                                                     tmp_path: Path) -> None:
    job = tiny.make_job(tmp_path / "job", model_folder, checkpoint_seconds=0, snapshots_every=100, learning_rate=1e-3)
    stop = Stop()
    assert train(job, stop=stop, disk=StopsAt("Step 3/10", stop)) == Exit.STOPPED
    spec = json.loads((job / "spec.json").read_bytes())
    (job / "spec.json").write_text(json.dumps(spec | {"learning_rate": 1e30}))

    assert train(job, attempt=2) == Exit.DIVERGED

    # the weights of step 4 are what made the loss of step 5 infinite
    assert error(job)["code"] == "training_diverged"
    assert "is not finite at step 5; the last good checkpoint is step-00000003" in error(job)["message"]
    assert [event["step"] for event in tiny.events(job, "checkpoint") if event["data"]["public"]] == [3]
    assert json.loads((job / "ckpt/step-00000003/manifest.json").read_bytes())["public"]
    assert all(torch.isfinite(tensor).all() and tensor.abs().max() < 10
               for tensor in load_file(job / "ckpt/step-00000003/model.safetensors").values())


@pytest.mark.slow
def test_a_loss_that_is_not_finite_from_the_first_update_leaves_nothing(model_folder: Path, tmp_path: Path) -> None:
    job = tiny.make_job(tmp_path / "job", model_folder, checkpoint_seconds=0, learning_rate=1e30)

    assert train(job) == Exit.DIVERGED
    assert "is not finite at step 2; there is no good checkpoint before it" in error(job)["message"]


UNLIKE = [{"prompt": f"Question {i}", "completion": " 9876543210 zyxw" * 2} for i in range(8)]
STOPS_EARLY: dict[str, Any] = {
    "valid": UNLIKE, "evaluate": {"every": 2, "sample": 64, "batch_size": None}, "early_stopping": 2, "n_epochs": 8,
    "learning_rate": 2e-2, "schedule": "constant"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_job_stops_when_validation_gets_worse_and_its_model_is_the_best_one(model_folder: Path, tmp_path: Path,
                                                                              kind: str) -> None:
    options = STOPS_EARLY | (LORA if kind == "lora" else {})
    straight, stopped = (tiny.make_job(tmp_path / name, model_folder, **options) for name in ("straight", "stopped"))
    stop = Stop()

    assert train(straight) == Exit.DONE
    assert train(stopped, stop=stop, disk=StopsAt("Step 6/40", stop)) == Exit.STOPPED
    assert train(stopped, attempt=2) == Exit.DONE

    result = json.loads((straight / "result.json").read_bytes())
    losses = {event["step"]: event["data"]["valid_loss"] for event in tiny.events(straight, "metrics")
              if "valid_loss" in event["data"]}
    best = min(losses, key=lambda step: losses[step])
    assert result["steps"] == best + 4 < 40
    assert result["model_step"] == best
    assert result["metrics"]["valid_loss"] == losses[best]
    assert "full_valid_loss" in tiny.events(straight, "metrics")[-1]["data"]
    final = [event["data"] for event in tiny.events(straight, "checkpoint") if event["data"]["final"]]
    assert [(each["step"], each["path"]) for each in final] == [(best, result["model_path"])]
    assert {path.suffix for path in Path(result["model_path"]).iterdir()} == {".safetensors", ".json"}
    assert not (Path(result["model_path"]) / "optim.safetensors").exists()
    assert tiny.weights_hash(stopped) == tiny.weights_hash(straight)


@pytest.mark.slow
def test_the_best_checkpoint_stays_when_the_job_goes_on_to_its_end(model_folder: Path, tmp_path: Path) -> None:
    job = tiny.make_job(tmp_path / "job", model_folder,
                        **(STOPS_EARLY | {"early_stopping": None, "n_epochs": 2, "checkpoint_seconds": 0}))

    assert train(job) == Exit.DONE

    losses = {event["step"]: event["data"]["valid_loss"] for event in tiny.events(job, "metrics")
              if "valid_loss" in event["data"]}
    best = min(losses, key=lambda step: losses[step])
    public = {event["step"]: event["data"] for event in tiny.events(job, "checkpoint") if event["data"]["public"]}
    assert best not in (5, 10)
    assert set(public) == {5, best, 10}
    assert public[best]["metrics"]["valid_loss"] == losses[best]
    assert [step for step, data in public.items() if data["final"]] == [10]
    assert (job / f"ckpt/step-{best:08d}/model.safetensors").exists()
