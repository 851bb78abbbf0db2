"""Where prompt and completion meet: test finished examples against a definition's format, or repair them."""

from pen_backend.prompts.definition import Definition
from pen_backend.records import Example, Segment, make_example


def fits(definition: Definition, example: Example) -> bool:
    """Say whether an example begins and ends as the definition's own rows do; chats have no such boundary."""
    form = definition.format
    segments = example.segments
    if segments[0].role is not None:
        return True
    last = segments[-1].text
    ends = not form.completion_end or last.endswith(form.completion_end)
    if len(segments) == 1:
        return ends
    return ends and last.startswith(form.completion_start) and segments[-2].text.endswith(form.prompt_end)


def repaired(definition: Definition, example: Example) -> Example:
    """Take whatever boundary is there away and write the definition's."""
    if fits(definition, example):
        return example
    form = definition.format
    end = form.completion_end or ""
    *before, last = example.segments
    completion = without_end(last.text, end)
    if not before:
        segments = [_with(last, completion + end)]
    else:
        completion = without_start(completion, form.completion_start)
        prompt = without_end(before[-1].text, form.prompt_end)
        segments = [*before[:-1], _with(before[-1], prompt + form.prompt_end),
                    _with(last, form.completion_start + completion + end)]
    return make_example(segments, origin=example.origin, label=example.label, group=example.group, meta=example.meta,
                        rejected=example.rejected, tools=example.tools)


def without_end(text: str, end: str) -> str:
    """Take an end off a text, with or without the white space that belongs to it, as often as it is there."""
    text, mark = text.rstrip(), end.strip()
    while mark and text.endswith(mark):
        rest = text.removesuffix(mark)
        if mark[0].isalnum() and rest[-1:].isalnum():  # WEEKEND does not end in END
            break
        text = rest.rstrip()
    return text


def without_start(text: str, start: str) -> str:
    """Take a start off a text, with or without the white space that belongs to it."""
    text, mark = text.lstrip(), start.strip()
    rest = text.removeprefix(mark)
    within = mark and mark[-1].isalnum() and rest[:1].isalnum()  # Theory does not begin with The
    return text if within else rest.lstrip()


def _with(segment: Segment, text: str) -> Segment:
    return Segment(text, segment.weight, segment.role, segment.name, segment.extra)
