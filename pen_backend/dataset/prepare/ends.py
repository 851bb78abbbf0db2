"""Checks 11 to 15: where prompts and completions begin and end, against a definition or by what they have in common."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pen_backend.dataset.boundary import without_start
from pen_backend.dataset.prepare import endings
from pen_backend.dataset.prepare.found import Boundary, Found, Row, Rules, dropping, few_or_many
from pen_backend.dataset.prepare.prepared import Sample
from pen_backend.dataset.prepare.state import State

LONG_PREFIX = 12  # of prompts: above it, characters
SHORT_PREFIX = 5  # of completions: from it on
SAMPLES = 3


def prompt_end(state: State, rules: Rules) -> Iterator[Found]:
    """Check 11: end every prompt in one separator, so that a model knows where to begin."""
    if state.kind == "open-ended":
        return
    if state.given is not None:
        yield from _fitting(11, "prompt", state, _ended(state.given.prompt_end))
        return
    if not state.alone and len({prompt.strip() for prompt in state.prompts}) == 1:
        yield Found(11, "same-prompts", "all prompts are the same", "error",
                    remedy="leave them empty to train on texts by themselves, or make them different")
    elif state.has_blanks:
        yield Found(11, "prompt-end", f"blanks follow the separator {shown(state.prompt_end)} at the end of all "
                    "prompts, where they change the first token of the completion", fix="recommended",
                    remedy="take the blanks away", mend=_prompts(lambda prompt: prompt.rstrip(" \t")))
    elif not state.prompt_end:
        end = endings.prompt_end(state.prompts)
        common = "what the prompts end in alike is no separator" if state.prompt_ending and not state.alone else (
            "the prompts end in no common separator")
        yield Found(11, "prompt-end", f"{common}, so a model cannot tell where to begin", fix="recommended",
                    remedy=f"end all prompts in {shown(end)}", mend=_prompts(_ended(end)))


def prompt_prefix(state: State, rules: Rules) -> Iterator[Found]:
    """Check 12: leave out a long beginning that all prompts share."""
    if state.given is not None or state.alone:
        return
    prefix = endings.common_beginning(state.prompt_cores)
    if len(prefix.strip()) <= LONG_PREFIX or any(core[len(prefix):].strip() == "" for core in state.prompt_cores):
        return

    def mend(prompt: str) -> str:
        return prompt[len(prefix):].lstrip()

    yield Found(12, "prompt-prefix", f"all prompts begin with the same {len(prefix.strip())} characters, which a tuned "
                "model need not read; look at the samples, for a beginning can carry meaning", fix="recommended",
                remedy="take them away", mend=_prompts(mend),
                samples=_samples(state.rows, state.prompts, mend))


def completion_prefix(state: State, rules: Rules) -> Iterator[Found]:
    """Check 13: leave out a beginning that all completions share."""
    if state.given is not None or state.alone:
        return
    bodies = [core.strip() for core in state.completion_cores]
    prefix = endings.common_beginning(bodies)
    if len(prefix.strip()) < SHORT_PREFIX or any(body[len(prefix):].strip() == "" for body in bodies):
        return

    def mend(completion: str) -> str:
        start = " " if completion[0].isspace() else ""
        return start + completion.lstrip()[len(prefix):].lstrip()

    yield Found(13, "completion-prefix", f"all completions begin with the same {len(prefix.strip())} characters, which "
                "need not be learned", fix="recommended", remedy="take them away", mend=_completions(mend),
                samples=_samples(state.rows, state.completions, mend))


def completion_end(state: State, rules: Rules) -> Iterator[Found]:
    """Check 14: end every completion alike, so that a tuned model knows where to stop."""
    if state.given is not None:
        yield from _fitting(14, "completion", state, _end_of(state.given))
        yield from _cut(state, state.given.completion_end)
        return
    # One of two sides that were made together may be short of a class; a whole file with one class teaches nothing.
    whole = state.kind == "conditional" or (state.kind == "classification" and not rules.labelled)
    if whole and not state.alone and len(state.labels) == 1:
        yield Found(14, "same-completions", "all completions are the same, so that is all a model would learn to say",
                    "error", remedy="make them different")
    elif state.kind == "conditional" and not state.completion_end:
        end = endings.completion_end(state.completions, state.prompt_end)
        yield Found(14, "completion-end", "the completions have no common end, so a tuned model cannot know where to "
                    "stop", fix="recommended", remedy=f"end all completions in {shown(end)}",
                    mend=_completions(_ended(end)))


def completion_start(state: State, rules: Rules) -> Iterator[Found]:
    """Check 15: begin every completion with one space, as most tokens of words do."""
    if state.given is not None:
        yield from _fitting(15, "completion", state, _start_of(state.given))
        return
    lost = [row for row in state.rows if row.completion[:1] != " " or row.completion[1:2].isspace()]
    if lost:
        yield Found(15, "completion-start", f"{few_or_many(lost, 'completion', 'does', 'do')} not begin with exactly "
                    "one space, with which most tokens of words begin", rows=tuple(row.line for row in lost),
                    fix="recommended", remedy="begin all completions with one space",
                    mend=_completions(lambda completion: " " + completion.lstrip()))


def shown(text: str) -> str:
    """Quote a separator on one line."""
    return json.dumps(text, ensure_ascii=False)


def _fitting(number: int, field: str, state: State, mend: Callable[[str], str]) -> Iterator[Found]:
    """Find the rows that a definition would have written otherwise."""
    names = {11: ("prompt-end", "end"), 14: ("completion-end", "end"), 15: ("completion-start", "begin")}
    code, verb = names[number]
    lost = [row for row in state.rows if mend(getattr(row, field)) != getattr(row, field)]
    if lost:
        yield Found(number, code, f"{few_or_many(lost, field, 'does', 'do')} not {verb} as the definition's format "
                    "says", rows=tuple(row.line for row in lost), fix="recommended", remedy=f"make them {verb} so",
                    mend=(_prompts if field == "prompt" else _completions)(mend))


def _cut(state: State, end: str) -> Iterator[Found]:
    """Find completions that hold their own end, where a tuned model would stop."""
    if not end:
        return
    lost = frozenset(row.number for row in state.rows if end in row.completion.removesuffix(end))
    if lost:
        yield Found(14, "end-inside", f"{few_or_many(lost, 'completion', 'holds', 'hold')} the definition's "
                    f"completion-end {shown(end)}, and would be cut there", fix="recommended",
                    rows=tuple(row.line for row in state.rows if row.number in lost),
                    remedy=dropping(lost),
                    mend=lambda rows: [row for row in rows if row.number not in lost])


def _ended(end: str) -> Callable[[str], str]:
    return lambda text: endings.with_end(text, end)


def _end_of(boundary: Boundary) -> Callable[[str], str]:
    end = boundary.completion_end
    if boundary.keep_end:
        return lambda completion: completion if completion.endswith(end) else completion + end
    return _ended(end)


def _start_of(boundary: Boundary) -> Callable[[str], str]:
    start = boundary.completion_start
    if boundary.keep_start:
        return lambda completion: completion if completion.startswith(start) else start + completion
    return lambda completion: start + without_start(completion, start)


def _prompts(mend: Callable[[str], str]) -> Callable[[Sequence[Row]], list[Row]]:
    return lambda rows: [replace(row, prompt=mend(row.prompt)) for row in rows]


def _completions(mend: Callable[[str], str]) -> Callable[[Sequence[Row]], list[Row]]:
    return lambda rows: [replace(row, completion=mend(row.completion)) for row in rows]


def _samples(rows: Sequence[Row], texts: Sequence[str], mend: Callable[[str], str]) -> tuple[Sample, ...]:
    return tuple(Sample(row.line, text, mend(text)) for row, text in zip(rows[:SAMPLES], texts, strict=False))
