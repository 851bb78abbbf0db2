"""The training program: what it leaves behind, how it ends, and that a resume gives the same bits."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pen_backend.engine.nn.checkpoints import newest_checkpoint
from pen_backend.engine.nn.models import load_model
from pen_backend.engine.nn.outcome import Exit, Stop
from pen_backend.engine.train import check_job, lock_job
from tests.disks import FullDisk, QuickDisk
from tests.engine.nn import tiny
from tests.engine.nn.disks import StopsAt
from tests.engine.nn.tiny import LORA, error, steps, train

DEADLINE = 60.0
ALL_EVENTS: dict[str, Any] = {
    "valid": tiny.LINES[:6], "evaluate": {"every": 2, "sample": 4, "batch_size": None}, "snapshots_every": 3,
    "completions": {"every": 2, "count": 2, "max_tokens": 8, "temperature": 1.0, "prompts": None},
    "checkpoint_seconds": 0}


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def plain(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One finished job of each kind, without anything but training."""
    root = tmp_path_factory.mktemp("plain")
    options: dict[str, dict[str, Any]] = {"full": {}, "lora": LORA}
    jobs = {kind: tiny.make_job(root / kind, model_folder, **options[kind]) for kind in options}
    for job in jobs.values():
        assert train(job) == Exit.DONE
    return jobs


@pytest.mark.slow
def test_a_finished_job_leaves_a_model_figures_and_events(plain: dict[str, Path]) -> None:
    job = plain["full"]
    result = json.loads((job / "result.json").read_bytes())

    assert result["steps"] == 10
    assert result["trained_tokens"] == 2 * 765
    assert load_model(Path(result["model_path"]), torch.device("cpu")).config.vocab_size == 300
    assert steps(job) == list(range(1, 11))
    assert [event["seq"] for event in tiny.events(job)] == list(range(1, len(tiny.events(job)) + 1))
    assert [event["data"]["public"] for event in tiny.events(job, "checkpoint")] == [True, True]
    assert len((job / "step_metrics.csv").read_text().splitlines()) == 11
    assert set(tiny.events(job, "metrics")[0]["data"]) == {
        "step", "total_steps", "epoch", "train_loss", "train_mean_token_accuracy", "train_sequence_accuracy",
        "learning_rate", "tokens_per_second", "elapsed_tokens", "elapsed_examples"}


@pytest.mark.slow
def test_training_lowers_the_loss(plain: dict[str, Path]) -> None:
    for job in plain.values():
        losses = [event["data"]["train_loss"] for event in tiny.events(job, "metrics")]
        assert losses[-1] < losses[0]


@pytest.mark.slow
def test_a_finished_job_run_again_is_done(plain: dict[str, Path]) -> None:
    before = (plain["full"] / "events.jsonl").read_bytes()

    assert train(plain["full"], attempt=2) == Exit.DONE
    assert (plain["full"] / "events.jsonl").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "lora"])
def test_evaluation_samples_and_snapshots_do_not_change_the_weights(plain: dict[str, Path], model_folder: Path,
                                                                    tmp_path: Path, kind: str) -> None:
    job = tiny.make_job(tmp_path / "job", model_folder, **(ALL_EVENTS | (LORA if kind == "lora" else {})))

    assert train(job) == Exit.DONE

    assert tiny.weights_hash(job) == tiny.weights_hash(plain[kind])
    assert len(tiny.events(job, "sample")) == 10
    assert [event["step"] for event in tiny.events(job, "metrics") if "valid_loss" in event["data"]] == [2, 4, 6, 8, 10]
    assert [event["step"] for event in tiny.events(job, "metrics") if "full_valid_loss" in event["data"]] == [5, 10]
    public = [event["step"] for event in tiny.events(job, "checkpoint") if event["data"]["public"]]
    assert public == [3, 5, 6, 9, 10]
    assert sorted(path.name for path in (job / "ckpt").glob("step-*")) == [f"step-{step:08d}" for step in public]
    assert len((job / "samples.jsonl").read_text().splitlines()) == 10


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["Step 4/10", '"kind": "sample"', '"kind": "progress"', "Checkpoint at step 6"])
@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_stop_is_a_checkpoint_and_the_resume_gives_the_same_weights(plain: dict[str, Path], model_folder: Path,
                                                                      tmp_path: Path, kind: str, moment: str) -> None:
    options = ALL_EVENTS | {"checkpoint_seconds": 60} | (LORA if kind == "lora" else {})
    job = tiny.make_job(tmp_path / "job", model_folder, **options)
    stop = Stop()

    assert train(job, stop=stop, disk=StopsAt(moment, stop)) == Exit.STOPPED
    stopped = newest_checkpoint(job / "ckpt")
    assert stopped is not None
    assert stopped.step == max(steps(job))
    assert train(job, attempt=2) == Exit.DONE

    assert tiny.weights_hash(job) == tiny.weights_hash(plain[kind])
    assert sorted(set(steps(job))) == list(range(1, 11))
    assert all(event["step"] >= stopped.step for event in tiny.events(job, "metrics") if event["attempt"] == 2)
    assert len((job / "samples.jsonl").read_text().splitlines()) == 10


@pytest.mark.slow
def test_a_trainer_that_still_loads_leaves_at_once(tmp_path: Path) -> None:
    job = tiny.make_job(tmp_path / "job", tmp_path / "no-model")
    process = subprocess.Popen([sys.executable, "-P", "-m", "pen_backend.engine.train", str(job)])
    status = Path(f"/proc/{process.pid}/status")
    deadline = time.monotonic() + DEADLINE
    while not int(status.read_text().partition("SigCgt:")[2].split()[0], 16) & 1 << signal.SIGTERM - 1:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.terminate()

    assert process.wait(DEADLINE) == Exit.STOPPED
    assert sorted(path.name for path in job.iterdir()) == ["spec.json", "stopped.json", "train.jsonl"]


@pytest.mark.slow
def test_a_torn_newest_checkpoint_is_passed_over(plain: dict[str, Path], model_folder: Path, tmp_path: Path) -> None:
    job = tiny.make_job(tmp_path / "job", model_folder, checkpoint_seconds=0)
    stop = Stop()
    assert train(job, stop=stop, disk=StopsAt("Step 4/10", stop)) == Exit.STOPPED
    newest = job / "ckpt/step-00000004/model.safetensors"
    newest.write_bytes(newest.read_bytes()[:1000])

    assert train(job, attempt=2) == Exit.DONE

    assert tiny.weights_hash(job) == tiny.weights_hash(plain["full"])
    assert steps(job) == [1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10]


def short_job(path: Path, model_folder: Path) -> Path:
    return tiny.make_job(path, model_folder, tiny.LINES[:8], n_epochs=1, checkpoint_seconds=0,
                         batch={"kind": "examples", "size": 4, "token_budget": 1024})


@pytest.mark.slow
@pytest.mark.reliability
def test_a_full_disk_at_any_write_or_sync_of_a_checkpoint_can_be_resumed(model_folder: Path, tmp_path: Path) -> None:
    straight = short_job(tmp_path / "straight", model_folder)
    counting = FullDisk(1_000_000, below=straight / "ckpt")
    assert train(straight, disk=counting) == Exit.DONE
    assert counting.calls > 40  # syncs too
    for n in range(1, counting.calls + 1):
        job = short_job(tmp_path / f"job-{n}", model_folder)

        code = train(job, disk=FullDisk(n, for_good=n % 2 == 0, below=job / "ckpt"))

        assert code == (Exit.DONE if (job / "result.json").exists() else Exit.NO_SPACE), n
        assert n % 2 == 0 or code == Exit.DONE or error(job)["code"] == "no_space", n
        earlier = newest_checkpoint(job / "ckpt")
        saved = earlier.step if earlier else 0
        assert code == Exit.DONE or saved >= len([step for step in steps(job) if step < max(steps(job))]), n
        assert train(job, attempt=2) == Exit.DONE, n
        assert tiny.weights_hash(job) == tiny.weights_hash(straight), n
        assert not list(job.rglob("*.tmp-*")), n
        assert not (job / "error.json").exists(), n


@pytest.mark.slow
def test_a_full_disk_while_a_checkpoint_is_written(model_folder: Path, tmp_path: Path) -> None:
    job = short_job(tmp_path / "job", model_folder)

    assert train(job, disk=FullDisk(40, for_good=True)) == Exit.NO_SPACE

    earlier = newest_checkpoint(job / "ckpt")
    assert earlier is not None
    assert train(job, attempt=2) == Exit.DONE
    assert min(event["step"] for event in tiny.events(job, "metrics") if event["attempt"] == 2) > earlier.step


@pytest.mark.slow
def test_a_newer_attempt_stops_the_older_before_it_publishes(model_folder: Path, tmp_path: Path) -> None:
    job = tiny.make_job(tmp_path / "job", model_folder)

    class TakenOver(QuickDisk):
        def append(self, descriptor: int, data: bytes) -> None:
            super().append(descriptor, data)
            if b"Step 2/" in data:
                (job / "attempt").write_text("2")

    (job / "attempt").write_text("1")
    assert train(job, attempt=1, disk=TakenOver()) == Exit.STOPPED
    assert newest_checkpoint(job / "ckpt") is None
    assert train(job, attempt=2) == Exit.DONE


@pytest.mark.parametrize(("changes", "code", "exit_"), [
    ({"spec_version": 9}, "internal_error", Exit.SPEC),
    ({"base": {"name": "x", "path": "/nowhere", "sha256": None}}, "invalid_model", Exit.MODEL),
    ({"max_tokens": 10}, "invalid_training_file", Exit.DATA),
    ({"valid": [{"prompt": 1}]}, "invalid_validation_file", Exit.DATA),
])
def test_a_refused_job_says_why_in_check_and_in_training(model_folder: Path, tmp_path: Path, changes: dict[str, Any],
                                                         code: str, exit_: Exit) -> None:
    job = tiny.make_job(tmp_path / "job", model_folder, **changes)

    assert check_job(job, disk=QuickDisk()) == exit_
    assert json.loads((job / "check.json").read_bytes())["code"] == error(job)["code"] == code
    assert train(job) == exit_
    assert error(job)["code"] == code


@pytest.mark.parametrize(("fault", "exit_"), [(OSError(errno.EIO, "I/O error"), Exit.UNEXPECTED),
                                              (ValueError("a bug"), Exit.BUG)])
def test_a_failing_disk_may_pass_and_a_bug_does_not(model_folder: Path, tmp_path: Path, fault: Exception,
                                                    exit_: Exit) -> None:
    class Failing(QuickDisk):
        def append(self, descriptor: int, data: bytes) -> None:
            raise fault

    job = tiny.make_job(tmp_path / "job", model_folder)
    assert train(job, disk=Failing()) == exit_
    assert (error(job)["code"], error(job)["exit"]) == ("internal_error", exit_)
    assert train(job, attempt=2) == Exit.DONE


def test_all_masked_data_is_refused(model_folder: Path, tmp_path: Path) -> None:
    job = tiny.make_job(tmp_path / "job", model_folder, [{"data": {"text_list": ["a"], "loss_weights": [0]}}])

    assert train(job) == Exit.DATA
    assert error(job)["code"] == "zero_weight"


def test_check_knows_what_training_will_do(model_folder: Path, tmp_path: Path) -> None:
    job = tiny.make_job(tmp_path / "job", model_folder, tiny.LINES[:5], n_epochs=3)

    assert check_job(job, disk=QuickDisk()) == Exit.DONE

    found = json.loads((job / "check.json").read_bytes())
    assert (found["examples"], found["steps_per_epoch"], found["total_steps"]) == (5, 1, 3)
    assert found["scored_tokens"] < found["tokens"]
    assert [finding["code"] for finding in found["findings"]] == ["few-examples"]


@pytest.mark.slow
def test_a_second_trainer_leaves_the_first_alone(model_folder: Path, tmp_path: Path) -> None:
    job = short_job(tmp_path / "job", model_folder)
    (job / "error.json").write_text("the first one's affair")
    lock = lock_job(job)
    assert lock is not None
    before = {path: path.read_bytes() for path in job.rglob("*")}

    assert train(job, attempt=2) == Exit.STOPPED

    assert {path: path.read_bytes() for path in job.rglob("*")} == before
    os.close(lock)
    assert train(job, attempt=2) == Exit.DONE


@pytest.mark.slow
def test_an_adapter_can_be_trained_on(plain: dict[str, Path], model_folder: Path, tmp_path: Path) -> None:
    adapter = Path(json.loads((plain["lora"] / "result.json").read_bytes())["model_path"])
    job = tiny.make_job(tmp_path / "job", model_folder, adapter={"path": str(adapter), "sha256": None}, **LORA)

    assert train(job) == Exit.DONE

    first, second = (tiny.events(one, "metrics")[0]["data"]["train_loss"] for one in (plain["lora"], job))
    assert second < first


@pytest.mark.slow
def test_an_adapter_melts_into_full_training(plain: dict[str, Path], model_folder: Path, tmp_path: Path) -> None:
    adapter = Path(json.loads((plain["lora"] / "result.json").read_bytes())["model_path"])
    job = tiny.make_job(tmp_path / "job", model_folder, adapter={"path": str(adapter), "sha256": None}, n_epochs=1)

    assert train(job) == Exit.DONE

    model = Path(json.loads((job / "result.json").read_bytes())["model_path"])
    assert set(load_file(model / "model.safetensors")) == set(load_file(model_folder / "model.safetensors"))


@pytest.mark.slow
def test_a_tuned_model_learns_to_stop(model_folder: Path, tmp_path: Path) -> None:
    lines = [{"prompt": "say", "completion": " yes"}] * 16
    job = tiny.make_job(tmp_path / "job", model_folder, lines, n_epochs=20, learning_rate=1e-2,
                        completions={"every": 40, "count": 1, "max_tokens": 20, "temperature": 0.0, "prompts": ["say"]})

    assert train(job) == Exit.DONE

    sample = tiny.events(job, "sample")[-1]["data"]
    assert (sample["completion"], sample["finish_reason"]) == (" yes", "stop")


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Collect what a test starts; whatever still runs at its end is killed, by its own id."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def start(job: Path, *arguments: str, attempt: int = 1) -> subprocess.Popen[bytes]:
    with (job / "log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-P", "-m", "pen_backend.engine.train", str(job), *arguments],
                                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                env={"PATH": os.environ["PATH"], "PEN_ATTEMPT": str(attempt), "OMP_NUM_THREADS": "1"})


def wait_for_step(job: Path, process: subprocess.Popen[bytes], step: int) -> None:
    """Wait until there is a checkpoint of STEP or later; fail with the log if the program ends or takes too long."""
    deadline = time.monotonic() + DEADLINE
    while not any(int(path.name.partition("-")[2]) >= step for path in (job / "ckpt").glob("step-????????")):
        assert process.poll() is None, (job / "log").read_text()
        assert time.monotonic() < deadline, (job / "log").read_text()
        time.sleep(0.002)


@pytest.mark.slow
@pytest.mark.reliability
@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_killed_trainer_trains_no_earlier_step_again_and_gives_the_same_weights(
        model_folder: Path, tmp_path: Path, processes: list[subprocess.Popen[bytes]], kind: str) -> None:
    options: dict[str, Any] = {"n_epochs": 8, "checkpoint_seconds": 0} | (LORA if kind == "lora" else {})
    straight, job = (tiny.make_job(tmp_path / name, model_folder, **options) for name in ("straight", "killed"))
    assert train(straight) == Exit.DONE
    processes.append(start(job))
    wait_for_step(job, processes[0], 4)
    processes[0].send_signal(signal.SIGKILL)
    processes[0].wait(10)
    last = newest_checkpoint(job / "ckpt")
    assert last is not None
    assert 3 <= last.step < 40

    processes.append(start(job, attempt=2))
    assert processes[1].wait(DEADLINE) == Exit.DONE, (job / "log").read_text()

    assert tiny.weights_hash(job) == tiny.weights_hash(straight)
    again = [event["step"] for event in tiny.events(job, "metrics") if event["attempt"] == 2]
    assert again == list(range(last.step + 1, 41))
    seqs = [event["seq"] for event in tiny.events(job)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert not list(job.rglob("*.tmp-*"))


@pytest.mark.slow
def test_term_finishes_the_step_and_leaves_with_75(model_folder: Path, tmp_path: Path,
                                                   processes: list[subprocess.Popen[bytes]]) -> None:
    job = tiny.make_job(tmp_path / "job", model_folder, n_epochs=50, snapshots_every=2)
    processes.append(start(job))
    wait_for_step(job, processes[0], 2)
    processes[0].send_signal(signal.SIGTERM)

    assert processes[0].wait(DEADLINE) == Exit.STOPPED, (job / "log").read_text()
    last = newest_checkpoint(job / "ckpt")
    assert last is not None
    assert last.step == max(steps(job))


@pytest.mark.slow
def test_check_does_not_load_torch(model_folder: Path, tmp_path: Path) -> None:
    job = tiny.make_job(tmp_path / "job", model_folder)
    program = ("import sys; from pen_backend.engine.train import main; code = main([sys.argv[1], '--check']); "
               "assert not {'torch', 'transformers', 'accelerate', 'peft'} & set(sys.modules); sys.exit(code)")

    done = subprocess.run([sys.executable, "-P", "-c", program, str(job)], timeout=DEADLINE, check=False)

    assert done.returncode == 0
    assert json.loads((job / "check.json").read_bytes())["examples"] == 40


@pytest.mark.slow
def test_an_adapter_for_layers_that_there_are_not_is_refused(model_folder: Path, tmp_path: Path) -> None:
    job = tiny.make_job(tmp_path / "job", model_folder, tune="lora", lora={"r": 4, "alpha": 8, "dropout": 0.0,
                                                                            "target": "bogus"})

    assert train(job) == Exit.MODEL

    assert (error(job)["code"], error(job)["param"]) == ("invalid_model", "pen.lora.target")
