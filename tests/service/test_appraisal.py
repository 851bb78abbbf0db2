"""What training sets hold, cost and lack, as Emacs and the command line ask for it."""

import json
from datetime import date
from pathlib import Path

import pytest

from pen_backend.config import Config, Directories
from pen_backend.errors import BadParamsError, ConfigError, DataError, PromptError
from pen_backend.jobs.ledger import Entry
from pen_backend.service.context import Context
from pen_backend.service.datasets import Datasets, Plan
from tests.dataset import puns
from tests.service.context import Kept

REGION = "\n".join(f"- {text}" for text in puns(60))
DAY = date(2026, 11, 21)


@pytest.fixture
def datasets(environ: dict[str, str]) -> Datasets:
    return Datasets(Context(environ=environ), today=DAY)


@pytest.fixture
def plan(datasets: Datasets) -> Plan:
    return datasets.plan("pun-complete", text=REGION, source="puns.org", reader="org", events=Kept())


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"{text}\n", "completion": " Yes. END"}) + "\n" for text in puns(50)))
    return path


def test_statistics_have_rows_for_each_file_and_source(datasets: Datasets, plan: Plan) -> None:
    stats = datasets.stats(plan.directory)
    assert [(one.side, one.examples) for one in stats.files] == [("train", plan.train), ("valid", plan.valid)]
    assert [(one.name, one.side, one.tokens) for one in stats.sources] == [
        ("puns.org", one.side, one.tokens) for one in stats.files]
    assert (sum(one.tokens for one in stats.files), stats.table) == (stats.tokens, plan.table)


def test_the_old_models_are_priced_by_their_own_tokens(datasets: Datasets, rows: Path) -> None:
    costs = datasets.cost(rows, ["ada", "davinci", "pen-tiny", "gpt-4o-mini"], n_epochs=4)
    assert [one.tokenizer for one in costs.models] == ["r50k_base", "r50k_base", "pen-tiny", "o200k_base"]
    ada, davinci, tiny, _ = costs.models
    assert (ada.tokens, ada.billed) == (davinci.tokens, davinci.tokens)
    assert davinci.total == round(davinci.tokens * 30 * 4 / 1e6, 2)
    assert (davinci.stale, davinci.seen, davinci.remarks) == (
        True, "2023-01-04", "of 2023-01-04, older than 180 days, retired")
    assert (tiny.per_epoch, tiny.usage, tiny.total, tiny.seconds) == (0.0, 0.0, 0.0, None)
    assert costs.table.splitlines()[0].split() == ["Cost", "per", "epoch", "Usage"]
    assert "unknown before the first job" in costs.estimates
    assert "ada, davinci: of 2023-01-04, older than 180 days, retired" in costs.notes


def test_without_a_name_there_are_the_configured_model_and_all_prices(datasets: Datasets, rows: Path) -> None:
    assert [one.model for one in datasets.cost(rows).models][:5] == ["pen-tiny", "ada", "babbage", "curie", "davinci"]


def test_an_unknown_model_has_no_price_and_never_costs_nothing(datasets: Datasets, rows: Path) -> None:
    (one,) = datasets.cost(rows, ["mystery-9"], budget=1.0).models
    assert (one.per_epoch, one.usage, one.total, one.kept, one.examples_kept) == (None, None, None, None, None)
    assert one.remarks == "price unknown"


def test_the_users_prices_go_before_the_shipped_ones(datasets: Datasets, rows: Path, home: Directories) -> None:
    home.config.mkdir(parents=True)
    (home.config / "prices.yaml").write_text("as-of: 2026-11-20\nmodels:\n  mystery-9: {train: 1000}\n")
    (one,) = datasets.cost(rows, ["mystery-9"]).models
    assert one.per_epoch == round(one.tokens / 1000, 2) > 0
    (home.config / "prices.yaml").write_text("as-of: 2026-11-20\nmodels:\n  mystery-9: {train: dear}\n")
    with pytest.raises(ConfigError, match=r"prices\.yaml:3"):
        datasets.cost(rows, ["mystery-9"])


def test_a_local_model_takes_the_time_of_the_last_job_on_it(environ: dict[str, str], rows: Path) -> None:
    context = Context(environ=environ)
    context.ledger.remember(Entry("ftjob-1", "local", "pen-tiny", tokens_per_second=100.0))
    (one,) = Datasets(context).cost(rows, ["pen-tiny"], n_epochs=2).models
    assert one.seconds == one.tokens * 2 / 100


def test_a_budget_says_how_much_of_the_set_it_pays_for(datasets: Datasets, rows: Path) -> None:
    (little,), (much,) = (datasets.cost(rows, ["davinci"], 4, money, True).models for money in (0.05, 5.0))
    assert little.kept == int(0.05 / (30 * 4 / 1e6)) < little.tokens
    assert 0 < (little.examples_kept or 0) < little.examples
    assert (much.kept, much.examples_kept) == (much.tokens, much.examples)


def test_held_out_rows_of_a_build_cost_nothing(datasets: Datasets, plan: Plan) -> None:
    (whole,) = datasets.cost(plan.directory, ["davinci"]).models
    (train,) = datasets.cost(plan.train_path, ["davinci"]).models
    assert (whole.tokens, whole.examples) == (train.tokens, plan.train)


@pytest.mark.parametrize("arguments", [{"n_epochs": 0}, {"n_epochs": 51}, {"budget": -1.0}, {"budget": float("nan")},
                                       {"budget": float("inf")}])
def test_impossible_questions_are_refused(datasets: Datasets, rows: Path, arguments: dict[str, float]) -> None:
    with pytest.raises(BadParamsError):
        datasets.cost(rows, ["ada"], **arguments)  # type: ignore[arg-type] # each is one of the parameters


def test_a_hosted_plan_says_what_it_costs(environ: dict[str, str], home: Directories) -> None:
    context = Context(Config(provider="https://example.org/v1"), environ=environ)
    datasets = Datasets(context, today=DAY)
    made = datasets.plan("pun-complete", text=REGION, model="gpt-4o-mini", n_epochs=9, events=Kept())
    (one,) = datasets.cost(made.directory, ["gpt-4o-mini"], 9).models
    assert made.cost == one.total
    assert made.cost is not None
    assert made.cost > 0
    assert f"{made.cost:.2f} USD (price of 2026-11-21, closing, not verified)" in made.summary
    assert made.seconds is None
    nobody = Datasets(context).plan("pun-complete", text=REGION, model="mystery-9", events=Kept())
    assert nobody.cost is None
    assert "price unknown" in nobody.summary


def definition(where: Path, model: str) -> str:
    path = where / "paid.yaml"
    path.write_text("pen: 1\ntitle: Paid\nprompt: <q>\ncompletion: <a>\nvars: [q: {example: Why}, a: {example: So}]\n"
                    'format: {prompt-end: "\\n", completion-end: " END"}\n'
                    f"training: {{budget: {{amount: 0.05, model: {model}, epochs: 4}}, split: {{by: [record]}}}}\n")
    return str(path)


def test_a_definitions_budget_is_kept_with_the_tokens_of_its_model(datasets: Datasets, tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"q": text, "a": "Nobody knows."}) for text in puns(60))
    paid = datasets.plan(definition(tmp_path, "davinci"), text=lines, reader="jsonl", events=Kept())
    free = datasets.plan(definition(tmp_path, "pen-tiny"), text=lines, reader="jsonl", events=Kept())
    assert 0 < paid.train < free.train
    assert any(one.message.startswith("0.05 USD for 4 epochs of davinci keep ") for one in paid.findings)
    with pytest.raises(PromptError, match="mystery-9 is unknown"):
        datasets.plan(definition(tmp_path, "mystery-9"), text=lines, reader="jsonl", events=Kept())


def test_a_build_is_checked_by_its_report_and_found_by_its_id(datasets: Datasets, plan: Plan) -> None:
    for path in (plan.directory, Path(plan.id), plan.directory.parent):
        checked = datasets.check(path, events=Kept())
        assert (checked.built, checked.train, checked.valid, checked.errors) == (True, plan.train, plan.valid, 0)
    assert checked.rows == plan.rows


def test_an_edited_build_is_an_error_and_is_checked_like_any_file(datasets: Datasets, plan: Plan) -> None:
    with plan.train_path.open("a") as stream:
        stream.write("nonsense\n")
    checked = datasets.check(plan.directory, events=Kept())
    assert not checked.built
    assert {"edited", "json"} <= {one.code for one in checked.findings if one.level == "error"}


def test_a_file_is_checked_against_a_definition(datasets: Datasets, rows: Path) -> None:
    assert datasets.check(rows, "pun-complete", events=Kept()).errors == 0
    with rows.open("a") as stream:
        stream.write('{"data": {"text_list": ["a", "b"], "loss_weights": [1]}}\n')
    (error,) = [one for one in datasets.check(rows, events=Kept()).findings if one.level == "error"]
    assert (error.code, error.where, error.pointer) == ("weights-count", "rows.jsonl:51", "/data/loss_weights")
    assert error.hint


def test_a_card_has_its_prompts_description_and_figures(datasets: Datasets, plan: Plan) -> None:
    card = datasets.card(plan.directory)
    assert "Continue a list of puns" in card.text
    assert json.loads(card.figures)["train"] == plan.train
    assert datasets.card(plan.directory, "markdown").text.startswith("# Training set ")


def test_only_a_whole_build_has_a_card(datasets: Datasets, plan: Plan, rows: Path) -> None:
    with plan.train_path.open("a") as stream:
        stream.write('{"data": "one more"}\n')
    for path in (rows, plan.directory):
        with pytest.raises(DataError, match="no build, or not as it was built"):
            datasets.card(path)


def test_two_builds_are_compared(datasets: Datasets, plan: Plan) -> None:
    other = datasets.plan("pun-complete", text=REGION, source="puns.org", reader="org", seed=9, events=Kept())
    found = datasets.diff(plan.directory, other.directory)
    assert not found.equal
    assert ("seed", "9") in {(one.what, one.after) for one in found.changes}
    assert datasets.diff(plan.directory, plan.directory).equal
