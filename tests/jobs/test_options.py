"""Options of a definition and of a launch: merged, counted, held against each other, before anything is uploaded."""

import json
from pathlib import Path
from typing import Any

import pytest

from pen_backend.errors import BadParamsError, DataError, NotFoundError
from pen_backend.jobs.options import classification, counted, merged
from pen_backend.jobs.spec import JobSpec, from_files, from_plan
from tests.jobs.plans import Rows, make_plan

TAGS: Rows = [{"prompt": f"Ticket {i}:", "completion": f" {i % 3}\n"} for i in range(12)]


def test_class_options_are_one_option() -> None:
    assert classification() is None
    assert classification("auto") == "auto"
    assert classification(n_classes=3) == {"n_classes": 3}
    assert classification(positive_class="yes", betas=[0.5]) == {"positive_class": "yes", "betas": [0.5]}
    with pytest.raises(BadParamsError, match="exclude each other"):
        classification("auto", n_classes=3)


def test_keys_of_a_mapping_may_have_hyphens_and_off_takes_a_definitions_classes_away() -> None:
    assert merged({"classification": {"n-classes": 3}}, {}) == {"classification": {"n_classes": 3}}
    assert merged({"classification": {"n-classes": 3}}, {"classification": "off"}) == {}
    assert merged({"classification": "auto", "n-epochs": "auto"}, {}) == {"classification": "auto"}


def test_auto_counts_the_classes_of_the_training_file(tmp_path: Path) -> None:
    plan = make_plan(tmp_path / "p", TAGS, TAGS[:3], definition={"job": {"classification": "auto"}})
    assert from_plan(plan, default_model="m").own_options == {"classification": {"n_classes": 3}}


def test_auto_refuses_what_is_no_classification(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps({"prompt": "a", "completion": f" {i}"}) + "\n" for i in range(9)))
    with pytest.raises(DataError, match="9 different completions in 9 examples"):
        counted({"classification": "auto"}, path)
    with pytest.raises(BadParamsError, match="n_classes"):
        counted({"classification": "auto"}, "file-abc")
    assert counted({"seed": 1}, "file-abc") == {"seed": 1}


def test_a_file_to_validate_on_goes_before_what_is_held_out(tmp_path: Path) -> None:
    plan, other = make_plan(tmp_path / "p"), tmp_path / "v.jsonl"
    other.write_text('{"data": "x"}\n')
    assert from_plan(plan, default_model="m", valid=other).valid == other
    assert from_files(other, other, default_model="m", overrides={"early_stopping": 2}).valid == other
    with pytest.raises(NotFoundError, match="no such training file"):
        from_plan(plan, default_model="m", valid=tmp_path / "absent.jsonl")


@pytest.mark.parametrize(("options", "said"), [
    ({"early_stopping": 2}, "no validation file"),
    ({"classification": {"n_classes": 2}}, "there is none"),
    ({"lora": {"r": 4}, "tune": "full"}, "tune is full"),
])
def test_options_that_need_something_else_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        JobSpec("m", "file-a", None, options, {})
    assert caught.value.hint


@pytest.mark.parametrize(("options", "method", "said"), [
    ({"classification": {"n_classes": 2}, "packing": "window"}, "supervised", "whole examples"),
    ({"classification": {"n_classes": 2}}, "dpo", "no classes"),
    ({"packing": "window"}, "dpo", "whole examples"),
    ({"classification": {}}, "supervised", "n_classes, or positive_class"),
    ({"classification": {"n_classes": 2, "betas": [1]}}, "supervised", "two classes"),
    ({"classification": {"n_classes": 3, "positive_class": "a"}}, "supervised", "two classes"),
    ({"classification": {"n_classes": 1}}, "supervised", "n_classes: expected a whole number from 2"),
    ({"classification": {"n_class": 2}}, "supervised", "unknown key 'n_class'"),
    ({"classification": {"positive_class": "a", "betas": [0]}}, "supervised", "betas"),
    ({"lora": {"r": 0}}, "supervised", "r: expected a whole number from 1"),
])
def test_options_that_do_not_fit_together_are_refused(options: dict[str, Any], method: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        JobSpec("m", "file-a", "file-b", options, {}, method=method)
