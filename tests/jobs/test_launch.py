from pathlib import Path
from typing import Any

import pytest

from pen_backend.client import Client
from pen_backend.errors import DataError, RefusedError
from pen_backend.jobs.launch import launch
from pen_backend.jobs.ledger import Ledger
from pen_backend.jobs.spec import from_plan
from tests.jobs.plans import ROWS, Rows, make_plan
from tests.scripted_server import Answer, ScriptedServer, job

FILE: dict[str, Any] = {"id": "file-1", "object": "file", "bytes": 1, "created_at": 1, "filename": "t",
                        "purpose": "fine-tune", "status": "processed"}
CHAT: Rows = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}] * 3


def test_a_launch_uploads_creates_once_and_is_remembered(tmp_path: Path) -> None:
    spec = from_plan(make_plan(tmp_path / "plan"), default_model="pen-tiny", overrides={"tune": "full"})
    ledger = Ledger(tmp_path / "ledger")
    with ScriptedServer(by_path={"/files": Answer(FILE), "/jobs": Answer(job("ftjob-1"))}) as server:
        launch(Client(server.base_url, None, local=True), ledger, spec, key="k")
    assert [request.path for request in server.requests] == ["/v1/files", "/v1/files", "/v1/fine_tuning/jobs"]
    assert b'"loss_weights": [0.3, 0.7]' in server.requests[0].body
    body = server.requests[2].json
    assert body["pen"] == {"tune": "full"}
    assert {"pen.launch", "pen.prompt", "pen.format_hash", "pen.dataset"} == body["metadata"].keys()
    entry = ledger.find("ftjob-1")
    assert entry is not None
    assert (entry.prompt, entry.plan, entry.provider) == ("pun-complete", str(tmp_path / "plan"), "local")


def test_fractional_weights_are_refused_before_anything_is_uploaded(tmp_path: Path) -> None:
    mixed: Rows = [{"data": {"text_list": ["a", "b"], "loss_weights": [0, 1]}}, *ROWS[:4]]
    spec = from_plan(make_plan(tmp_path / "plan", mixed), default_model="gpt")
    with ScriptedServer() as server, pytest.raises(DataError) as failure:
        launch(Client(server.base_url, None, local=False), Ledger(tmp_path / "l"), spec)
    assert server.requests == []
    assert str(failure.value) == (
        "hosted-limit: 4 of 5 examples have loss weights other than 0 and 1 (first: train.jsonl:2, 0.3). OpenAI trains "
        "whole messages or not at all. Use the local engine, or set lossy: zero-one to train weights >= 0.5 fully and "
        "the rest not.")


def test_texts_that_are_no_chats_are_refused_for_hosted_jobs(tmp_path: Path) -> None:
    whole: Rows = [{"data": {"text_list": ["a", "b"], "loss_weights": [0, 1]}}] * 3
    spec = from_plan(make_plan(tmp_path / "plan", whole), default_model="gpt")
    with ScriptedServer() as server, pytest.raises(DataError, match="hosted-limit: 3 of 3 examples are no chats"):
        launch(Client(server.base_url, None, local=False), Ledger(tmp_path / "l"), spec)


def test_options_a_hosted_provider_ignores_need_a_confirmation(tmp_path: Path) -> None:
    spec = from_plan(make_plan(tmp_path / "plan", CHAT, CHAT), default_model="gpt", overrides={"snapshots_every": 3})
    with ScriptedServer(by_path={"/files": Answer(FILE), "/jobs": Answer(job())}) as server:
        client = Client(server.base_url, None, local=False)
        with pytest.raises(RefusedError, match="snapshots_every"):
            launch(client, Ledger(tmp_path / "l"), spec)
        assert server.requests == []
        launch(client, Ledger(tmp_path / "l"), spec, confirmed=True)
    assert "pen" not in server.requests[-1].json


def test_nothing_leaves_the_machine_without_a_yes(tmp_path: Path) -> None:
    spec = from_plan(make_plan(tmp_path / "plan", CHAT, CHAT), default_model="gpt")
    with ScriptedServer(by_path={"/files": Answer(FILE), "/jobs": Answer(job())}) as server:
        client = Client(server.base_url, None, local=False)
        with pytest.raises(RefusedError, match=f"sends the training set to {client.host}"):
            launch(client, Ledger(tmp_path / "l"), spec)
        assert server.requests == []
        launch(client, Ledger(tmp_path / "l"), spec, confirmed=True)
    assert len(server.requests) == 3


def test_a_bad_row_is_said_with_its_line(tmp_path: Path) -> None:
    spec = from_plan(make_plan(tmp_path / "plan", [*CHAT, {"nothing": 1}]), default_model="gpt")
    with ScriptedServer() as server, pytest.raises(DataError, match=r"train\.jsonl:4"):
        launch(Client(server.base_url, None, local=False), Ledger(tmp_path / "l"), spec)
