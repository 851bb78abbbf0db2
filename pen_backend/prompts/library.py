"""Find definitions by name: an explicit path, the project's, the user's, then those that come with pen.

The first directory that has a slug wins. A broken file is listed as its error and hides nothing: asking for it by
its file's name says what is wrong with it, not that it does not exist. Training sets of their own (`kind: dataset`)
are found by the same names.
"""

import contextlib
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pen_backend import config
from pen_backend.errors import Finding, NotFoundError, PromptError
from pen_backend.files import expanded
from pen_backend.prompts import include, loader
from pen_backend.prompts.dataset import DatasetSpec
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.loader import Loaded
from pen_backend.prompts.schema import nearest
from pen_backend.prompts.variables import slug

FEW = 5
SURE = 0.85  # how much of two names is the same in the same order when one is the other, misspelt


@dataclass(frozen=True, slots=True)
class Entry:
    """What a directory has under one slug: a definition of either kind, or the error of a file that is broken."""

    slug: str
    content: Loaded | PromptError

    def answers(self, name: str) -> bool:
        """Say whether NAME means this entry."""
        if name == self.slug:
            return True
        if isinstance(self.content, Definition):
            return name in (self.content.name, *self.content.aliases)
        return isinstance(self.content, DatasetSpec) and name == self.content.name


def find(name_or_path: str, *, project: Path | None = None, config_dir: Path | None = None,
         builtin: Path | None = None) -> Definition:
    """Find a prompt by slug, name, alias or path; PROJECT and CONFIG_DIR are directories of definitions."""
    return loader.as_prompt(find_any(name_or_path, list(directories(project, config_dir, builtin))))


def find_training(name_or_path: str, *, project: Path | None = None, config_dir: Path | None = None,
                  builtin: Path | None = None) -> Definition:
    """Find what a training set is built by: a prompt, or the prompt of a `kind: dataset` file, trained by that."""
    found = find_any(name_or_path, list(directories(project, config_dir, builtin)))
    return found.definition if isinstance(found, DatasetSpec) else found


def find_any(name_or_path: str, around: Sequence[Path]) -> Loaded:
    """Find a definition of either kind in the directories AROUND, the ones that win first."""
    if "/" in name_or_path or name_or_path.endswith(include.SUFFIXES):
        return loader.load_any(expanded(name_or_path), around)
    known: list[str] = []
    for directory in around:
        entries = read(directory, around)
        # A slug or a name goes before another definition's alias.
        for entry in sorted(entries, key=lambda entry: name_or_path != entry.slug):
            if entry.answers(name_or_path):
                if isinstance(entry.content, PromptError):
                    raise entry.content
                return entry.content
        known += [entry.slug for entry in entries]
    hint = _instead(name_or_path, list(dict.fromkeys(known)))
    raise NotFoundError(f"There is no prompt '{name_or_path}'.", hint=hint)


def _instead(name: str, known: list[str]) -> str:
    """Name what somebody may have meant: a misspelt name, those that share a word with it, or all if they are few."""
    same = sorted(other for other in known if _share_a_word(name, other))
    near = nearest(name, known)
    if near and (len(same) < 2 or difflib.SequenceMatcher(None, name, near).ratio() > SURE):
        same = [near]
    if len(same) == 1:
        return f"Did you mean '{same[0]}'?"
    if same:
        more = f" or {len(same) - FEW} more" if len(same) > FEW else ""
        return f"Did you mean one of {', '.join(same[:FEW])}{more}?"
    if len(known) <= FEW:
        return f"There are: {', '.join(known) or 'none'}."
    return f"`pen prompts list` shows the {len(known)} that there are."


def _share_a_word(one: str, other: str) -> bool:
    """Say whether a word of one name begins a word of the other: `puns` and `pun-speak`, not letters by themselves."""
    return any(min(len(left), len(right)) > 2 and (left.startswith(right) or right.startswith(left))
               for left in slug(one).split("-") for right in other.split("-"))


def definitions(*, project: Path | None = None, config_dir: Path | None = None,
                builtin: Path | None = None) -> list[Definition | PromptError]:
    """List all prompts, the first of each slug, sorted by it; a broken file is its error."""
    found = everything(project=project, config_dir=config_dir, builtin=builtin)
    return [content for content in found if not isinstance(content, DatasetSpec)]


def everything(*, project: Path | None = None, config_dir: Path | None = None,
               builtin: Path | None = None) -> list[Loaded | PromptError]:
    """List all definitions of either kind, the first of each slug, sorted by it; a broken file is its error."""
    around = list(directories(project, config_dir, builtin))
    found: dict[str, Loaded | PromptError] = {}
    for directory in around:
        found = {entry.slug: entry.content for entry in read(directory, around)} | found
    return [found[name] for name in sorted(found)]


def directories(project: Path | None, config_dir: Path | None, builtin: Path | None) -> Iterator[Path]:
    """Yield the directories that exist, the ones that win first."""
    for directory in (project, config_dir, builtin or config.builtin_prompts()):
        with contextlib.suppress(OSError):  # one that may not be looked at is none
            if directory is not None and directory.is_dir():
                yield directory


def read(directory: Path, around: Sequence[Path] | None = None) -> list[Entry]:
    """Read one directory; definitions with one slug are one error that names the files.

    Of pen.el's files all stay: the later ones, by file name, are called SLUG-2, SLUG-3. What a file includes is looked
    for beside it, then in the directories AROUND.
    """
    broken: list[Entry] = []
    by_slug: dict[str, list[Loaded]] = {}
    for path in include.files(directory):
        try:
            loaded = loader.load_any(path, around)
        except PromptError as error:
            broken.append(Entry(slug(path.stem), error))
        else:
            by_slug.setdefault(loaded.slug, []).append(loaded)
    found = dict(_apart(by_slug))
    return broken + [Entry(name, content) for name, content in _told_of_equal_names(found)]


def _told_of_equal_names(found: Mapping[str, Loaded | PromptError]) -> Iterator[tuple[str, Loaded | PromptError]]:
    """Warn each prompt of those of its other names that mean another file: a slug goes first, then the first file."""
    meant = {name: content.path for name, content in found.items() if not isinstance(content, PromptError)}
    for name, content in found.items():
        if not isinstance(content, Definition):
            yield name, content
            continue
        named: list[tuple[str, tuple[str | int, ...]]] = [
            (content.name, ("name",)), *((alias, ("aliases", index)) for index, alias in enumerate(content.aliases))]
        clashes = [Finding("slug-clash", f"'{one}' means {other.name}, so this file is not found by it",
                           content.where(*key), "choose another one", "warning")
                   for one, key in named if (other := meant.setdefault(one, content.path)) != content.path and other]
        yield name, content.warned(*clashes) if clashes else content


def _apart(by_slug: Mapping[str, list[Loaded]]) -> Iterator[tuple[str, Loaded | PromptError]]:
    """Give every slug one definition, or the error of several."""
    taken = set(by_slug)
    for name, same in by_slug.items():
        older = [one for one in same if isinstance(one, Definition) and one.ancestor is not None]
        first: list[Loaded] = [one for one in same if not isinstance(one, Definition) or one.ancestor is None]
        if not first:
            first.append(older.pop(0))
        yield name, first[0] if len(first) == 1 else _clash(name, first)
        for one in older:
            number = next(number for number in count(2) if f"{name}-{number}" not in taken)
            taken.add(f"{name}-{number}")
            yield f"{name}-{number}", one.called(f"{name}-{number}", f"there is another '{name}', so this one is "
                                                 f"called '{name}-{number}'")


def _clash(name: str, same: list[Loaded]) -> PromptError:
    """Make the error of several files that would all be one command."""
    files = " and ".join(one.path.name for one in same if one.path)
    message, hint = f"{files} would both be the command '{name}'", "give them different titles"
    findings = [Finding("slug-clash", message, one.where("title" if isinstance(one, Definition) else "name"), hint)
                for one in same]
    return loader.failure(findings)
