import doctest
from typing import Any

import pytest

from pen_backend.jobs import openai_ft
from pen_backend.jobs.openai_ft import Flags, job_options, metadata, suffix

PLAIN = {"n_epochs": 1, "batch_size": 1, "packing": "window", "results": "classic"}


@pytest.mark.parametrize(("given", "job"), [
    ({}, {}),
    ({"num_epochs": 5}, {"n_epochs": 5}),
    ({"batch_size": 2}, {"batch_size": 2}),
    ({"val_batch_size": 1}, {"eval_batch_size": 1}),
    ({"max_tokens": 2048}, {"max_tokens": 2048}),
    ({"scale": 0.01}, {"learning_rate_multiplier": 0.01}),
    ({"snapshots_every": 15}, {"snapshots_every": 15}),
    ({"completions_every": 2, "num_completions": 1}, {"completions_every": 2, "num_completions": 1}),
    ({"engine": "Ada Me_ft.c2"}, {"suffix": "ada-me-ft-c2"}),
    ({"engine": "…"}, {}),
    ({"model": "ada", "valid": "v.jsonl"}, {}),
])
def test_a_flag_is_an_option_of_the_job(given: dict[str, Any], job: dict[str, Any]) -> None:
    assert job_options(Flags("t.jsonl", **given)) == {**PLAIN, **job}


@pytest.mark.parametrize(("engine", "expected"), [
    ("ada-louise-thomas-ft-c2", "ada-louise-thomas-ft-c2"), ("Zoë's engine", "zoe-s-engine"), ("--", None),
    ("a" * 70, "a" * 64), ("a" * 63 + "-b", "a" * 63), ("ft:x/../y", "ft-x-y"),
])
def test_an_engines_name_becomes_a_suffix(engine: str, expected: str | None) -> None:
    assert suffix(engine) == expected


def test_the_job_remembers_the_engines_name_as_it_is() -> None:
    assert metadata(Flags("t", engine="Zoë's engine")) == {"engine": "Zoë's engine"}
    assert metadata(Flags("t")) == {}


def test_the_examples_of_the_module_are_true() -> None:
    assert doctest.testmod(openai_ft) == (0, 1)
