import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pen_backend.service.context import Context
from pen_backend.transports.openai_ft import main, parser
from tests.conftest import LiveEngine, environment
from tests.scripted_server import Answer, ScriptedServer, error, job, listing
from tests.service.context import scripted
from tests.transports.test_cli import Screen

ROWS = [{"data": {"text_list": [f"What do you call {i} sheep?\n", f"Wool {i} and more."], "loss_weights": [0.3, 0.7]}}
        for i in range(60)]
# The command of the pun README, but for what its $(…) would print.
PUNS = ("-t data/train_puns.jsonl --val data/test_puns.jsonl --num-epochs 1 -e ada-me-ft-c2 -m ada --batch-size 2 "
        "--val-batch-size 1 --snapshots-every 15 --num-completions 1 --completions-every 2 -s 0.01 --log-path logs -v")


def run(context: Context, *arguments: str, err: io.StringIO | None = None) -> tuple[int, str, str]:
    out, err = io.StringIO(), err or io.StringIO()
    return main(arguments, context=context, out=out, err=err), out.getvalue(), err.getvalue()


def train(home: Path) -> str:
    path = home / "train.jsonl"
    path.write_text('{"data": "one"}\n{"data": "two"}\n')
    return str(path)


def event(number: int, **data: Any) -> dict[str, Any]:
    return {"id": f"ftevent-{number}", "object": "fine_tuning.job.event", "created_at": number, "level": "info",
            "message": "said", "type": "metrics" if data.get("kind") == "metrics" else "message", "data": data}


def checkpoint(step: int) -> dict[str, Any]:
    return {"id": f"ftckpt_{step}", "object": "fine_tuning.job.checkpoint", "created_at": 1, "metrics": {},
            "fine_tuned_model_checkpoint": f"ft:m:ckpt-step-{step}", "fine_tuning_job_id": "ftjob-1",
            "step_number": step, "pen": {"snapshot": f"pen-tiny:2026-11-20.snap-{step}"}}


def script(status: str = "succeeded", **more: Any) -> dict[str, Answer]:
    events = [event(3, kind="checkpoint", step=2, name="ft:m:ckpt-step-2"),
              event(2, kind="sample", step=2, prompt="Why?", completion="Ha\nha", index=0),
              event(1, kind="metrics", step=1, total_steps=2, train_loss=2.5, full_valid_loss=2.25)]
    return {"/events": listing(*events), "/checkpoints": listing(checkpoint(4), checkpoint(2)),
            "/content": Answer(b"step,train_loss\n1,2.5\n"),
            "/files/": Answer({"id": "file-9", "object": "file", "filename": "step_metrics.csv"}),
            "/files": Answer({"id": "file-1", "object": "file"}),
            "/jobs": Answer(job(status=status, fine_tuned_model="ft:m", result_files=["file-9"], **more))}


@pytest.mark.parametrize(("flags", "expected"), [
    ("-t a", {"train": "a", "num_epochs": 1, "batch_size": 1, "engine": None, "verbose": False}),
    ("--t a", {"train": "a"}),
    ("--train a -val b", {"train": "a", "valid": "b"}),
    ("-t a --val b", {"valid": "b"}),
    ("-t a -num-epochs 5 --completions-every 10", {"num_epochs": 5, "completions_every": 10}),
    ("-t a --num-epochs=5 -num-completions=2", {"num_epochs": 5, "num_completions": 2}),
    ("-t a -snapshots-every 15 -val-batch-size 1", {"snapshots_every": 15, "val_batch_size": 1}),
    ("-t a --s 0.1", {"scale": 0.1}),
    ("-t a -s 0.01", {"scale": 0.01}),
    ("-t a --v", {"verbose": True}),
    ("-t a -v --val b", {"verbose": True, "valid": "b"}),
    ("-t a -e -m ada", {"engine": "", "model": "ada"}),
    ("-t a -e name --m Ada", {"engine": "name", "model": "Ada"}),
    ("-t a --max-tokens 2048 -log-path logs", {"max_tokens": 2048, "log_path": "logs"}),
])
def test_one_or_two_dashes_are_alike(flags: str, expected: dict[str, object]) -> None:
    options = vars(parser().parse_args(flags.split()))
    assert {name: options[name] for name in expected} == expected


@pytest.mark.parametrize("flags", ["", "-t", "-t a --frob", "-t a -s 0", "-t a -s nan", "-t a --batch-size 0",
                                   "-t a --num-epochs 1.5", "-t a --num 1"])
def test_wrong_flags_are_wrong_usage(flags: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Context(environ=environment(tmp_path)), *flags.split())[0] == 1
    assert "(see openai-ft --help)" in capsys.readouterr().err


def test_the_flags_travel_in_the_request(tmp_path: Path) -> None:
    with ScriptedServer(by_path=script()) as server:
        code, _, err = run(scripted(server, tmp_path), "-t", train(tmp_path), "-m", "Ada", "-e", "My engine",
                           "-s", "0.01", "--batch-size", "2", "--val", "file-abc123", "--val-batch-size", "1")
    assert code == 0
    assert "openai-ft: 'Ada' is not here; pen-tiny stands for it" in err
    body = next(one.json for one in server.requests if one.method == "POST" and one.path.endswith("/jobs"))
    assert (body["model"], body["suffix"], body["metadata"]["engine"]) == ("pen-tiny", "my-engine", "My engine")
    assert body["validation_file"] == "file-abc123"
    assert body["method"]["supervised"]["hyperparameters"] == {"n_epochs": 1, "batch_size": 2,
                                                               "learning_rate_multiplier": 0.01}
    assert body["pen"] == {"packing": "window", "results": "classic", "eval_batch_size": 1}


@pytest.mark.parametrize(("flags", "setting", "engine", "warned"), [
    ([], None, None, False), (["-e"], None, None, True), (["-e"], "mine", "mine", False), ([], "mine", "mine", False),
    (["-e", "other"], "mine", "other", False),
])
def test_an_engine_without_a_name_gets_that_of_the_settings(flags: list[str], setting: str | None, engine: str | None,
                                                            warned: bool, tmp_path: Path) -> None:
    with ScriptedServer(by_path=script()) as server:
        context = scripted(server, tmp_path)
        if setting:
            context.environ["PEN_OPENAI_FT_ENGINE"] = setting
        _, _, err = run(context, "-t", train(tmp_path), *flags)
    body = next(one.json for one in server.requests if one.method == "POST" and one.path.endswith("/jobs"))
    assert body["metadata"].get("engine") == engine
    assert ("-e has no name" in err) == warned


def test_the_log_names_steps_samples_and_snapshots_and_is_kept(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    with ScriptedServer(by_path=script()) as server:
        code, out, _ = run(scripted(server, tmp_path), "-t", train(tmp_path), "-v", "--log-path", str(logs))
    assert (code, out.splitlines()) == (0, [
        "Created job ftjob-1", "Step 1/2: loss 2.500, validation loss 2.250", "Completion at step 2: Ha ha",
        "Created snapshot pen-tiny:2026-11-20.snap-2", "Created snapshot pen-tiny:2026-11-20.snap-4",
        "Fine-tuned model: ft:m"])
    kept = [json.loads(line) for line in (logs / "ftjob-1" / "events.jsonl").read_text().splitlines()]
    assert [one["kind"] for one in kept] == ["progress", "log", "log"]
    assert (logs / "ftjob-1" / "step_metrics.csv").read_text() == "step,train_loss\n1,2.5\n"


def test_a_terminal_gets_a_progress_bar(tmp_path: Path) -> None:
    screen = Screen()
    with ScriptedServer(by_path=script()) as server:
        _, out, err = run(scripted(server, tmp_path), "-t", train(tmp_path), err=screen)
    assert re.search(r"\[#+\.+\] step 1/2  loss 2\.500", err)
    assert "Step 1/2" not in out


def test_a_text_file_becomes_lines_cut_at_blank_lines(tmp_path: Path) -> None:
    paragraph = "word " * 20_000
    path = tmp_path / "story.txt"
    path.write_text("\n\n".join([paragraph] * 4) + "\n")
    with ScriptedServer(by_path=script()) as server:
        assert run(scripted(server, tmp_path), "-t", str(path), "--val", str(path))[0] == 0
    uploads = [one.body for one in server.requests if one.path.endswith("/files")]
    assert len(uploads) == 2
    rows = [json.loads(line) for line in uploads[0].splitlines() if line.startswith(b"{")]
    assert [len(row["data"].split()) for row in rows] == [40_000, 40_000]
    assert b'filename="story.jsonl"' in uploads[0]


@pytest.mark.parametrize(("flags", "code", "said"), [
    (["-t", "https://example.org/train.jsonl"], 1, "Download it first"),
    (["-t", "absent.jsonl"], 1, "There is no such training file"),
    (["-t", "absent.txt"], 1, "does not exist"),
    (["-t", "/dev/null", "--log-path", "/dev/null/x"], 1, "cannot be made"),
])
def test_what_cannot_be_used_is_said(flags: list[str], code: int, said: str, tmp_path: Path) -> None:
    with ScriptedServer(by_path=script()) as server:
        ended = run(scripted(server, tmp_path), *flags)
    assert ended[0] == code
    assert said in ended[2]


def test_a_failed_job_is_an_error_with_its_reason(tmp_path: Path) -> None:
    failed = {"code": "training_diverged", "message": "the loss is NaN", "param": None}
    with ScriptedServer(by_path=script("failed", error=failed)) as server:
        code, out, err = run(scripted(server, tmp_path), "-t", train(tmp_path))
    assert (code, "the loss is NaN" in err, "snap-2" in out) == (4, True, True)


def test_nothing_leaves_the_machine_without_a_yes(tmp_path: Path) -> None:
    with ScriptedServer(by_path=script()) as server:
        context = Context(environ={**environment(tmp_path), "PEN_PROVIDER": server.base_url, "PEN_API_KEY": "k"})
        code, _, err = run(context, "-t", train(tmp_path))
    assert (code, server.requests) == (5, [])
    assert "sends the training set" in err


def test_an_unknown_model_is_said(tmp_path: Path) -> None:
    refused = {**script(), "/jobs": error(404, "model_not_found", message="There is no model 'x'.")}
    with ScriptedServer(by_path=refused) as server:
        code, _, err = run(scripted(server, tmp_path), "-t", train(tmp_path), "-m", "x")
    assert (code, "There is no model 'x'." in err) == (1, True)


@pytest.mark.slow
def test_the_pun_readmes_command_runs_unchanged_and_its_snapshots_serve(engine: LiveEngine, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name, rows in (("train_puns.jsonl", ROWS * 8), ("test_puns.jsonl", ROWS[:4])):
        (data / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    environ = {**engine.environ, "PEN_ALIASES": "{ada: two-layer}", "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run([sys.executable, "-P", "-m", "pen_backend.transports.openai_ft", *PUNS.split()],
                          cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    snapshots = [line.removeprefix("Created snapshot ") for line in lines if line.startswith("Created snapshot ")]
    steps = [line for line in lines if line.startswith("Step ")]
    assert all(re.fullmatch(r"two-layer:\d{4}-\d\d-\d\d\.snap-[A-Za-z0-9]{24}", each) for each in snapshots)
    assert len(snapshots) == 1 + (len(steps) - 1) // 15
    assert len(snapshots) >= 2
    assert any(line.startswith("Completion at step 2: ") for line in lines)
    tuned = lines[-1].removeprefix("Fine-tuned model: ")
    assert tuned.startswith("ft:two-layer:local:ada-me-ft-c2:")

    client = engine.client()
    assert client.model(snapshots[0])["id"] == f"{tuned}:ckpt-step-15"
    assert client.model("ada-me-ft-c2")["id"] == tuned
    assert client.complete({"model": snapshots[0], "prompt": "What do you", "max_tokens": 2, "seed": 1}).choices
    logs = next((tmp_path / "logs").iterdir())
    assert {each.name for each in logs.iterdir()} >= {"events.jsonl", "step_metrics.csv", "compiled_results.csv",
                                                     "samples.jsonl"}
    again = subprocess.run([sys.executable, "-P", "-m", "pen_backend.transports.openai_ft", "-t",
                            "data/test_puns.jsonl", "-m", snapshots[0]],
                           cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert again.returncode == 0, again.stderr
    assert "Fine-tuned model: ft:two-layer:local::" in again.stdout
