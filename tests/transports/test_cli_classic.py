import io
import json
from pathlib import Path
from typing import Any

import pytest

from pen_backend.service.context import Context
from pen_backend.transports.cli import main
from tests.conftest import LiveEngine, environment
from tests.scripted_server import Answer, ScriptedServer, job, listing
from tests.service.context import scripted

ROW = json.dumps({"prompt": "a", "completion": "b"}) + "\n"


def run(context: Context, *arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = main(["finetune", "--classic", *arguments], context=context, out=out, err=err)
    return code, out.getvalue(), err.getvalue()


def script(**more: Any) -> dict[str, Answer]:
    return {"/events": listing(), "/content": Answer(ROW.encode() * 2_500),
            "/files": Answer({"id": "file-1", "object": "file"}),
            "/jobs": Answer(job(status="succeeded", fine_tuned_model="ft:m", **more))}


def body(server: ScriptedServer) -> dict[str, Any]:
    found: dict[str, Any] = next(one.json for one in server.requests
                                 if one.method == "POST" and one.path.endswith("/jobs"))
    return found


def train(home: Path, rows: int) -> str:
    path = home / "train.jsonl"
    path.write_text(ROW * rows)
    return str(path)


def test_the_defaults_are_those_of_the_classic_api(tmp_path: Path) -> None:
    with ScriptedServer(by_path=script()) as server:
        code, out, err = run(scripted(server, tmp_path), "-t", train(tmp_path, 9_000))
    assert (code, out) == (0, "ft:m\n")
    sent = body(server)
    assert (sent["model"], "'curie' is not here; pen-tiny stands for it" in err) == ("pen-tiny", True)
    assert sent["method"]["supervised"]["hyperparameters"] == {"n_epochs": 4, "batch_size": 16,
                                                               "learning_rate_multiplier": "auto"}
    assert sent["pen"] == {"prompt_loss_weight": 0.01, "results": "classic"}


@pytest.mark.parametrize("dash", ["_", "-"])
def test_every_option_is_passed_on(dash: str, tmp_path: Path) -> None:
    flags = ("--n_epochs 2 --batch_size 8 --learning_rate_multiplier 0.05 --prompt_loss_weight 0.5 --suffix puns "
             "--compute_classification_metrics --classification_positive_class yes -m davinci "
             "--no_check_if_files_exist --no_follow")
    with ScriptedServer(by_path=script()) as server:
        code, out, _ = run(scripted(server, tmp_path), train(tmp_path, 5), "-v", "file-abc", "--classification_betas",
                           "0.5", "2", *flags.replace("_", dash).split())
    assert (code, out) == (0, "ftjob-1\n")
    sent = body(server)
    assert (sent["suffix"], sent["validation_file"]) == ("puns", "file-abc")
    assert sent["method"]["supervised"]["hyperparameters"] == {"n_epochs": 2, "batch_size": 8,
                                                               "learning_rate_multiplier": 0.5}
    assert sent["pen"] == {"prompt_loss_weight": 0.5, "results": "classic",
                           "classification": {"positive_class": "yes", "betas": [0.5, 2.0]}}


def test_the_examples_of_an_uploaded_file_are_counted(tmp_path: Path) -> None:
    with ScriptedServer(by_path=script()) as server:
        assert run(scripted(server, tmp_path), "-t", "file-abc")[0] == 0
    assert body(server)["training_file"] == "file-abc"
    assert body(server)["method"]["supervised"]["hyperparameters"]["batch_size"] == 4


@pytest.mark.parametrize(("flags", "said"), [
    ([], "Name one training file."),
    (["-t", "a", "b"], "Name one training file."),
    (["-t", "https://example.org/t.jsonl"], "Download it first"),
    (["-t", "absent.jsonl"], "There is no such training file."),
    (["-t", "a", "--classification_betas", "1"], "compute_classification_metrics is not"),
])
def test_what_cannot_be_used_is_said(flags: list[str], said: str, tmp_path: Path) -> None:
    code, _, err = run(Context(environ=environment(tmp_path)), *flags)
    assert (code in (1, 2), said in err) == (True, True)


def test_an_option_the_classic_tool_did_not_have_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Context(environ=environment(tmp_path)), "-t", "a", "--snapshots-every", "3")[0] == 1
    assert "--snapshots-every" in capsys.readouterr().err


@pytest.mark.slow
def test_a_classic_job_is_trained_and_leaves_both_tables(engine: LiveEngine, tmp_path: Path) -> None:
    rows = [{"prompt": f"Is {i} even?", "completion": "yes" if i % 2 == 0 else "no"} for i in range(12)]
    for name in ("t.jsonl", "v.jsonl"):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, err = run(engine.context(), "-t", str(tmp_path / "t.jsonl"), "-v", str(tmp_path / "v.jsonl"),
                         "-m", "two-layer", "--n_epochs", "1", "--batch_size", "4", "--compute_classification_metrics",
                         "--classification_positive_class", "yes")
    assert code == 0, err
    assert out.startswith("ft:two-layer:local:")
    done = engine.client().jobs(limit=1)[0]
    tables = [engine.client().file_content(each) for each in done["result_files"]]
    assert b"classification/auroc" in tables[1]
