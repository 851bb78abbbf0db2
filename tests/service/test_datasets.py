"""Plans: from a region, a file or the definition's own sources to a published set with a preview."""

import json
from pathlib import Path

import pytest

from pen_backend.config import Directories
from pen_backend.errors import BadParamsError, CancelledError, DataError, NotFoundError, PenError
from pen_backend.jobs.ledger import Entry
from pen_backend.service.context import Context
from pen_backend.service.datasets import Datasets, RowEdit, duration
from pen_backend.service.registry import build_registry
from tests.dataset import puns
from tests.service.context import Kept

REGION = "\n".join(f"- {text}" for text in puns(60))


@pytest.fixture
def datasets(environ: dict[str, str]) -> Datasets:
    return Datasets(Context(environ=environ))


def test_a_region_becomes_a_published_plan(datasets: Datasets, home: Directories) -> None:
    kept = Kept()
    plan = datasets.plan("pun-complete", text=REGION, source="puns.org", reader="org", events=kept)
    assert plan.directory == home.data / "datasets" / "pun-complete" / plan.id
    assert plan.train_path.read_bytes().count(b"\n") == plan.train
    assert plan.valid_path.read_bytes().count(b"\n") == plan.valid > 0
    assert (plan.records, plan.prompt, plan.model) == (plan.train + plan.valid, "pun-complete", "pen-tiny")
    assert (plan.cost, plan.seconds, plan.provider) == (0.0, None, "local")
    assert plan.summary.startswith(f"puns.org    {plan.records} records (train {plan.train}, valid {plan.valid})    ")
    assert "time unknown before the first job" in plan.summary
    assert plan.table.splitlines()[0].split() == ["ntokens", "nwords", "nchars"]
    assert {"done", "unit"} <= kept.of("progress")[0].keys()


def test_the_preview_shows_how_rows_are_rendered_and_where_they_stand(datasets: Datasets,
                                                                     environ: dict[str, str]) -> None:
    plan = datasets.plan("pun-complete", text=REGION, source="puns.org", events=Kept())
    row = plan.rows[0]
    assert [part.weight for part in row.segments] == [0.3, 0.7]
    form = Context(environ=environ).library().prompt("pun-complete").format
    assert row.segments[0].text.endswith(form.prompt_end)
    assert row.segments[1].text.endswith(form.completion_end or "")
    assert all(part.tokens > 0 for part in row.segments)
    name, _, line = row.where.partition(":")
    assert name == "puns.org"
    assert REGION.splitlines()[int(line) - 1][2:] in row.segments[0].text


def test_the_first_finding_says_how_the_source_was_read(datasets: Datasets) -> None:
    plan = datasets.plan("joke-token", text=REGION, source="buffer", events=Kept())
    assert (plan.findings[0].level, plan.findings[0].message) == ("note", "buffer was read as org")


def test_the_definitions_own_sources_are_used_and_found_by_an_editor(datasets: Datasets) -> None:
    plan = datasets.plan("pun-complete", events=Kept())
    assert plan.records > 60
    assert Path(plan.rows[0].where.rpartition(":")[0]).is_file()


def test_a_file_is_read_by_its_path(datasets: Datasets, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(json.dumps({"text": text}) for text in puns(30)))
    plan = datasets.plan("joke-token", path=path, valid_share=0.5, events=Kept())
    assert plan.records == 30
    assert 5 < plan.valid < 25
    assert plan.rows[0].where.startswith("mine.jsonl:")


@pytest.mark.parametrize(("arguments", "error", "says"), [
    ({"text": ""}, DataError, "region is empty"), ({"text": "One pun."}, DataError, "needs at least two"),
    ({"text": "a", "reader": "xml"}, DataError, "no reader .xml..*auto, jokes, jsonl, org, table, text"),
    ({"text": "a", "path": Path("b")}, BadParamsError, "exclude each other"),
    ({"path": Path("/nowhere/at-all.org")}, NotFoundError, "does not exist"),
    ({"text": "a", "valid_share": 2.0}, BadParamsError, "valid_share"),
    ({"text": "a", "n_epochs": 0}, BadParamsError, "n_epochs"), ({"text": "\ud800"}, DataError, "surrogate"),
    ({"prompt": "no-such-prompt", "text": "a"}, NotFoundError, "no-such-prompt"),
])
def test_what_cannot_be_built_is_one_sentence(arguments: dict[str, object], error: type[PenError], says: str,
                                              datasets: Datasets, home: Directories) -> None:
    with pytest.raises(error, match=says):
        datasets.plan(**{"prompt": "pun-complete", **arguments}, events=Kept())  # type: ignore[arg-type] # by name
    assert not list(home.data.rglob("*.jsonl"))


def test_a_cancelled_plan_publishes_nothing(datasets: Datasets, home: Directories) -> None:
    kept = Kept(cancel_after=1)
    with pytest.raises(CancelledError):
        datasets.plan("pun-complete", text=REGION, events=kept)
    assert not list(home.data.rglob("*.jsonl"))


def test_a_plan_is_found_again_by_its_id(environ: dict[str, str]) -> None:
    context = Context(environ=environ)
    plan = Datasets(context).plan("pun-complete", text=REGION, events=Kept())
    assert context.find_plan(plan.id) == plan.directory.resolve()


def test_no_row_is_longer_than_the_model_can_read(datasets: Datasets) -> None:
    text = "\n".join(f"{pun} " + " ".join(f"word{number * index}" for number in range(100))
                     for index, pun in enumerate(puns(12), 1))
    plan = datasets.plan("pun-complete", text=text, reader="text", events=Kept())
    assert max(sum(part.tokens for part in row.segments) for row in plan.rows) < 2048


def test_a_reader_is_tried_alone(datasets: Datasets, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"data": "a"}\n{broken\n{"data": "c"}\n')
    lines = [json.loads(line) for line in datasets.read("auto", path)]
    assert [sorted(line) for line in lines] == [
        ["id", "origin", "segments"], ["error", "origin"], ["id", "origin", "segments"]]
    assert len(datasets.read("jsonl", path, limit=1)) == 1


def test_a_file_and_a_build_are_counted(datasets: Datasets) -> None:
    plan = datasets.plan("pun-complete", text=REGION, events=Kept())
    whole = datasets.stats(plan.directory)
    assert whole.table == plan.table
    assert whole.examples == plan.records
    assert datasets.stats(plan.train_path).examples == plan.train


def test_a_file_without_rows_cannot_be_counted(datasets: Datasets, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("")
    with pytest.raises(DataError, match="no training rows"):
        datasets.stats(tmp_path / "a.jsonl")
    with pytest.raises(NotFoundError, match=r"absent\.jsonl does not exist\. Name a training file"):
        datasets.stats(tmp_path / "absent.jsonl")


def test_the_time_is_said_in_words() -> None:
    assert (duration(None), duration(20.2), duration(240)) == (
        "time unknown before the first job", "about 20 s", "about 4 min")


def test_the_methods_may_cross_the_link(datasets: Datasets) -> None:
    assert set(build_registry({"datasets": datasets})) >= {
        "datasets-plan", "datasets-prepare", "datasets-read", "datasets-stats"}


def test_the_time_is_tokens_times_epochs_by_the_last_rate(environ: dict[str, str]) -> None:
    context = Context(environ=environ)
    plan = Datasets(context).plan("pun-complete", text=REGION, n_epochs=2, events=Kept())
    assert (plan.seconds, plan.costs.splitlines()[0].split()) == (None, ["cost/epoch", "2", "epochs"])
    assert plan.costs.splitlines()[1].split() == ["pen-tiny", "0.00", "0.00"]
    context.ledger.remember(Entry(job="ftjob-1", provider="local", model="pen-tiny", prompt=None, plan=None,
                                  created_at=1, status="succeeded", fine_tuned_model=None, finished_at=2))
    context.ledger.saw({"id": "ftjob-1", "status": "succeeded"}, 100.0)
    tokens = Datasets(context).stats(plan.train_path).tokens
    assert Datasets(context).plan("pun-complete", text=REGION, n_epochs=2, events=Kept()).seconds == tokens * 2 / 100


def test_a_row_that_is_left_out_by_its_key_is_gone(datasets: Datasets) -> None:
    before = datasets.plan("joke-token", text=REGION, reader="org", events=Kept())
    one = before.rows[0].members[0]
    plan = datasets.plan("joke-token", text=REGION, reader="org", events=Kept(),
                         edits=[RowEdit(one.key, exclude=True)])
    assert plan.records == before.records - 1
    text = plan.train_path.read_text() + plan.valid_path.read_text()
    assert one.parts[0].text not in text
    assert any(finding.code == "by-hand" for finding in plan.findings)
    assert plan.bytes == len(text.encode())


def test_weights_and_lengths_can_be_given(datasets: Datasets) -> None:
    plan = datasets.plan("pun-complete", text=REGION, loss_weights=[0, 1], max_tokens=120, events=Kept())
    assert {tuple(part.weight for part in row.segments) for row in plan.rows} == {(0, 1)}
    assert all(sum(part.tokens for part in row.segments) <= 120 for row in plan.rows)
    with pytest.raises(PenError, match="expected 2 weights"):
        datasets.plan("pun-complete", text=REGION, loss_weights=[1], events=Kept())


CHAT = "\n".join(f"2021-03-{1 + index // 20:02d}, {8 + index % 12:02d}:00 - {('Ann', 'Ben')[index % 2]}: {text}"
                 for index, text in enumerate(puns(60)))


def test_the_messages_of_one_person_are_learned(datasets: Datasets, tmp_path: Path) -> None:
    (tmp_path / "chat.txt").write_text(CHAT)
    assert [(one.name, one.messages) for one in datasets.speakers(tmp_path / "chat.txt")] == [("Ann", 30), ("Ben", 30)]
    plan = datasets.plan("reply", path=tmp_path / "chat.txt", reader="whatsapp", author="Ben", events=Kept())
    assert plan.records == 30
    assert all(row.segments[0].text.endswith("Ben:") and "Ann: " in row.segments[0].text for row in plan.rows[:5])
    hidden = datasets.plan("reply", path=tmp_path / "chat.txt", reader="whatsapp", author="Ben", anonymise=True,
                           events=Kept())
    assert "Ben" not in hidden.train_path.read_text()
    with pytest.raises(DataError, match="called 'Bem'"):
        datasets.plan("reply", path=tmp_path / "chat.txt", reader="whatsapp", author="Bem", events=Kept())


def test_a_file_in_another_encoding_is_read_when_it_is_named(datasets: Datasets, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes("\n".join(f"{pun} Café." for pun in puns(20)).encode("latin-1"))
    with pytest.raises(DataError):
        datasets.plan("joke-token", path=path, events=Kept())
    assert "Café" in datasets.plan("joke-token", path=path, encoding="latin-1", events=Kept()).train_path.read_text()
