"""Every limit is listed as its module has it."""

import io
import json
from pathlib import Path

import pytest

from pen_backend.engine import limits as of_the_engine
from pen_backend.service.context import Context
from pen_backend.transports import cli
from pen_backend.transports.limits import LIMITS, Limit, limits
from tests.conftest import environment


def test_limits_are_read_from_the_modules_that_enforce_them() -> None:
    here = {one.what: one.value for one in limits()}
    there = {str(one["what"]): one["value"] for one in of_the_engine.limits()}
    assert (here["a message to or from Emacs"], here["a line of a data file"]) == (16_777_215, 1_000_000)
    assert (there["an upload"], there["jobs waiting"], there["attempts of a job"]) == (512 << 20, 100, 4)
    assert all(isinstance(value, int | float) for value in [*here.values(), *there.values()])
    assert [what for what, value in [*here.items(), *there.items()] if not value] == ["redirects that are followed"]
    assert (here["an answer, unpacked"], here["a line of a stream"]) == (64 << 20, 1 << 20)
    assert here["its values"] == 250_000
    assert (here["calls of one request"], here["repeated of the calls of a minute"]) == (3, 0.1)
    assert (here["a completion"], here["a call about jobs"]) == (300, 60)


def test_nothing_is_listed_twice() -> None:
    names = [(module, name) for _, module, name, _ in LIMITS]
    names += [(f"engine.{module}", name) for _, module, name, _ in of_the_engine.LIMITS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("value", "unit", "text"), [
    (16_777_215, "bytes", "16,777,215 bytes"), (8, "", "8"), (0.5, "seconds", "0.5 seconds"),
    (60.0, "seconds", "60 seconds")])
def test_a_limit_is_written_as_people_do(value: float, unit: str, text: str) -> None:
    assert str(Limit("x", value, unit, "m")) == text


@pytest.mark.slow
def test_the_doctor_lists_both_sides(tmp_path: Path) -> None:
    def told(*more: str) -> str:
        out, err = io.StringIO(), io.StringIO()
        context = Context(environ=environment(tmp_path))
        assert cli.main(["doctor", "--limits", *more], context=context, out=out, err=err) == 0, err.getvalue()
        return out.getvalue()

    listed = json.loads(told("--json"))
    assert len(listed) == len(LIMITS) + len(of_the_engine.LIMITS)
    assert {"what": "jobs waiting", "value": 100, "unit": "", "module": "engine.jobs.state"} in listed
    lines = told().splitlines()
    assert lines[0].split() == ["OF", "AT", "MOST", "MODULE"]
    assert [line.split() for line in lines if "a JSON body" in line] == [
        ["a", "JSON", "body", "16,777,216", "bytes", "engine.wire.body"]]
