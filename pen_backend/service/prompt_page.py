"""A definition as a page: what it is, its variables, its boundary, its training set, its example."""

import json
from collections.abc import Iterator

from pen_backend.errors import advised
from pen_backend.service.prompt_records import PromptDetail, PromptFinding, RenderedPrompt
from pen_backend.service.tables import table
from pen_backend.service.trainings import TrainingDetail


def page(one: PromptDetail) -> str:
    """Write a prompt, or a training set with what its rows have of its prompt."""
    summary = one.summary
    is_set = summary.kind == "dataset"
    facts = [
        ("name", ", ".join((one.name, *one.aliases))), ("file", summary.path),
        ("prompt", one.training.prompt if is_set and one.training else None), ("model", summary.model),
        ("arguments", None if is_set else " ".join(each.name for each in summary.variables[:summary.arity]) or None),
        ("prompt ends with", json.dumps(one.prompt_end, ensure_ascii=False) if one.prompt_end else None),
        ("answer begins with", json.dumps(one.completion_start, ensure_ascii=False) if one.completion_start else None),
        ("answer ends with", " or ".join(json.dumps(stop, ensure_ascii=False) for stop in one.stop) or None),
        ("loss weights", " ".join(f"{weight:g}" for weight in one.weights) or None), ("format hash", one.format_hash),
    ]
    remark = " (a training set)" if is_set else " (in development)" if summary.in_development else ""
    lines = [summary.title + remark, *([summary.description.rstrip()] if summary.description.strip() else []), ""]
    lines += [f"{name:<19} {value}" for name, value in facts if value is not None]
    lines += ["", table(("VARIABLE", "TYPE", "FROM", "MEANING"), [
        (each.name, each.type, each.source, each.description or None) for each in summary.variables])
    ] if summary.variables else []
    lines += _training(one.training) if one.training else []
    lines += ["", "A row of its example:" if is_set else "Its example:", *_indented(one.example)] if one.example else []
    lines += ["", *map(line, one.findings)] if one.findings else []
    return "\n".join(lines)


def line(finding: PromptFinding) -> str:
    """Write a finding as compilers do: FILE:LINE:COLUMN: what; what to do."""
    level = "" if finding.level == "error" else f"{finding.level}: "
    return f"{finding.where or 'pen'}: {level}{advised(finding.message, finding.hint)}"


def _training(one: TrainingDetail) -> Iterator[str]:
    """Write where the records come from, what is done with them in order, and the other keys."""
    if one.sources:
        yield ""
        yield table(("SOURCE", "READER", "TERMS", "MORE"), [
            (each.path or "a text in the file", each.reader, each.terms, each.keys or None) for each in one.sources])
    yield ""
    for number, step in enumerate(one.steps, 1):
        yield f"{f'step {number}':<19} {step}"
    for each in one.settings:
        yield f"{each.name:<19} {each.value}"


def _indented(example: RenderedPrompt) -> list[str]:
    """Show the rendered example, the place where the answer begins marked."""
    whole = "\n".join(f"{one.role}: {one.content}" for one in example.messages) or example.prompt
    if example.completion is not None:
        whole += f"\nassistant: ⟦{example.completion}⟧" if example.messages else f"⟦{example.completion}⟧"
    return [f"    {line}" for line in whole.split("\n")]
