from pathlib import Path
from typing import Any

from pen_backend.client import Client
from pen_backend.jobs.ledger import Ledger
from pen_backend.service.summaries import LOSSES, Summaries
from tests.jobs.test_watch import event, metrics
from tests.scripted_server import Answer, ScriptedServer, job, listing


def asked(server: ScriptedServer, home: Path, *jobs: dict[str, Any], local: bool = True) -> list[Any]:
    """Summarise one job as it changes."""
    summaries, ledger = Summaries(), Ledger(home / "jobs")
    client = Client(server.base_url, None, local=local)
    return [summaries.of(client, ledger, each) for each in jobs]


def test_only_new_events_are_taken_and_the_curve_goes_on(tmp_path: Path) -> None:
    running = job(status="running")
    with ScriptedServer(listing(metrics(2, valid_loss=4.0), metrics(1)),
                        listing(metrics(3), metrics(2), metrics(1))) as server:
        first, second = asked(server, tmp_path, running, running)
    assert (first.step, first.losses, first.valid_loss) == (2, [2.9, 2.8], 4.0)
    assert (second.step, second.losses, second.valid_loss) == (3, [2.9, 2.8, 2.7], 4.0)


def test_a_job_that_ended_is_asked_about_once(tmp_path: Path) -> None:
    ended = job(status="failed")
    with ScriptedServer(listing(metrics(1))) as server:
        first, second = asked(server, tmp_path, ended, ended)
    assert first == second
    assert first.losses == [2.9]
    assert len(server.requests) == 1


def test_a_finished_job_that_nobody_followed_is_read_from_its_table(tmp_path: Path) -> None:
    table = b"step,train_loss,train_accuracy,valid_loss\n1,3.5,0.1,\n2,nan,0.2,2.5\n"
    with ScriptedServer(by_path={"/files/file-9/content": Answer(table, type="text/csv")}) as server:
        summary, = asked(server, tmp_path, job(status="succeeded", result_files=["file-9"], pen={"total_steps": 2}))
    assert (summary.step, summary.total_steps, summary.valid_loss, len(summary.losses)) == (2, 2, 2.5, 2)
    assert summary.train_loss != summary.train_loss  # it diverged, and that is told
    assert len(server.requests) == 1


def test_a_hosted_job_that_ended_costs_no_request(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        summary, = asked(server, tmp_path, job(status="succeeded", result_files=["file-9"]), local=False)
    assert (summary.step, summary.losses, server.requests) == (None, [], [])


def test_losses_are_few_and_have_both_ends(tmp_path: Path) -> None:
    steps = [event(f"e{step}", kind="metrics", step=step, train_loss=float(step)) for step in range(100, 0, -1)]
    with ScriptedServer(listing(*steps)) as server:
        summary, = asked(server, tmp_path, job(status="running"))
    assert len(summary.losses) == LOSSES
    assert (summary.losses[0], summary.losses[-1]) == (1.0, 100.0)
    assert summary.losses == sorted(summary.losses)
