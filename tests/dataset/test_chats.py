"""What is odd about a chat: nobody asks, nobody says how to answer, and tools that answer no call."""

import pytest

from pen_backend.dataset.chats import REMARKS, remarks
from pen_backend.records import Segment


def chat(*roles: str, calls: str = "") -> list[str]:
    """Make a chat of roles; an assistant's turn calls as many tools as it has digits, and tool:N answers number N."""
    segments = []
    for role in roles:
        name, _, rest = role.partition(":")
        extra: dict[str, object] | None = None
        if name == "tool":
            extra = {"tool_call_id": rest}
        elif rest:
            extra = {"tool_calls": [{"id": call} for call in rest]}
        segments.append(Segment("x", 1.0, name, None, extra))
    return remarks(segments)


@pytest.mark.parametrize(("roles", "found"), [
    (["system", "user", "assistant"], []), (["developer", "user", "assistant"], []),
    (["user", "assistant"], ["no-system"]), (["system", "assistant"], ["no-user"]),
    (["system", "user", "assistant:12", "tool:1", "tool:2", "assistant"], []),
    (["system", "user", "assistant:12", "tool:2", "assistant"], ["tool-unanswered"]),
    (["system", "user", "tool:1", "assistant"], ["tool-unasked"]),
    (["system", "user", "assistant:1", "tool:1", "tool:1", "assistant"], ["tool-unasked"]),
    (["system", "user", "assistant:1"], []),
])
def test_odd_chats_are_named(roles: list[str], found: list[str]) -> None:
    assert chat(*roles) == found
    assert set(found) <= REMARKS.keys()


def test_calls_of_any_shape_do_no_harm() -> None:
    odd: list[dict[str, object]] = [{"tool_calls": 3}, {"tool_calls": [3, {"id": []}]}, {"tool_call_id": []}]
    for extra in odd:
        for role in ("assistant", "tool"):
            remarks([Segment("x", 1.0, role, None, extra)])
