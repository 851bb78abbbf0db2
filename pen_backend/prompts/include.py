"""`include`: one definition below another, whose file is found by its name.

Included keys are merged deeply: own keys win, lists replace. What is merged is what stands in the files, before
anything is judged, so that an included file need not be whole by itself.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pen_backend.errors import PromptError
from pen_backend.prompts import yaml
from pen_backend.prompts.forms import FORMS
from pen_backend.prompts.schema import Problem, nearest
from pen_backend.prompts.variables import slug
from pen_backend.prompts.yaml import Document

SUFFIXES = (".yaml", ".yml", ".prompt")
OWN = frozenset({"title", "name", "aliases", "tests", "include", "pen", "kind"})  # never inherited


def locate(name: str, directories: Sequence[FilePath]) -> FilePath | None:
    """Find the file of a definition by slug, name or alias; the first directory that has it wins."""
    for directory in directories:
        likely = [directory / f"{name}{suffix}" for suffix in SUFFIXES if name == slug(name)]  # never a way elsewhere
        aliased = broken = None
        for path in dict.fromkeys([*likely, *files(directory)]):
            names = names_of(path)
            if name in names[:2]:
                return path
            if name in names:
                aliased = aliased or path
            elif not names and path in likely and path.is_file():  # whoever reads it says what is wrong with it
                broken = broken or path
        if found := aliased or broken:
            return found
    return None


def files(directory: FilePath) -> list[FilePath]:
    """List the files of a directory that are definitions; PromptError if it may not be read."""
    if not directory.is_dir():
        return []
    try:
        return [path for path in sorted(directory.iterdir())
                if path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file()]
    except OSError as error:
        raise PromptError("The definitions in this directory cannot be read.", where=str(directory),
                          hint=error.strerror) from error


def names_of(path: FilePath) -> list[str]:
    """List what a file may be called by: its title's slug, its name, then its aliases; nothing if it is no YAML.

    A file is read for its names once: each of many files may look for what it includes among all others.
    """
    try:
        known = path.stat()
    except OSError:
        return []
    return list(_names(path, known.st_mtime_ns, known.st_size, known.st_ino))


@functools.lru_cache(maxsize=4096)
def _names(path: FilePath, *_state: int) -> tuple[str, ...]:
    """Read the names of a file that is in this state."""
    value = document_of(path).value
    if not isinstance(value, dict):
        return ()
    title, name, aliases = value.get("title"), value.get("name"), value.get("aliases")
    first = (slug(title) if isinstance(title, str) else "") or name
    names = [first, name or first, *(aliases if isinstance(aliases, list) else [])]
    return tuple(one for one in names if isinstance(one, str))


def document_of(path: FilePath) -> Document:
    """Read a file as YAML; one that cannot be read is empty."""
    try:
        with path.open("rb") as stream:
            return yaml.read(stream.read(yaml.LIMIT_BYTES + 1), str(path))
    except OSError:
        return Document(str(path))


def included(document: Document, path: FilePath | None, directories: Sequence[FilePath]) -> Iterator[Problem]:
    """Chain the files that a document includes behind it (`Document.behind`); yield what hinders that.

    A name is looked for beside the file that includes it first, then in DIRECTORIES.
    """
    if not isinstance(document.value, dict) or "include" not in document.value:
        return
    seen = [] if path is None else [path.resolve()]
    here, beside = document, path
    while isinstance(here.value, dict) and "include" in here.value:
        name = here.value["include"]
        if not isinstance(name, str) or not name:
            return  # the schema says it
        older = "pen" not in here.value
        name = slug(name) if older else name
        around = [*([beside.parent] if beside is not None else []), *directories]
        found = locate(name, around)
        if found is None:
            yield unknown(name, around, "include", "there is no definition '{}' to include")
            return
        if found.resolve() in seen:
            chain = " includes ".join([*(one.name for one in seen[seen.index(found.resolve()):]), found.name])
            yield Problem("include", ("include",), f"include goes in a circle: {chain}", "remove one of them")
            return
        other = document_of(found)
        if not isinstance(other.value, dict):
            yield Problem("include", ("include",), f"{found.name} cannot be included: it has errors",
                          "see them with `pen prompts lint`")
            return
        if other.value.get("kind", "prompt") != "prompt" or ("pen" not in other.value) != older:
            kind = "older prompt, without `pen: 1`" if older else "`pen: 1` prompt"
            yield Problem("include", ("include",), f"{found.name} cannot be included: it is no {kind}")
            return
        for table in (other.keys, other.values):
            for key in [key for key in table if key[:1] and key[0] in OWN]:
                del table[key]
        document.findings += other.findings
        here.behind, here, beside = other, other, found
        seen.append(found.resolve())


def unknown(name: str, directories: Sequence[FilePath], key: str, message: str) -> Problem:
    """Say that the value of KEY names nothing, and what was probably meant."""
    near = nearest(name, [one for directory in directories for path in files(directory) for one in names_of(path)])
    return Problem(key, (key,), message.format(name), f"did you mean '{near}'?" if near else None)


def merged(document: Document) -> Any:
    """Return a copy of a document's value with all that it includes."""
    own = copied(document.value)
    if document.behind is None or not isinstance(own, dict):
        return own
    below = merged(document.behind)
    if any(form in own for form in FORMS):  # the forms of a text exclude each other, also inherited ones
        unwanted = {*FORMS, *(() if "prompt" in own else ("completion",)), *(("format",) if "messages" in own else ())}
        below = {key: value for key, value in below.items() if key not in unwanted}
    return _deep({key: value for key, value in below.items() if key not in OWN}, own)


def copied(value: Any) -> Any:
    """Copy mappings and lists, so that preparing them leaves the document's own values alone."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def _deep(below: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in own.items():
        inherited = found.get(key)
        found[key] = _deep(inherited, value) if isinstance(value, dict) and isinstance(inherited, dict) else value
    return found
