"""The prompt definition that goes with prepared rows: the boundary they have, written once, and where they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from pen_backend.dataset.prepare.found import Boundary
from pen_backend.dataset.prepare.state import Kind
from pen_backend.prompts.variables import slug

_MOST_CLASSES = 1000
_LONGEST_CLASS = 200


@dataclass(frozen=True, slots=True)
class Written:
    """One file of rows, by its name beside the definition, and its side; None is decided by the build."""

    name: str
    side: str | None = None


def definition(stem: str, source: str, kind: Kind, boundary: Boundary, labels: Sequence[str], files: Sequence[Written],
               max_tokens: int | None) -> str:
    """Write a definition for rows of a KIND; LABELS are those of a classification, FILES what it is to be trained on.

    Without an end of the completions nothing is said of training: a tuned model would not know where to stop.
    """
    completion = {"classification": "label", "conditional": "answer", "open-ended": "text"}[kind]
    prompted = kind != "open-ended"
    lines = [
        "# The boundary of these rows, written once: a request ends where a training prompt ends.",
        "pen: 1",
        f"title: {_text(_title(stem))}",
        f"description: {_text(f'Made by pen prepare from {source}.')}",
        'prompt: "<question>"' if prompted else 'prompt: ""',
        f'completion: "<{completion}>"',
        "vars:",
        *(["- question: {type: text, from: region-or-preceding}"] if prompted else []),
        f"- {completion}: {{type: text}}",
        f"format: {{{_format(boundary)}}}",
    ]
    classes = _classes(labels) if kind == "classification" else []
    if classes:
        lines += ["classes:", "  var: label", "  labels:", *[f"  - {_text(label)}" for label in classes]]
    if kind == "classification":
        lines.append("temperature: 0")
    if max_tokens is not None:
        lines.append(f"max-tokens: {max_tokens}")
    if boundary.completion_end and files:
        lines += ["training:", "  sources:", *[_source(file) for file in files], "  example: {build: as-is}"]
    return "\n".join(lines) + "\n"


def _title(stem: str) -> str:
    title = "".join(sign for sign in stem if sign.isprintable())[:80].strip()
    return title if slug(title) else "Prepared"


def _format(boundary: Boundary) -> str:
    values = {"prompt-end": boundary.prompt_end, "completion-start": boundary.completion_start,
              "completion-end": boundary.completion_end}
    return ", ".join(f"{key}: {_text(value)}" for key, value in values.items() if value)


def _classes(labels: Sequence[str]) -> list[str]:
    """Return the labels, if they can be listed: each one line, and not too many."""
    fine = len(labels) <= _MOST_CLASSES and all(
        0 < len(label) <= _LONGEST_CLASS and len(label.splitlines()) == 1 for label in labels)
    return sorted(labels) if fine else []


def _source(file: Written) -> str:
    side = f", side: {file.side}" if file.side else ""
    return f"  - {{reader: jsonl, path: {_text(file.name)}{side}}}"


def _text(value: str) -> str:
    """Write a text in double quotes, on one line."""
    dumped: str = yaml.dump(value, default_style='"', allow_unicode=True, width=1_000_000)
    return dumped.strip()
