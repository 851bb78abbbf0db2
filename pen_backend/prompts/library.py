"""Find definitions by name: an explicit path, the project's, the user's, then those that come with pen.

The first directory that has a slug wins. A broken file is listed as its error and hides nothing: asking for it by
its file's name says what is wrong with it, not that it does not exist.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pen_backend import config
from pen_backend.errors import Finding, NotFoundError, PromptError
from pen_backend.prompts import loader
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.schema import nearest
from pen_backend.prompts.variables import slug

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a directory has under one slug: a definition, or the error of a file that is broken."""

    slug: str
    content: Definition | PromptError

    def answers(self, name: str) -> bool:
        """Say whether NAME means this entry."""
        return name == self.slug or (isinstance(self.content, Definition)
                                     and name in (self.content.name, *self.content.aliases))


def find(name_or_path: str, *, project: Path | None = None, config_dir: Path | None = None,
         builtin: Path | None = None) -> Definition:
    """Find a definition by slug, name, alias or path; PROJECT and CONFIG_DIR are directories of definitions."""
    if "/" in name_or_path or name_or_path.endswith(SUFFIXES):
        return loader.load(Path(name_or_path).expanduser())
    known: list[str] = []
    for directory in directories(project, config_dir, builtin):
        entries = read(directory)
        # A slug or a name goes before another definition's alias.
        for entry in sorted(entries, key=lambda entry: name_or_path != entry.slug):
            if entry.answers(name_or_path):
                if isinstance(entry.content, PromptError):
                    raise entry.content
                return entry.content
        older = directory / f"{name_or_path}.prompt"
        if older.is_file():
            raise PromptError("Older .prompt files are not read yet.", where=str(older),
                              hint="Write it as a `pen: 1` file.")
        known += [entry.slug for entry in entries]
    near = nearest(name_or_path, known)
    hint = f"Did you mean '{near}'?" if near else f"There are: {', '.join(dict.fromkeys(known)) or 'none'}."
    raise NotFoundError(f"There is no prompt '{name_or_path}'.", hint=hint)


def definitions(*, project: Path | None = None, config_dir: Path | None = None,
                builtin: Path | None = None) -> list[Definition | PromptError]:
    """List all definitions, the first of each slug, sorted by it; a broken file is its error."""
    found: dict[str, Definition | PromptError] = {}
    for directory in directories(project, config_dir, builtin):
        found = {entry.slug: entry.content for entry in read(directory)} | found
    return [found[name] for name in sorted(found)]


def directories(project: Path | None, config_dir: Path | None, builtin: Path | None) -> Iterator[Path]:
    """Yield the directories that exist, the ones that win first."""
    for directory in (project, config_dir, builtin or config.builtin_prompts()):
        if directory is not None and directory.is_dir():
            yield directory


def read(directory: Path) -> list[Entry]:
    """Read one directory; definitions with one slug are one error that names the files."""
    broken: list[Entry] = []
    by_slug: dict[str, list[Definition]] = {}
    for path in sorted(directory.iterdir()):
        if path.suffix not in SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        try:
            definition = loader.load(path)
        except PromptError as error:
            broken.append(Entry(slug(path.stem), error))
        else:
            by_slug.setdefault(definition.slug, []).append(definition)
    return broken + [Entry(name, same[0] if len(same) == 1 else _clash(name, same)) for name, same in by_slug.items()]


def _clash(name: str, same: list[Definition]) -> PromptError:
    """Make the error of several files that would all be one command."""
    files = " and ".join(definition.path.name for definition in same if definition.path)
    message, hint = f"{files} would both be the command '{name}'", "give them different titles"
    findings = [Finding("slug-clash", message, definition.where("title"), hint) for definition in same]
    return loader.failure(findings)
