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
    start, end = form.completion_start, form.completion_end or ""
    segments = list(example.segments)
    completion = segments[-1].text.rstrip()
    completion = completion.removesuffix(end.rstrip()) if end.strip() else completion
    if len(segments) == 1:
        segments[-1] = _with(segments[-1], completion.rstrip() + end)
    else:
        completion = completion.removeprefix(start).strip()
        segments[-1] = _with(segments[-1], start + completion + end)
        prompt = segments[-2].text.rstrip()
        if form.prompt_end.strip():
            prompt = prompt.removesuffix(form.prompt_end.rstrip()).rstrip()
        segments[-2] = _with(segments[-2], prompt + form.prompt_end)
    return make_example(segments, origin=example.origin, label=example.label, group=example.group, meta=example.meta,
                        rejected=example.rejected, tools=example.tools)


def _with(segment: Segment, text: str) -> Segment:
    return Segment(text, segment.weight, segment.role, segment.name, segment.extra)
