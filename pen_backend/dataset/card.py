"""The card of a training set: what an application form for fine-tuning asks, answered from the build."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pen_backend.dataset.report import Report
from pen_backend.words import count

Format = Literal["org", "markdown"]

# What only the author knows; the card leaves room for it.
ASKED = ("Performance that is needed", "Latency requirements", "Expected request volume",
         "Number of tuned models", "Security constraints")


@dataclass(frozen=True, slots=True)
class FieldFigures:
    """How many records of a source have a text under a name, and its mean length in characters."""

    source: str
    field: str
    records: int
    mean: float


@dataclass(frozen=True, slots=True)
class Card:
    """The figures of a build; SIZE is in MB of 10^6 bytes, of the files of both sides together."""

    id: str
    prompt: str
    description: str
    build: str
    train: int
    valid: int
    words: float | None
    size: float
    tokens: Mapping[str, int]
    tokenizer: str
    sources: tuple[Mapping[str, Any], ...]
    fields: tuple[FieldFigures, ...]
    rejected: Mapping[str, int]
    classes: Mapping[str, Mapping[str, int]]
    anonymised: bool
    replaced: Mapping[str, Any]
    form: Mapping[str, Any]
    form_hash: str
    outputs: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; numbers stand to the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[object]]


Section = tuple[str, str | Table | None]


def card_of(manifest: Mapping[str, Any], report: Report, description: str = "") -> Card:
    """Collect the figures of a build; DESCRIPTION is its prompt's."""
    sides = [one for one in manifest["outputs"] if one["name"].startswith(("train", "valid"))]
    examples = report.examples["train"] + report.examples["valid"]
    words = sum(part.totals.words for part in report.statistics)
    rejected: dict[str, int] = {}
    for losses in (*(one.rejected for one in report.sources), report.rejected):
        for code, number in losses.items():
            rejected[code] = rejected.get(code, 0) + number
    reports = {one.name: one for one in report.sources}
    counts = (manifest.get("classes") or {}).get("counts", {})
    return Card(
        id=manifest["build_id"], prompt=manifest["prompt"], description=description.strip(),
        build=manifest["definition"]["example"]["build"], train=report.examples["train"],
        valid=report.examples["valid"], words=words / examples if examples and report.statistics else None,
        size=sum(one["bytes"] for one in sides) / 1e6, tokens=dict(report.tokens),
        tokenizer=manifest["tokenizer"]["name"],
        sources=tuple({**one, "kept": reports[one["path"]].kept} for one in manifest["sources"]),
        fields=tuple(_fields(report)), rejected=dict(sorted(rejected.items())),
        classes={label: {side: counts[side].get(label, 0) for side in ("train", "valid")}
                 for label in sorted({label for side in counts.values() for label in side})},
        anonymised=bool(manifest.get("anonymised")), replaced=(report.anonymised or {}).get("replaced", {}),
        form=manifest["format"], form_hash=manifest["format_hash"], outputs=tuple(manifest["outputs"]))


def write(card: Card, form: Format = "org") -> str:
    """Write a card as an org or a Markdown text."""
    markdown = form == "markdown"
    lines = [f"# Training set {card.id}" if markdown else f"#+title: Training set {card.id}", ""]
    for title, body in _sections(card):
        lines += [f"## {title}" if markdown else f"* {title}", ""]
        if isinstance(body, Table):
            lines += [*(_markdown_table(body) if markdown else _org_table(body)), ""]
        elif body is not None:
            # No line of a text may begin a heading, or end the section.
            lines += [*(f"{'' if markdown else '  '}{_inert(line, markdown)}" for line in body.splitlines()), ""]
    return "\n".join(lines)


def _sections(card: Card) -> Iterator[Section]:
    yield "Task", f"{card.prompt}: {card.description or '(no description)'}\nExamples are built as: {card.build}"
    yield "Why fine-tuning is needed", None
    words = "" if card.words is None else f"; {card.words:.1f} words per example on average"
    yield "Number of examples and typical words of each", (
        f"{count(card.train + card.valid, 'example')}: {card.train} to train on, {card.valid} held out{words}")
    yield "Size of the training set in MB", f"{card.size:.1f}" if card.size >= 1 else f"{card.size:.3f}"
    yield "Tokens", (f"{sum(card.tokens.values())} by {card.tokenizer}: {card.tokens.get('train', 0)} to train on, "
                     f"{card.tokens.get('valid', 0)} held out")
    yield "Sources", Table(("source", "reader", "records", "kept", "terms", "sha256"), [
        (one["path"], one["reader"], one["records"], one["kept"], one.get("terms") or "not stated",
         str(one["sha256"])[:16]) for one in card.sources])
    if card.fields:
        yield "Average length of each field, in characters", Table(("source", "field", "records", "mean"), [
            (one.source, one.field, one.records, f"{one.mean:.1f}") for one in card.fields])
    yield "Left out", Table(("reason", "records"), list(card.rejected.items())) if card.rejected else "nothing"
    if card.classes:
        yield "Classes", Table(("class", "train", "valid"), [
            (label, sides["train"], sides["valid"]) for label, sides in card.classes.items()])
    replaced = ", ".join(f"{number} {what}" for what, number in card.replaced.items() if isinstance(number, int))
    yield "Personal data", ((f"anonymised{f': replaced {replaced}' if replaced else ''}; names that are no author and "
                             "not listed are not found") if card.anonymised else "not anonymised")
    texts = {**card.form, **(card.form.get("format") or {})}
    yield "Format", "\n".join([*(f"{key}: {json.dumps(text, ensure_ascii=False)}" for key, text in texts.items()
                                 if isinstance(text, str)), f"format hash {card.form_hash}"])
    yield "Files", Table(("file", "rows", "bytes", "sha256"), [
        (one["name"], one["rows"], one["bytes"], str(one["sha256"])[:16]) for one in card.outputs])
    yield from ((title, None) for title in ASKED)


def _fields(report: Report) -> Iterator[FieldFigures]:
    for source in report.sources:
        figures = dict(source.fields)
        # Readers give each record's whole text the name `text`; where that is another field too, it is shown once.
        if any(name != "text" and found == figures.get("text") for name, found in figures.items()):
            figures.pop("text")
        yield from (FieldFigures(source.name, name, records, chars / records)
                    for name, (records, chars) in figures.items())


def _inert(line: str, markdown: bool) -> str:
    return f"\\{line}" if markdown and line.startswith(("#", "-", "+", "*", ">", "`", "|")) else line


def _org_table(table: Table) -> Iterator[str]:
    rows = [[str(cell).replace("|", "\\vert{}").replace("\n", " ") for cell in row]
            for row in (table.head, *table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        yield f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        if not number:
            yield f"|{'+'.join('-' * (width + 2) for width in widths)}|"


def _markdown_table(table: Table) -> Iterator[str]:
    for number, row in enumerate((table.head, *table.rows)):
        cells = [str(cell).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in row]
        yield f"| {' | '.join(cells)} |"
        if not number:
            yield f"|{'|'.join('---' for _ in row)}|"
