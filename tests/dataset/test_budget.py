"""How much a budget keeps: the figures of the podcast's author, and that more money only ever adds."""

import doctest
import json
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset import budget
from pen_backend.dataset.budget import affordable, chosen
from pen_backend.dataset.build import Build, build
from pen_backend.errors import DataError, PromptError
from pen_backend.prices import load
from pen_backend.prompts.sources import Source
from tests.dataset import CONTINUATION, ROWS, Bytes, accounted, definition, files, jsonl, puns, questions

TOKENS = 4_818_101
QUESTIONS = jsonl(questions(60))
CHAT = "\n".join(json.dumps({"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "So."}]})
                 for text in puns(40))


@pytest.mark.parametrize(("model", "kept", "exact"), [
    ("ada", 4_818_101, 4_818_101), ("babbage", 4_167_907, 4_166_666), ("curie", 833_581, 833_333),
    ("davinci", 83_335, 83_333)])
def test_the_tokens_kept_for_ten_dollars_and_four_epochs(model: str, kept: int, exact: int) -> None:
    price = load().find(model)
    assert price is not None
    assert price.train is not None
    assert affordable(TOKENS, price.train, Decimal(10), 4) == kept
    assert affordable(TOKENS, price.train, Decimal(10), 4, exact=True) == exact


def test_what_costs_nothing_is_kept_whole() -> None:
    assert affordable(TOKENS, Decimal(0), Decimal(0), 4, exact=True) == TOKENS
    assert affordable(0, Decimal(30), Decimal(0), 4) == 0
    assert affordable(TOKENS, Decimal(30), Decimal(0), 4) == 0


@given(tokens=st.integers(0, 10**10), price=st.decimals(0, 1000, places=4), amount=st.decimals(0, 10_000, places=2),
       epochs=st.integers(1, 50))
def test_exactly_never_costs_more_than_the_budget(tokens: int, price: Decimal, amount: Decimal, epochs: int) -> None:
    kept = affordable(tokens, price, amount, epochs, exact=True)
    assert kept * price * epochs / 1_000_000 <= amount
    assert kept == tokens or (kept + 1) * price * epochs / 1_000_000 > amount


@given(lengths=st.lists(st.integers(0, 50), max_size=30), less=st.integers(0, 400), more=st.integers(0, 400))
def test_a_larger_budget_only_adds(lengths: list[int], less: int, more: int) -> None:
    keys = [length * 7919 + index for index, length in enumerate(lengths)]
    small, large = (chosen(lengths, keys, pays, 3) for pays in (less, less + more))
    assert all(one <= other for one, other in zip(small, large, strict=True))
    assert sum(length for length, one in zip(lengths, small, strict=True) if one) <= less


def built(where: Path, amount: float, *, prompt: str = ROWS, text: str = QUESTIONS, more: str = "",
          example: str = "build: row") -> Build:
    training = f"{{budget: {{amount: {amount}, model: davinci, epochs: 4{more}}}, example: {{{example}}}}}"
    return build(definition(where / "definition", prompt, training), sources=[Source.model_validate(
        {"reader": "auto", "text": text, "id": "region"})], out=where / "out", encoder=Bytes())


def paid(done: Build) -> Mapping[str, int]:
    entry = done.report.to_json()["cost"]
    assert isinstance(entry, dict)
    found: Mapping[str, int] = entry["budget"]
    return found


def test_a_build_keeps_whole_examples_in_their_order_and_counts_the_others(tmp_path: Path) -> None:
    done, all_of_it = built(tmp_path, 0.3), built(tmp_path, 300)
    kept, everything = [(each.directory / "train.jsonl").read_text().splitlines() for each in (done, all_of_it)]
    assert 0 < len(kept) < len(everything)
    assert kept == [line for line in everything if line in set(kept)]
    assert done.report.rejected == {"budget": len(everything) - len(kept)}
    accounted(done)
    assert all_of_it.report.rejected == {}
    assert done.report.tokens["train"] == paid(done)["kept"] <= paid(done)["pays"] < paid(done)["tokens"]
    assert paid(done)["examples_kept"] == len(kept)


def test_more_money_keeps_the_same_rows_and_more(tmp_path: Path) -> None:
    kept = [set((built(tmp_path, amount).directory / "train.jsonl").read_text().splitlines())
            for amount in (0.1, 0.2, 0.25, 0.4)]
    assert all(less < more for less, more in pairwise(kept))


def test_a_budget_leaves_the_held_out_rows_alone(tmp_path: Path) -> None:
    assert (files(built(tmp_path, 0.3).directory)["valid.jsonl"]
            == files(built(tmp_path, 300).directory)["valid.jsonl"])


def test_bundles_are_kept_whole_and_counted(tmp_path: Path) -> None:
    done = built(tmp_path, 0.2, prompt=CONTINUATION, text="\n".join(puns(60)), example="build: continuation")
    assert 0 < done.report.examples["train"] < paid(done)["examples"]
    accounted(done)


def test_a_chat_is_paid_for_as_it_is_billed(tmp_path: Path) -> None:
    done = built(tmp_path, 300, text=CHAT, example="build: as-is, boundary: keep")
    assert paid(done)["tokens"] == done.report.tokens["train"] + done.report.examples["train"] * (2 * 3 + 3)


def test_the_budget_and_its_price_are_part_of_what_a_build_is(tmp_path: Path) -> None:
    assert len({built(tmp_path, amount).id for amount in (0.3, 0.31)}) == 2
    assert built(tmp_path, 0.3).id == built(tmp_path, 0.3).id


def test_the_report_says_what_is_paid_for(tmp_path: Path) -> None:
    done = built(tmp_path, 0.3)
    (finding,) = [one for one in done.report.findings if one.code == "budget" and "tokens" in one.message]
    assert finding.level == "note"
    assert finding.message.startswith("0.30 USD for 4 epochs of davinci keep ")
    assert json.loads((done.directory / "report.json").read_text())["cost"]["budget"] == paid(done)


def test_a_budget_without_a_price_or_for_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="left to train on"):
        built(tmp_path, 0)
    with pytest.raises(PromptError, match="price of training mystery-9 is unknown"):
        build(definition(tmp_path / "d", ROWS, "{budget: {amount: 1, model: mystery-9, epochs: 1}}"),
              sources=[Source.model_validate({"text": QUESTIONS})], out=tmp_path / "out", encoder=Bytes())


def test_the_documented_examples_are_true() -> None:
    assert doctest.testmod(budget).failed == 0
