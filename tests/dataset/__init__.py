"""Helpers of the data set tests: a vocabulary of bytes, definitions from text, builds in a temporary directory."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pen_backend.dataset.build import Build, build
from pen_backend.dataset.record import Read
from pen_backend.dataset.sources import reader
from pen_backend.dataset.sources.document import Request, documents
from pen_backend.errors import Finding
from pen_backend.files import Disk
from pen_backend.prompts import library
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.sources import Source
from pen_backend.records import Example, read_lines

CONTINUATION = """\
pen: 1
title: Puns
prompt: <jokes>
completion: <more>
vars:
- jokes: {type: list, example: [One., Two.]}
- more: {type: list, example: [Three.]}
format: {prompt-end: "\\n", completion-end: "\\n\\n"}
"""
ROWS = """\
pen: 1
title: Answers
prompt: "Q: <question>"
completion: <answer>
vars: [question: {type: text, example: Why}, answer: {type: text, example: So}]
format: {prompt-end: "\\nA:", completion-start: " ", completion-end: "\\n"}
"""
REPLY = """\
pen: 1
title: Reply
messages:
- {role: system, content: Be short.}
- {role: user, content: "<question>"}
- {role: assistant, content: "<answer>"}
vars: [question: {type: text}, answer: {type: text}]
"""


class Bytes:
    """A vocabulary in which every byte is a token."""

    name = "bytes"

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def count(self, text: str) -> int:
        return len(text.encode())

    def decode(self, ids: list[int]) -> str:
        return bytes(ids).decode(errors="replace")


def definition(directory: Path, text: str = CONTINUATION, training: str = "") -> Definition:
    """Write a definition with a `training:` block and read it."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "definition.yaml"
    path.write_text(text + (f"training: {training}\n" if training else ""))
    return library.find(str(path), project=None, config_dir=None)


def puns(count: int, kind: str = "What do you call") -> list[str]:
    """Invent texts that are neither equal nor near."""
    return [f"{kind} number {index * 7919} over {index ** 3}? Answer {index * 104729} it is." for index in range(count)]


def questions(count: int) -> list[dict[str, str]]:
    """Invent questions, each with its answer."""
    return [{"question": text, "answer": f"answer {number}"} for number, text in enumerate(puns(count))]


def jsonl(given: Iterable[object]) -> str:
    """Write rows as JSONL."""
    return "\n".join(json.dumps(row) for row in given)


def run(where: Path, text: str | bytes, *, prompt: str = CONTINUATION, training: str = "", source: str = "region",
        reader_name: str = "auto", disk: Disk | None = None, **more: object) -> Build:
    """Build a training set from one text; of lists unless a definition says what."""
    if prompt is CONTINUATION and not training:
        training = "{example: {build: continuation}}"
    content = text.decode() if isinstance(text, bytes) else text
    sources = [Source.model_validate({"reader": reader_name, "text": content, "id": source})]
    overrides = more.pop("overrides", None)
    assert overrides is None or isinstance(overrides, Mapping)
    assert set(more) <= {"seed"}
    seed = more.get("seed")
    assert seed is None or isinstance(seed, int)
    return build(definition(where / "definition", prompt, training), sources=sources, out=where / "out",
                 encoder=Bytes(), disk=disk, overrides=overrides, seed=seed)


def read(content: bytes, name: str, where: Path, *, wanted: Sequence[str] = (), **keys: object) -> list[Read]:
    """Read a file through the reader called NAME."""
    path = where / str(keys.pop("file", "file"))
    path.write_bytes(content)
    source = Source.model_validate({"reader": name, "path": path.name, **keys})
    found: list[Read] = []
    for document in documents(source, "file", where):
        found += reader(name, document)[1](document, Request(source, frozenset(wanted)))
    return found


def files(directory: Path) -> dict[str, bytes]:
    """Return the content of every file of a build."""
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def rows(directory: Path, side: str) -> list[Example]:
    """Read the rows of one side of a build."""
    with (directory / f"{side}.jsonl").open("rb") as stream:
        return [row[2] for row in read_lines(stream, source=side) if not isinstance(row, Finding)]


def accounted(done: Build) -> None:
    """Check the books of a build (datasets.md, section 7)."""
    report = done.report
    rejected = done.directory / "rejected.jsonl"
    lines = rejected.read_text().splitlines() if rejected.exists() else []
    losses = sum(sum(source.rejected.values()) for source in report.sources)
    assert all(source.read == source.kept + sum(source.rejected.values()) for source in report.sources)
    assert sum(source.kept for source in report.sources) == report.items["kept"]
    assert report.items["kept"] == report.items["used"] + report.items["left_over"]
    assert report.examples["built"] == (report.examples["train"] + report.examples["valid"]
                                        + sum(report.rejected.values()))
    assert len(lines) == losses + sum(report.rejected.values())
    assert report.examples["train"] == len(rows(done.directory, "train"))
    assert report.examples["valid"] == len(rows(done.directory, "valid"))
