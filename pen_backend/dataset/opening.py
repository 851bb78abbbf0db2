"""Open the documents that a build reads; what a definition names must not lie outside of its project."""

from functools import partial
from pathlib import Path

from pen_backend.dataset.items import Opened
from pen_backend.dataset.sources import reader
from pen_backend.dataset.sources.document import documents
from pen_backend.errors import DataError, RefusedError
from pen_backend.files import expanded
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.training import TrainingSpec

Key = tuple[str, ...]

# Where names of files stand in a definition: each is relative to the file that it is written in.
SOURCES: Key = ("training", "sources")
STEPS: Key = ("training", "steps")
HELD: Key = ("evaluation", "data")


def open_sources(definition: Definition, spec: TrainingSpec, *, trusted: bool, key: Key = SOURCES) -> list[Opened]:
    """Find, hash and recognise the documents of every source, which stand below KEY, before anything is written.

    Sources that a caller names are TRUSTED. A definition may come from somebody else, so its own sources are only
    opened below its project (reliability.md, T14).
    """
    found: dict[str, Opened] = {}
    inside = partial(refuse_outside, definition, key)
    for index, source in enumerate(spec.sources):
        name = source.id or ("region" if source.text is not None else source.path or f"source {index + 1}")
        for document in documents(source, name, definition.directory_of(*key), None if trusted else inside):
            if document.name in found:
                raise DataError(f"{document.name} is a source twice.", hint="Name each file once.")
            chosen, read = reader(source.reader, document)
            found[document.name] = Opened(document, source, chosen, read)
    return list(found.values())


def refuse_outside(definition: Definition, key: Key, path: Path) -> None:
    """Refuse a path below KEY that leads out of the project of the file it stands in."""
    path, project = path.resolve(), definition.project_of(*key)
    if not path.is_relative_to(project):
        raise RefusedError(f"{definition.name} would read {path}, which is outside of {project}.",
                           where=definition.where(*key),
                           hint="If that is what you want, name the file yourself as the source.")


def key_place(definition: Definition, out: Path, written: str) -> Path:
    """Find where the key of pseudonyms is: in the definition's project, and never where training sets are."""
    path = (definition.directory / expanded(written)).resolve()
    if not path.is_relative_to(definition.project):
        raise RefusedError(f"{definition.name} would write its key to {path}, which is outside of "
                           f"{definition.project}.", where=definition.where(*STEPS))
    if path.is_relative_to(out.resolve()):
        raise RefusedError(f"The key would be in {out}, beside the texts that it is the key of.",
                           where=definition.where(*STEPS),
                           hint="Name another directory in `anonymise: {key: …}`, or build into another one.")
    return path
