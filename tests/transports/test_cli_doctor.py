import io
import json
from pathlib import Path

import pytest

from pen_backend.service.context import Context
from pen_backend.service.doctor import Row
from pen_backend.transports import cli
from pen_backend.transports.cli_doctor import text
from tests.conftest import environment


@pytest.mark.slow
def test_doctor_prints_a_row_for_each_thing_and_fails_if_one_does(tmp_path: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    context = Context(environ=environment(tmp_path) | {"PEN_PROVIDER": "openai"})
    assert cli.main(["doctor", "--json", "--report"], context=context, out=out, err=err) == 3
    rows = {row["name"]: row for row in json.loads(out.getvalue())}
    assert rows["torch"]["status"] == "ok"
    assert rows["key"]["status"] == "fail"


def test_what_mends_a_thing_stands_below_it() -> None:
    assert text([Row("disk", "ok", "much"), Row("memory", "warn", "little", "Buy some")]) == (
        "ok    disk    much\nwarn  memory  little\n              → Buy some")
