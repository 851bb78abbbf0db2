"""Preferences: their loss written out plainly, and that learning them makes the preferred answer likelier."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from pen_backend.engine.nn.data import read_data
from pen_backend.engine.nn.device import Device
from pen_backend.engine.nn.dpo import PreferenceLoss, collate_pairs
from pen_backend.engine.nn.outcome import TrainingError
from pen_backend.engine.nn.preferences import Pair
from pen_backend.engine.nn.spec import read_spec
from pen_backend.engine.nn.tokenise import Encoded
from pen_backend.engine.nn.vocabulary import Vocabulary
from tests.engine.nn import tiny

BETA = 0.3
CPU = torch.device("cpu")
LINES: list[dict[str, Any]] = [
    {"input": {"messages": [{"role": "user", "content": f"what comes after {i}?"}]},
     "preferred_output": [{"role": "assistant", "content": f"{i + 1}, surely"}],
     "non_preferred_output": [{"role": "assistant", "content": "nothing at all" * (i % 3)}]} for i in range(12)]
TEXTS: list[dict[str, Any]] = [{"prompt": f"Question {i}:", "chosen": f" It is {i}", "rejected": " No"}
                               for i in range(5)]


def read(model_folder: Path, tmp_path: Path, lines: list[dict[str, Any]], **changes: Any) -> list[Pair]:
    spec = read_spec(tiny.make_job(tmp_path / "job", model_folder, lines, method="dpo", beta=BETA, **changes)
                     / "spec.json")
    return read_data(spec.train, "training_file", spec, Vocabulary(model_folder), context=256).examples


def log_probability(model: PreTrainedModel, example: Encoded) -> float:
    """Sum log p of the answer's tokens, one at a time."""
    logs = model(input_ids=torch.tensor([example.ids.tolist()])).logits[0].log_softmax(-1)
    weights = [span.weight for span in example.spans for _ in range(span.tokens)]
    return math.fsum(logs[i - 1, example.ids[i]].item() for i in range(1, len(weights)) if weights[i])


@pytest.mark.parametrize("lines", [LINES, TEXTS])
def test_both_answers_follow_the_same_prompt_and_end(model_folder: Path, tmp_path: Path, vocabulary: Vocabulary,
                                                     lines: list[dict[str, Any]]) -> None:
    for pair in read(model_folder, tmp_path, lines):
        assert pair.preferred.prompt == pair.other.prompt
        assert pair.preferred.ids[-1] == pair.other.ids[-1] == vocabulary.eos
        assert pair.preferred.ids != pair.other.ids


def test_the_loss_is_the_plain_formula(model: PreTrainedModel, model_folder: Path, tmp_path: Path,
                                       vocabulary: Vocabulary) -> None:
    pairs = [replace(pair, reference=0.5 * i) for i, pair in enumerate(read(model_folder, tmp_path, LINES[:4]))]
    margins = [BETA * (log_probability(model, pair.preferred) - log_probability(model, pair.other) - pair.reference)
               for pair in pairs]

    for lean in (True, False):
        loss = PreferenceLoss(model, Device("cpu", "fp32"), lean=lean, beta=BETA)
        scores = loss(collate_pairs(pairs, vocabulary.pad, CPU))

        assert scores.loss.item() == pytest.approx(sum(math.log(1 + math.exp(-one)) for one in margins), rel=1e-4)
        assert scores.sums["margin"].item() == pytest.approx(sum(margins), rel=1e-4)
        assert scores.sums["rewards_right"] == sum(one > 0 for one in margins)
        assert scores.sums["pairs"] == 4
        assert scores.sums["scored"] == sum(pair.scored for pair in pairs)


def test_one_step_raises_the_margin(model: PreTrainedModel, model_folder: Path, tmp_path: Path,
                                    vocabulary: Vocabulary) -> None:
    batch = collate_pairs(read(model_folder, tmp_path, LINES), vocabulary.pad, CPU)
    loss = PreferenceLoss(model, Device("cpu", "fp32"), lean=True, beta=BETA)
    optimiser = torch.optim.SGD(loss.parameters(), lr=1e-3)
    before = loss(batch)
    before.loss.backward()
    optimiser.step()

    assert loss(batch).sums["margin"] > before.sums["margin"]


def test_a_long_prompt_is_cut_alike_for_both_answers(model_folder: Path, tmp_path: Path) -> None:
    lines = [{"prompt": "x" * 90, "chosen": " It is", "rejected": " No, it is not"}]

    pair, = read(model_folder, tmp_path, lines, overlong="truncate", max_tokens=40)

    assert pair.longest == 40
    assert pair.preferred.prompt == pair.other.prompt


@pytest.mark.parametrize(("method", "line", "message"), [
    ("dpo", {"prompt": "a", "completion": "b"}, r"train\.jsonl:1: the method dpo does not train prompt-completion"),
    ("supervised", TEXTS[0], r"train\.jsonl:1: the method supervised does not train preference lines")])
def test_lines_of_the_other_method_are_named(model_folder: Path, tmp_path: Path, method: str, line: dict[str, Any],
                                             message: str) -> None:
    spec = read_spec(tiny.make_job(tmp_path / "job", model_folder, [line], method=method,
                                   beta=BETA if method == "dpo" else None) / "spec.json")

    with pytest.raises(TrainingError, match=message):
        read_data(spec.train, "training_file", spec, Vocabulary(model_folder), context=256)
