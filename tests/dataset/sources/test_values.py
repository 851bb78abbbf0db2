"""Every value of an array, its text and its line, whatever stands in it."""

import json
from io import BytesIO
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.dataset.sources.document import documents
from pen_backend.dataset.sources.values import refused, values
from pen_backend.dataset.sources.window import Window
from pen_backend.prompts.sources import Source

TEXTS = st.sampled_from(["a", "", "}", "},{", "\\", '"', '\\"}', "\n", "{", "é"])
SCALARS = TEXTS | st.integers(-2, 2) | st.none() | st.booleans()
FLAT = st.dictionaries(TEXTS, SCALARS, max_size=3)
VALUES = FLAT | SCALARS | st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
    TEXTS, inner, max_size=2), max_leaves=4)
ARRAYS = st.lists(FLAT | VALUES, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(array=ARRAYS, indent=st.sampled_from([None, 0, 4]))
def test_an_arrays_values_are_those_that_json_reads(array: list[object], indent: int | None, tmp_path: Path) -> None:
    text = json.dumps(array, indent=indent)
    (tmp_path / "f.json").write_text(text)
    (document,) = documents(Source(path="f.json"), "f.json", tmp_path)
    found = list(values(document))
    assert [one.value for one in found] == array
    assert [json.loads(one.raw) for one in found] == array
    lines = text.split("\n")
    assert all(lines[one.line - 1].lstrip(" ").startswith(one.raw.decode().split("\n")[0]) for one in found
               if indent is not None)
    assert [(one.locator, one.pointer) for one in found] == [
        (f"line {one.line} record {number + 1}", f"/{number}") for number, one in enumerate(found)]


@given(array=st.lists(FLAT, max_size=6), first=st.integers(1, 60))
def test_objects_are_stepped_over_up_to_the_last_that_the_window_holds(array: list[object], first: int) -> None:
    data = json.dumps(array).encode()
    window = Window(BytesIO(data), "f", 1_000, first)
    window.next_sign()
    window.step()
    window.next_sign()
    quick = [value for _, _, value in window.objects()]
    assert quick == array[:len(quick)]
    if len(quick) < len(array):
        assert json.loads(window.item()) == array[len(quick)]


def test_a_key_that_stands_twice_costs_its_record_alone_and_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text('[\n{"body": "a"},\n{"body": "b",\n "body": "c"},\n{"body": "d"}\n]')
    (document,) = documents(Source(path="f.json"), "f.json", tmp_path)
    first, second, third = values(document)
    assert (first.value, second.value, third.value) == ({"body": "a"}, None, {"body": "d"})
    assert second.error is not None
    finding = refused(document, second, second.error).finding
    assert (finding.code, finding.where, finding.pointer) == ("json", "f.json:4", "/1/body")
