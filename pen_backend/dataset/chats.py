"""What is odd about a chat that can be trained on: no system message, no user, answers to tools nobody called."""

from collections.abc import Sequence

from pen_backend.records import Segment

REMARKS = {
    "no-system": "no message of the system",
    "no-user": "no message of the user",
    "tool-unasked": "a tool's message that answers no tool call before it",
    "tool-unanswered": "a tool call that no message answers before the assistant goes on",
}


def remarks(segments: Sequence[Segment]) -> list[str]:
    """Return what is odd about a chat, as keys of REMARKS."""
    roles = {segment.role for segment in segments}
    found = []
    if roles.isdisjoint(("system", "developer")):
        found.append("no-system")
    if "user" not in roles:
        found.append("no-user")
    if "tool" in roles or any(segment.extra for segment in segments):
        found += _tools(segments)
    return found


def _tools(segments: Sequence[Segment]) -> list[str]:
    """Compare each call of a tool with the messages that answer it."""
    open_calls: set[str] = set()
    found: dict[str, None] = {}
    for segment in segments:
        extra = segment.extra or {}
        if segment.role == "tool":
            call = extra.get("tool_call_id")
            if isinstance(call, str) and call in open_calls:
                open_calls.remove(call)
            else:
                found["tool-unasked"] = None
            continue
        if open_calls:
            found["tool-unanswered"] = None
            open_calls.clear()
        calls = extra.get("tool_calls")
        if isinstance(calls, list):
            open_calls = {call["id"] for call in calls if isinstance(call, dict) and isinstance(call.get("id"), str)}
    return list(found)
