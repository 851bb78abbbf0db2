"""Read one definition file: YAML, schema and lint, all errors at once, sorted by place.

Values that are wrong are left out and the rest is looked at again, so that one mistake does not hide the next.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from pen_backend import config
from pen_backend.errors import Finding, NotFoundError, PromptError
from pen_backend.files import instead_of_file
from pen_backend.prompts import dataset, include, yaml
from pen_backend.prompts.ancestor import reading
from pen_backend.prompts.dataset import DatasetSpec
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.forms import FORMS
from pen_backend.prompts.lint import lint
from pen_backend.prompts.schema import Problem, advice, keys_of, model_at, named, nearest, problems_of, sentence
from pen_backend.prompts.yaml import Document, Path

Loaded = Definition | DatasetSpec

_ROUNDS = 4  # leaving out one value can make another one wrong, but not for long
_FLAG_WORDS = frozenset({"on", "off", "yes", "no"})
_WRITTEN = frozenset({"default", "example", "choices"})  # values of a variable: texts, however they look


def load(path: FilePath, directories: Sequence[FilePath] | None = None) -> Definition:
    """Read a prompt's definition; PromptError holds every finding of the file.

    What it includes is looked for beside it, then in DIRECTORIES (default: the definitions that come with pen).
    """
    return as_prompt(load_any(path, directories))


def load_any(path: FilePath, directories: Sequence[FilePath] | None = None) -> Loaded:
    """Read a definition of either kind: a prompt, or a training set of its own with the prompt it names."""
    return _good(*check(content_of(path), str(path), path, directories))


def parse(data: bytes, file: str, path: FilePath | None = None,
          directories: Sequence[FilePath] | None = None) -> Definition:
    """Read a prompt's definition from bytes; FILE is what messages call it."""
    return as_prompt(_good(*check(data, file, path, directories)))


def as_prompt(loaded: Loaded) -> Definition:
    """Return a definition that is a prompt; PromptError if it is a training set."""
    if isinstance(loaded, Definition):
        return loaded
    raise PromptError(f"{loaded.name} is a training set, not a prompt.", where=loaded.where("kind"),
                      hint=f"Its prompt is '{loaded.prompt}'.")


def content_of(path: FilePath) -> bytes:
    """Read a definition's file, as much of it as a definition may have."""
    try:
        if odd := instead_of_file(path):
            raise NotFoundError(f"'{path}' {odd}.", hint="Name a definition or its file.")
        if not path.is_file():
            raise NotFoundError(f"There is no file '{path}'.")
        with path.open("rb") as stream:
            return stream.read(yaml.LIMIT_BYTES + 1)
    except OSError as error:
        raise PromptError("The definition cannot be read.", where=str(path), hint=error.strerror) from error


def _good(loaded: Loaded | None, findings: list[Finding]) -> Loaded:
    if loaded is None:
        raise failure(findings)
    return loaded


def failure(findings: list[Finding]) -> PromptError:
    """Make the one error of a file from its findings."""
    errors = [finding for finding in findings if finding.level == "error"]
    first = errors[0]
    more = "" if len(errors) == 1 else f" (and {len(errors) - 1} more)"
    return PromptError(sentence(first.message + more), hint=advice(first.hint), where=first.where, findings=findings)


def check(data: bytes, file: str, path: FilePath | None = None,
          directories: Sequence[FilePath] | None = None) -> tuple[Loaded | None, list[Finding]]:
    """Find everything there is to say about a definition; there is none if one finding is an error."""
    document = yaml.read(data, file)
    if document.value is None and document.findings:
        return None, _sorted(document.findings, file)
    if not isinstance(document.value, dict):
        return None, [Finding("type", "a definition is a mapping of keys, such as `title: Pun complete`",
                              document.at(0))]
    directories = (config.builtin_prompts(),) if directories is None else directories
    loaded: Loaded | None
    if reading.is_ancestor(document.value):
        loaded, findings = reading.check(document, path, directories)
    elif "pen" not in document.value:
        return None, [Finding("old", "there is neither `pen: 1` nor a prompt", document.at(0),
                              "add `pen: 1` if the file is a definition")]
    else:
        examination = _Examination(document, path, directories)
        loaded, findings = examination.run(), [*document.findings, *examination.findings]
    findings = _sorted(findings, file)
    if loaded is None or any(finding.level == "error" for finding in findings):
        return None, findings
    loaded._document, loaded._path, loaded._findings = document, path, tuple(findings)
    return loaded, findings


def _sorted(findings: list[Finding], file: str) -> list[Finding]:
    """Sort by line and column, those of included files last, and drop what is said twice."""
    def place(finding: Finding) -> tuple[bool, str, int, int]:
        name, line, column = (finding.where or f"{file}:0:0").rsplit(":", 2)
        return name != file, name, int(line), int(column)

    return sorted(dict.fromkeys(findings), key=place)


class _Examination:
    """Everything that is wrong with one document's values, and the definition that is left."""

    def __init__(self, document: Document, path: FilePath | None, directories: Sequence[FilePath]) -> None:
        self.document = document
        self.path = path
        self.directories = directories
        self.findings: list[Finding] = []
        self.left_out: list[Path] = []
        self.names: dict[int, str] = {}  # of the variables, which are keys in the file and fields in the schema
        self.data: dict[str, Any] = {}
        self.is_complete = True  # everything that it includes was found
        value = document.value
        self.is_dataset = isinstance(value, dict) and value.get("kind") == "dataset"
        self.model: type[Loaded] = DatasetSpec if self.is_dataset else Definition

    def run(self) -> Loaded | None:
        """Report all problems; return a definition of what is right, or None if nothing can be made of it."""
        if not self.is_dataset:
            for problem in include.included(self.document, self.path, self.directories):
                self.report(problem)
                self.left_out += [(form,) for form in (*FORMS, "completion", "vars", "format")]  # it may have had them
                self.is_complete = False
        self.data = include.merged(self.document)
        self.prepare()
        loaded = self.validate()
        if loaded is not None:  # its own files are looked for beside it
            loaded._document, loaded._path = self.document, self.path
        for problem in self.judged(loaded):
            if not self.is_explained(problem):
                self.report(problem)
        self.findings = list(self.blamed())
        return loaded

    def blamed(self) -> Iterator[Finding]:
        """Yield the findings; what is wrong with an included file only because of this one stands at the `include`."""
        behind, known = self.document.behind, set[Finding]()
        if behind is not None and self.is_complete and any(not self.is_here(one) for one in self.findings):
            path = FilePath(behind.file)
            known = set(check(content_of(path), behind.file, path, self.directories)[1])
        for one in self.findings:
            if self.is_here(one) or one in known or not self.is_complete:
                yield one
            else:
                yield replace(one, message=f"with what this file changes, {one.where} is wrong: {one.message}",
                              where=self.document.where(("include",)))

    def is_here(self, finding: Finding) -> bool:
        """Say whether a finding stands in this file, not in one that it includes."""
        return (finding.where or "").rsplit(":", 2)[0] == self.document.file

    def judged(self, loaded: Loaded | None) -> Iterator[Problem]:
        """Yield what is wrong with a definition whose values are right one by one."""
        if isinstance(loaded, Definition):
            yield from lint(loaded, self.left_out)
        elif loaded is not None:
            loaded._prompt = yield from self.prompt_of(loaded)
            for problem in dataset.problems(loaded, loaded._prompt):
                if problem.path not in self.left_out:
                    yield problem

    def prompt_of(self, spec: DatasetSpec) -> Generator[Problem, None, Definition | None]:
        """Read the prompt that a training set names; yield why there is none."""
        if ("prompt",) in self.left_out:
            return None
        around = [*([self.path.parent] if self.path is not None else []), *self.directories]
        found = include.locate(spec.prompt, around)
        if found is None:
            yield include.unknown(spec.prompt, around, "prompt", "there is no prompt '{}'")
            return None
        try:
            return load(found, self.directories)
        except PromptError as error:
            yield Problem("prompt", ("prompt",), f"prompt '{spec.prompt}' cannot be used: {error}".rstrip("."))
            return None

    def prepare(self) -> None:
        """Bring the file's spellings into the schema's form, and report what pydantic could not say well."""
        if not self.is_dataset:
            self.variables()
        here: Document | None = self.document
        while here is not None:
            for path in here.nulls:
                if self.document.owner(path) is here:
                    self.empty(path, here)
            here = here.behind
        if self.is_dataset:
            return
        self.as_written(self.data.get("tests"))
        if isinstance(classes := self.data.get("classes"), dict) and "labels" in classes:
            classes["labels"] = self.texts(classes["labels"], ("classes", "labels"))
        completion = self.data.get("completion")
        if isinstance(completion, bool) or (isinstance(completion, str) and completion in _FLAG_WORDS):
            self.refuse(Problem("completion-flag", ("completion",), "completion is a template here, the text the model "
                                "should write", "the old flag is called completion-at-point"))
        self.forms()

    def forms(self) -> None:
        """Report a definition without a text, or with more than one form of it."""
        given = [form for form in FORMS if form in self.data]
        for form in given[1:]:
            self.refuse(Problem("form", (form,), f"{given[0]} and {form} exclude each other", "keep one of them",
                                at_key=True))
        if not given:
            if not any((form,) in self.left_out for form in FORMS):
                misspelt = [key for key in self.data if nearest(key, FORMS) and key not in keys_of(Definition)]
                if not misspelt:
                    self.report(Problem("missing-key", ("prompt",), "key 'prompt' is missing",
                                        "a definition has one of prompt, messages and segments", at_key=True))
            self.left_out += [(form,) for form in FORMS]
            self.data["prompt"] = ""

    def variables(self) -> None:
        """Turn `- NAME` and `- NAME: {…}` into records with a name; their values stay as they were written."""
        items = self.data.get("vars")
        if not isinstance(items, list):
            return
        for index, item in enumerate(items):
            if isinstance(item, dict) and len(item) == 1:
                name, fields = next(iter(item.items()))
                self.names[index] = name
                if fields is None or isinstance(fields, dict):
                    self.variable(index, name, fields or {})
                    continue
                problem = Problem("type", ("vars", index, name), f"vars.{name}: expected a mapping of the variable's "
                                  "fields", f"write `- {name}: {{type: text}}`")
            elif item is None:
                continue  # reported with the other empty values
            elif isinstance(item, str):
                items[index] = {"name": item}
                continue
            else:
                problem = Problem("type", ("vars", index), f"vars[{index}]: expected NAME or NAME: {{…}}")
            self.report(problem)
            items[index] = {"name": str(self.names.get(index, f"variable {index + 1}"))}
            self.left_out.append(("vars", index))

    def variable(self, index: int, name: str, fields: dict[str, Any]) -> None:
        """Take one variable with fields."""
        if "name" in fields:
            self.report(Problem("unknown-key", ("vars", index, "name"), f"vars.{name}: a variable's name is its key",
                                at_key=True))
        for key in _WRITTEN & fields.keys():
            fields[key] = self.texts(fields[key], ("vars", index, name, key))
        self.data["vars"][index] = {**fields, "name": name}

    def as_written(self, tests: object) -> None:
        """Keep the values of `tests` as they were written."""
        for index, test in enumerate(tests if isinstance(tests, list) else []):
            values = test.get("vars") if isinstance(test, dict) else None
            if isinstance(values, dict):
                for name in values:
                    values[name] = self.texts(values[name], ("tests", index, "vars", name))

    def texts(self, value: object, path: Path) -> object:
        """Turn numbers and booleans back into the text that stands in the file: 1.10 is not 1.1."""
        if isinstance(value, list):
            return [self.texts(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, bool | int | float):
            written = self.document.written(path)
            return value if written is None else written
        return value

    def empty(self, path: Path, document: Document) -> None:
        """Report a key or an item without a value; `- ###` is such an item."""
        free = path[:1] == ("meta",) or (path[:1] == ("vars",) and len(path) == 3) or not path
        steps = ("steps",) if self.is_dataset else ("training", "steps")
        if free or (path[:len(steps)] == steps and len(path) == len(steps) + 2):
            return
        name = self.named(path, in_file=True)
        comment = yaml.comment_at(document, path)
        if comment is None:
            self.report(Problem("type", self.in_schema(path), f"{name} is empty", "give it a value, or remove the key"))
        else:
            write = f"write '{comment}'" if len(comment) > 1 else "give it a value, in quotes if it begins with #"
            self.findings.append(Finding("hash-comment", f"{name} is empty because {comment} starts a comment",
                                         document.at(yaml.comment_index(document, path)), write))
        self.leave_out(self.in_schema(path))

    def validate(self) -> Loaded | None:
        """Validate; report the first round's errors, leave the wrong values out, and try again."""
        for attempt in range(_ROUNDS):
            try:
                return self.model.model_validate(self.data)
            except ValidationError as error:
                # Misspelt keys first: then the key that was meant is not reported as missing.
                problems = problems_of(error, self.model, self.named)
                for problem in sorted(map(self.explained, problems), key=lambda one: one.code != "unknown-key"):
                    if attempt == 0 and not self.is_left_out(problem):
                        self.report(problem)
                    self.leave_out(problem.path, key=problem.path[-1] if problem.code == "unknown-key" else None)
                    if problem.code == "missing-key" and len(problem.path) == 1:
                        self.data[str(problem.path[0])] = "untitled"
                    elif problem.code == "missing-key":  # what is around it is nothing without it
                        self.leave_out(problem.path[:-1])
        return None

    def refuse(self, problem: Problem) -> None:
        """Report a value and leave it out."""
        self.report(problem)
        self.leave_out(problem.path)

    def is_left_out(self, problem: Problem) -> bool:
        """Say whether a key is missing only because its value was left out, and reported."""
        return problem.code == "missing-key" and problem.path in self.left_out

    def explained(self, problem: Problem) -> Problem:
        """Say of a key of prompts in a training set where it belongs."""
        key = problem.path[0]
        if not self.is_dataset or problem.code != "unknown-key" or problem.path[1:] or key not in keys_of(Definition):
            return problem
        return replace(problem, message=f"key '{key}' belongs in the prompt's file",
                       hint="a training set has a name, a description, a prompt and the keys of `training:`")

    def is_explained(self, problem: Problem) -> bool:
        """Say whether an item of a list may only be wrong because a key in it was left out, and reported."""
        path = problem.path
        return (path[:1] != ("vars",) and isinstance(path[-1], int)
                and any(len(one) > len(path) and one[:len(path)] == path for one in self.left_out))

    def leave_out(self, path: Path, key: str | int | None = None) -> None:
        """Remove a wrong value, or the list with a wrong item; remember it, and what a misspelt KEY may have meant."""
        while path and isinstance(path[-1], int):
            path = path[:-1]
        if not path:
            return
        self.left_out.append(path)
        around: Any = self.data
        for step in path[:-1]:
            around = _child(around, step)
        if isinstance(around, dict):
            around.pop(path[-1], None)
        if key is not None:
            meant = nearest(str(key), keys_of(model_at(self.model, path[:-1]) or self.model))
            if meant:
                self.left_out.append((*path[:-1], meant))

    def report(self, problem: Problem) -> None:
        """Turn a problem into a finding with its place."""
        path = self.in_file(problem.path)
        if problem.part is not None:
            where = self.document.within(path, problem.part)
        else:
            where = self.document.where(path, key=problem.at_key)
        self.findings.append(Finding(problem.code, problem.message, where, problem.hint, problem.level))

    def in_file(self, path: Path) -> Path:
        """Find a path of the schema in the file: a variable's fields stand below its name there."""
        if path[:1] == ("vars",) and len(path) > 2 and isinstance(path[1], int) and path[1] in self.names:
            name = self.names[path[1]]
            return path if path[2] == name and len(path) == 3 else (*path[:2], name, *path[2:])
        return path

    def in_schema(self, path: Path) -> Path:
        """Find a path of the file in the schema."""
        return path[:2] + path[3:] if path[:1] == ("vars",) and len(path) > 3 else path

    def named(self, path: Path, *, in_file: bool = False) -> str:
        """Write a path as a person would: `training.sources[0].path`, `vars.jokes.type`."""
        words = named(path if in_file else self.in_file(path))
        for index, name in self.names.items():
            words = words.replace(f"vars[{index}].{name}", f"vars.{name}", 1)
        return words


def _child(value: object, step: str | int) -> object:
    if isinstance(value, dict):
        return value.get(step)
    return value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else None
