from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, arange, tensor

from pen_backend.engine.nn.layout import FEW, SPREAD, documents_apart, rows_alone


def numbered(lengths: list[int]) -> Tensor:
    return tensor([number for number, length in enumerate(lengths) for _ in range(length)])[None]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_every_token_is_in_one_place_behind_its_document_s_start(lengths: list[int]) -> None:
    layout, count = documents_apart(numbered(lengths)), sum(lengths)
    inside = [group.gather(arange(count)[:, None]).view(group.count, group.length) for group in layout.groups]

    assert layout.scatter([part.reshape(-1, 1) for part in inside])[:, 0].tolist() == list(range(count))
    starts = {sum(lengths[:i]) for i in range(len(lengths))}
    assert {start for part in inside for start in part[:, 0].tolist()} == starts
    assert sum(group.count for group in layout.groups) == len(lengths)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=30))
def test_documents_of_a_group_are_of_like_length_and_padding_gathers_zeros(lengths: list[int]) -> None:
    layout = documents_apart(numbered(lengths))

    assert layout.longest == max(lengths)
    for group in layout.groups:
        kept = group.gather(arange(1, sum(lengths) + 1)[:, None], zeros=True).view(group.count, group.length)
        real = (kept > 0).sum(1)
        assert real.max() == group.length <= SPREAD * real.min() + FEW


def test_rows_that_are_documents_stand_as_they_are() -> None:
    rows = arange(6)

    layout = rows_alone(rows.view(2, 3))

    assert (layout.groups[0].count, layout.longest, layout.places) == (2, 3, None)
    assert layout.groups[0].gather(rows) is rows
