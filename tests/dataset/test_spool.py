"""Items come back as they went in, from memory or from a file that nobody sees."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_backend.dataset.record import Item
from pen_backend.dataset.spool import Spool
from pen_backend.files import Disk
from pen_backend.records import Origin, Segment, make_example

SEGMENTS = [Segment("a \udc80", 0.5, "user", "n", {"tool_calls": [1]}), Segment("b")]
FINISHED = make_example(SEGMENTS, origin=Origin("f", "h", "line 2"), label="l", group="g", meta={"score": 3.5},
                        rejected=SEGMENTS, tools=[{"type": "function"}])


def items(count: int, size: int = 1) -> list[Item]:
    texts = [f"text {number} " * size for number in range(count)]
    return [Item(text, {"text": text, "score": number, "list": [text]}, Origin("f", "h", f"line {number}"),
                 "valid" if number % 3 else None, (0.1, 0.9), FINISHED if number % 5 == 2 else None)
            for number, text in enumerate(texts)]


@settings(max_examples=30)
@given(count=st.integers(0, 20), frame=st.integers(1, 6), memory=st.sampled_from([0, 700, 8_000_000]))
def test_items_come_back_in_order_and_by_number(tmp_path_factory: pytest.TempPathFactory, count: int, frame: int,
                                                memory: int) -> None:
    given = items(count)
    spool = Spool(tmp_path_factory.getbasetemp(), Disk(), frame, memory)
    assert list(spool.through(given)) == given
    assert (list(spool), len(spool)) == (given, count)
    assert [spool[index] for index in reversed(range(count))] == given[::-1]
    assert spool[1:3] == given[1:3]
    with pytest.raises(IndexError):
        spool[count]
    spool.close()


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_many_items_lie_in_a_file_without_a_name(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Disk(), memory=10_000)
    before = open_files()
    for item in items(2_000, size=10):
        spool.append(item)
    assert list(tmp_path.iterdir()) == []
    assert open_files() == before + 1
    assert sum(len(frame) for frame in spool._packed) < 200_000
    spool.close()
    assert open_files() == before
