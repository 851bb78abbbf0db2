"""Split a template into its texts and its variables, once."""

import re
from collections.abc import Collection, Iterator, Mapping

from pen_backend.prompts.variables import Variable

PLACEHOLDER = re.compile(r"<([^<>\n]{1,60})>")

Parts = tuple[str | Variable, ...]


def split(template: str, references: Mapping[str, Variable], literals: Collection[str]) -> Parts:
    """Split a template; what is no variable stays text.

    A template is split before any value is known, so a value that looks like a placeholder is never scanned.
    """
    parts: list[str | Variable] = []
    done = 0
    for found in PLACEHOLDER.finditer(template):
        variable = references.get(found[1])
        if variable is None or found[0] in literals:
            continue
        parts += [template[done:found.start()], variable]
        done = found.end()
    return tuple(part for part in [*parts, template[done:]] if part != "")


def undeclared(template: str, references: Mapping[str, Variable], literals: Collection[str]) -> Iterator[str]:
    """Yield each placeholder that is neither a variable nor listed as a literal, once."""
    yield from dict.fromkeys(found[0] for found in PLACEHOLDER.finditer(template)
                             if found[0] not in literals and found[1] not in references)


def used(parts: Parts) -> tuple[Variable, ...]:
    """List the variables of a split template, each once, in order."""
    return tuple({part.name: part for part in parts if isinstance(part, Variable)}.values())
