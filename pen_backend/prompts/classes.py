"""The `classes:` of a definition: the map between a label and the text that stands for it.

Numbers are given by the order of the labels, from `start`, and never move: `labels-file` is only ever appended to.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath
from typing import Annotated, Literal

from pydantic import Field

from pen_backend.errors import DataError, Finding, PromptError
from pen_backend.prompts.schema import Expect, Many, Model, Name, Natural, Problem, nearest
from pen_backend.prompts.variables import Variable, wrong

LIMIT_BYTES = 10_000_000
Label = Annotated[str, Field(pattern=r"^\S(.*\S)?$"), Expect("a label: one line without spaces at its ends")]


class Classes(Model):
    """Which variable is the label, and what is written for it; `var` None is the last variable."""

    var: Name | None = None
    encode: Literal["text", "number"] = "text"
    start: Natural = 1
    labels: Many[Label] | None = None
    labels_file: Annotated[str, Field(pattern=r"^[^\x00]+$"), Expect("the name of a file")] | None = None


@dataclass(frozen=True)
class ClassMap:
    """The labels of one definition in their order, and their texts; `labels` None takes any text as a label."""

    variable: str
    encode_as: Literal["text", "number"]
    start: int
    labels: tuple[str, ...] | None

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """Each label with the text that a model reads and writes for it; empty where any text is a label."""
        if self.encode_as == "text":
            return {label: label for label in self.labels or ()}
        return {label: str(number) for number, label in enumerate(self.labels or (), self.start)}

    def encode(self, label: str) -> str:
        """Write a label as the model knows it; DataError `label-unknown` if it is none of the labels."""
        if self.labels is None:
            return label
        text = self.texts.get(label)
        if text is None:
            if not self.texts:
                raise wrong(self.variable, "label-unknown", f"'{self.variable}' has no labels yet",
                            "write them into the labels-file, one a line, or build the training set that collects them")
            near = nearest(label, self.texts)
            raise wrong(self.variable, "label-unknown", f"'{self.variable}' is none of the {len(self.texts)} labels",
                        f"did you mean '{near}'?" if near else "add it to the labels, or relabel it")
        return text

    def decode(self, text: str) -> str | None:
        """Read the label that a model wrote; None if it is none."""
        text = text.strip()
        if self.labels is None:
            return text or None
        if self.encode_as == "number" and text.isascii() and text.isdigit():
            text = text.lstrip("0") or "0"
        return self._by_text.get(text)

    def to_json(self) -> dict[str, object]:
        """Write the map as it is remembered in a manifest."""
        labels = None if self.labels is None else list(self.labels)
        return {"var": self.variable, "encode": self.encode_as, "start": self.start, "labels": labels}

    @classmethod
    def from_json(cls, value: object) -> "ClassMap | None":
        """Read a map that was remembered; None if it is none."""
        match value:
            case {"var": str(variable), "encode": "text" | "number" as encode, "start": int(start), "labels": labels}:
                if labels is None or (isinstance(labels, list) and all(isinstance(label, str) for label in labels)):
                    return cls(variable, encode, start, None if labels is None else tuple(labels))
        return None

    @cached_property
    def _by_text(self) -> Mapping[str, str]:
        return {text: label for label, text in self.texts.items()}


def class_map(classes: Classes, variables: Sequence[Variable], directory: FilePath) -> ClassMap:
    """Make the map of a definition whose files are in DIRECTORY; its labels may stand in a file or be the choices."""
    variable = variable_of(classes, variables)
    if classes.labels_file is not None:
        labels: tuple[str, ...] | None = read_labels(directory / classes.labels_file)
    else:
        labels = classes.labels if classes.labels is not None else variable.choices
    return ClassMap(variable.name, classes.encode, classes.start, labels)


def variable_of(classes: Classes, variables: Sequence[Variable]) -> Variable:
    """Return the variable whose values are labels: the one that is named, else the last."""
    return next((one for one in variables if one.name == classes.var), variables[-1])


def read_labels(path: FilePath) -> tuple[str, ...]:
    """Read a file of labels, one a line; one that is not there yet has none. DataError if it cannot be used."""
    try:
        with path.open("rb") as stream:
            data = stream.read(LIMIT_BYTES + 1)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise PromptError("The labels cannot be read.", where=str(path), hint=error.strerror) from error
    if len(data) > LIMIT_BYTES:
        raise _unusable(path, 1, "too-big", f"a file of labels has at most {LIMIT_BYTES:,} bytes")
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        place = data.count(b"\n", 0, error.start) + 1
        raise _unusable(path, place, "encoding", f"byte 0x{data[error.start]:02x} is not UTF-8") from None
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        label = line.removesuffix("\r")
        if not label and number == len(lines):
            break
        if not label.strip() or label != label.strip():
            raise _unusable(path, number, "label", "a label is one line of text without spaces at its ends")
        if label in seen:
            raise _unusable(path, number, "label", f"this label stands in line {seen[label]} already")
        seen[label] = number
    return tuple(seen)


def problems(classes: Classes | None, variables: Sequence[Variable], completion: Sequence[Variable],
             ) -> Iterator[Problem]:
    """Check what needs more than one key; COMPLETION are the variables the model writes."""
    if classes is None:
        return
    names = [variable.name for variable in variables]
    if classes.var is not None and classes.var not in names:
        near = nearest(classes.var, names)
        yield Problem("undeclared", ("classes", "var"), f"classes.var: '{classes.var}' is not a variable"
                      f"{f'; did you mean {near!r}?' if near else ''}")
        return
    if not variables:
        yield Problem("classes", ("classes",), "classes: there is no variable to be the label", "add one to vars")
        return
    variable = variable_of(classes, variables)
    if classes.labels is not None and classes.labels_file is not None:
        yield Problem("classes", ("classes", "labels-file"), "classes: labels and labels-file exclude each other",
                      "keep one of them")
    if variable.type == "list":
        yield Problem("classes", ("classes",), f"classes: '{variable.name}' is a list, and a label is one text")
    if classes.labels is not None:
        yield from _label_problems(classes.labels, variable)
    if classes.encode == "number" and classes.labels is None and classes.labels_file is None and not variable.choices:
        yield Problem("classes", ("classes",), "classes: numbers need labels or labels-file, which give their order")
    if [one.name for one in completion] != [variable.name]:
        yield Problem("classes", ("classes",), f"classes: the completion must hold '{variable.name}' and no other "
                      "variable, so that an answer can be read as a label")


def _label_problems(labels: Sequence[str], variable: Variable) -> Iterator[Problem]:
    for index, label in enumerate(labels):
        if label in labels[:index]:
            yield Problem("classes", ("classes", "labels", index), f"classes.labels: '{label}' is listed twice",
                          "remove one")
        elif variable.choices is not None and label not in variable.choices:
            yield Problem("classes", ("classes", "labels", index), f"classes.labels: '{label}' is none of the choices "
                          f"of '{variable.name}'")
    if not labels:
        yield Problem("classes", ("classes", "labels"), "classes.labels: there is none")


def _unusable(path: FilePath, line: int, code: str, message: str) -> DataError:
    where = f"{path}:{line}"
    return DataError(f"{message[0].upper()}{message[1:]}.", where=where, findings=[Finding(code, message, where)])
