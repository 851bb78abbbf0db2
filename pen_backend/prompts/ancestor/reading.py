"""Every key of an older file in the schema's words.

Keys that mean the same are taken, others are renamed, all that is left goes to `meta`; what is odd is a warning.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from pen_backend.errors import Finding
from pen_backend.prompts import include, placeholders
from pen_backend.prompts.ancestor import variables
from pen_backend.prompts.ancestor.file import OldFile
from pen_backend.prompts.ancestor.record import Ancestor
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.filters import written
from pen_backend.prompts.lint import lint
from pen_backend.prompts.schema import named, problems_of
from pen_backend.prompts.variables import by_reference, slug
from pen_backend.prompts.yaml import Document

PRETEXT = "<:pp>"  # it leaves the prompt, and what follows it also begins the answer

# Each key of the schema, and what it was called; of several that are there the first counts.
_KEYS: Mapping[str, tuple[str, ...]] = {
    **{key: (key,) for key in (
        "temperature", "top-p", "frequency-penalty", "presence-penalty", "n-completions", "n-collate", "best-of",
        "cache", "filter", "insertion", "conversation-mode", "repeater", "no-trim-start", "no-trim-end")},
    "max-tokens": ("max-tokens", "response-length"), "prompt-version": ("prompt-version", "version"),
    "completion-at-point": ("completion-at-point", "completion", "can-complete", "completer"),
    "model": ("model", "engine", "preferred-openai-engine"),
}
_DESCRIPTION = ("description", "doc")
_DEVELOPMENT = ("in-development", "needs-work", "disabled")
_INVERTED: Mapping[str, str] = {"chomp-start": "no-trim-start", "chomp-end": "no-trim-end"}
_FILTERS = ("prompt-filter", "postprocessor")
_COLLATION = ("collation-postprocessor", "pen-collation-postprocessor")
_READ = frozenset({
    "title", "prompt", "vars", "aliases", "stop-sequences", "include", *_DESCRIPTION, *_DEVELOPMENT, *_INVERTED,
    *_FILTERS, *_COLLATION, *(old for names in (*_KEYS.values(), *variables.LISTS.values()) for old in names)})
# What every key that is read under another name became, for people who bring a file up to date.
RENAMED: Mapping[str, str] = {
    **{old: key for key, names in _KEYS.items() for old in names},
    **{old: f"vars: [NAME: {{{field}: …}}]" for field, names in variables.LISTS.items() for old in names},
    **{old: key for names in (_DESCRIPTION, _DEVELOPMENT) for key in names[:1] for old in names},
    **{old: f"{key}, inverted" for old, key in _INVERTED.items()},
    **dict.fromkeys(_COLLATION, "postprocessor"),
}
_NEVER_RUN = frozenset({
    "lm-command", "external", "prefer-external", "validation-script", "quality-script", "similarity-test",
    "continuation-function", "conversation-pretext-generator", "example-formatter", "hpostprocessor", "prettifier",
    "gpt-generator", "pipelines", "expressions", "validator", "expand-jinja", "subprompts", "payloads", "defs", "envs"})
NEWER = frozenset({"kind", "name", "format", "messages", "segments", "classes", "literals", "training", "evaluation",
                   "tests"})
_FLAGS: Mapping[object, bool] = {"on": True, "yes": True, True: True, "off": False, "no": False, False: False}
# OpenAI's first models, which nobody serves any more: the default model answers instead of them.
_RETIRED = re.compile(r"(?!(?:babbage|davinci)-002$)(?:.*-)?(?:ada|babbage|curie|davinci)(?:-.*)?", re.IGNORECASE)
_ROUNDS = 4  # leaving out one value can make another one wrong, but not for long
_TITLE = 80


def is_ancestor(value: object) -> bool:
    """Say whether a file's value is one of pen.el's: a prompt without `pen:`."""
    return isinstance(value, dict) and "pen" not in value and ("prompt" in value or "include" in value)


def check(document: Document, path: FilePath | None, directories: Sequence[FilePath] = ()) -> tuple[
        Definition | None, list[Finding]]:
    """Make a definition of an older file; whatever is odd about its keys is a warning.

    What it includes is looked for beside it, then in DIRECTORIES.
    """
    problems = list(include.included(document, path, directories))
    reading = _Reading(OldFile(document, include.merged(document)), path)
    for problem in problems:
        reading.file.note(problem.message, problem.path, problem.hint, code=problem.code)
    definition = reading.run()
    return definition, [*map(_milder, document.findings), *reading.file.findings]


def _milder(finding: Finding) -> Finding:
    """Let the later one of two equal keys count, as pen.el's parser did, and say so."""
    if finding.code != "duplicate-key":
        return finding
    return Finding(finding.code, f"{finding.message}; this one counts", finding.where, finding.hint, "warning")


class _Reading:
    """One older file on its way into the schema."""

    def __init__(self, file: OldFile, path: FilePath | None) -> None:
        self.file = file
        self.stem = path.stem if path is not None and slug(path.stem) else "prompt"
        self.keys = file.keys.keys()
        self.data: dict[str, Any] = {"pen": 1, "meta": {}}
        self.old: dict[str, str] = {}  # of a key of the schema: the key of the file

    def run(self) -> Definition | None:
        """Translate every key, validate what came of it, and lint it."""
        for key, names in _KEYS.items():
            if not self.keys.isdisjoint(names):
                self.take(key, names)
        self.words()
        self.flags()
        engine = self.engine()
        self.data["vars"] = variables.variables_of(self.file)
        pretext = self.templates()
        for key in _FILTERS:
            if key in self.keys:
                self.data[key] = written(self.file.filters((key,)))
        collation = [one for key in _COLLATION if key in self.keys for one in self.file.filters((key,))]
        self.rest()
        self.candidates()
        definition = self.validate()
        if definition is not None:
            definition._ancestor = Ancestor(tuple(self.file.refused), tuple(collation), pretext, engine)
            for problem in lint(definition):
                self.file.note(problem.message, self.path_of(problem.path), problem.hint, code=problem.code)
        return definition

    def take(self, key: str, names: tuple[str, ...]) -> None:
        """Take the first of several names that has a value."""
        for name in names:
            if (value := self.file.keys.get(name)) is not None:
                self.data[key], self.old[key] = value, name
                return

    def words(self) -> None:
        """Take the title, the other names, what people read, and the texts that end an answer."""
        title = self.file.text(("title",)) or ""
        if not slug(title):
            self.file.note(f"no title names a command, so it is called '{self.stem}'", ("title",), at_key=True)
            title = self.stem
        self.data["title"] = title[:_TITLE]
        self.data["aliases"] = list(dict.fromkeys(filter(None, map(slug, self.file.texts(("aliases",))))))
        self.data["stop-sequences"] = list(filter(None, self.file.texts(("stop-sequences",))))
        self.data["description"] = next(filter(None, (self.file.text((key,)) for key in _DESCRIPTION)), "")

    def flags(self) -> None:
        """Take the flags that were called otherwise, or meant the opposite."""
        if any(self.is_on(key) for key in _DEVELOPMENT):
            self.data["in-development"] = True
        for key, name in _INVERTED.items():
            if self.is_on(key) is not None:
                self.data.setdefault(name, not self.is_on(key))
        text = self.data.get("completion-at-point")
        if self.old.get("completion-at-point") == "completion" and isinstance(text, str) and text not in _FLAGS:
            del self.data["completion-at-point"]
            self.file.note("completion was a flag before `pen: 1`; this text is not used", ("completion",),
                           "add `pen: 1` if it is what the model should write")
        elif text in (True, "on", "yes"):  # pen.el: what continues a text keeps the space it begins with
            self.data.setdefault("no-trim-start", True)

    def is_on(self, key: str) -> bool | None:
        """Read a flag; None if it is none."""
        value = self.file.keys.get(key)
        return _FLAGS.get(value) if isinstance(value, bool | str) else None

    def engine(self) -> str | None:
        """Take the model, unless nobody serves it any more; return what the file calls it."""
        name = self.data.get("model")
        if not isinstance(name, str):
            return None
        if _RETIRED.fullmatch(name):
            del self.data["model"]
            self.file.note(f"the model {name} is retired; the default model answers", (self.old["model"],),
                           "name another one under aliases in config.yaml", code="model", level="note")
        return name

    def templates(self) -> str:
        """Take the prompt; what stands in angles and is no variable is text. Return what begins the answer."""
        prompt, _, pretext = (self.file.text(("prompt",)) or "").partition(PRETEXT)
        pretext = pretext.replace(PRETEXT, "")
        self.data["prompt"] = prompt + pretext
        if not self.data["prompt"].strip():
            self.file.note("the prompt is empty", ("prompt",), at_key=True)
        references = by_reference(self.data["vars"])
        literals: dict[str, None] = {}
        for key in ("prompt", "max-tokens", "repeater"):
            text = self.data.get(key)
            for name in placeholders.undeclared(text if isinstance(text, str) else "", references, ()):
                literals[name] = None
                if name[1:-1].isdigit():
                    self.file.note(f"there is no variable {name[1:-1]}, so {name} stays as it is",
                                   (self.old.get(key, key),), code="undeclared", part=name)
        self.data["literals"] = list(literals)
        return pretext

    def rest(self) -> None:
        """Keep every other key, and say once which of them were programs."""
        meta = {key: value for key, value in self.file.keys.items() if key not in _READ}
        self.data["meta"] = meta
        if programs := [key for key in meta if key in _NEVER_RUN]:
            self.file.note(f"{', '.join(programs)}: pen runs no programs of a prompt", (programs[0],),
                           code="never-run", at_key=True)
        if newer := [key for key in meta if key in NEWER]:
            self.file.note(f"{', '.join(newer)}: not used without `pen: 1`", (newer[0],),
                           "add `pen: 1` if the file is a definition of this version", code="old", at_key=True)

    def candidates(self) -> None:
        """Leave out a `best-of` that every provider refuses."""
        best, wanted = self.data.get("best-of"), self.data.get("n-completions", 1)
        if isinstance(best, int) and isinstance(wanted, int) and best < wanted:
            self.data["meta"]["best-of"] = self.data.pop("best-of")
            self.file.note(f"best-of: {best} is fewer than n-completions, {wanted}; it is not used", ("best-of",))

    def validate(self) -> Definition | None:
        """Validate; a value that does not fit its key goes to `meta` with a warning."""
        for _ in range(_ROUNDS):
            try:
                return Definition.model_validate(self.data)
            except ValidationError as error:
                for problem in problems_of(error, Definition, named):
                    key = str(problem.path[0])
                    if key in self.data:
                        self.data["meta"][self.old.get(key, key)] = self.data.pop(key)
                        self.file.note(f"{problem.message}; it is not used", self.path_of(problem.path), problem.hint)
        return None

    def path_of(self, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """Find a path of the schema in the file."""
        return (self.old.get(str(path[0]), path[0]), *path[1:]) if path else ()
