"""What a source says about the people of a chat: whom it keeps, and whose names are taken out."""

import re
from collections.abc import Callable, Sequence

from pen_backend.dataset.names import Names, folded
from pen_backend.dataset.sources.document import Document
from pen_backend.errors import DataError, Finding
from pen_backend.prompts.schema import advice, nearest, sentence

_GAP = re.compile(r"[ \t]{2,}")
_BEFORE_SIGN = re.compile(r"[ \t]+(?=[,.;:!?](?:\s|$))")


def plain_name(name: str) -> str:
    """Reduce a name to what two spellings of it share."""
    return folded(name)


def nobody(name: str, names: Sequence[str], place: str, wanted: str = "") -> Finding:
    """Say that nobody in a file has a NAME, which of its NAMES may be meant, and for what that one is WANTED."""
    near = nearest(name, names)
    return Finding("no-field", f"nobody in {place} is called '{name}'{wanted}", place,
                   f"did you mean '{near}'?" if near else _among(len(names)))


def unknown_person(found: Finding) -> DataError:
    """Make the error of what `nobody` says."""
    return DataError(sentence(f"N{found.message[1:]}"), hint=advice(found.hint), where=found.where, findings=[found])


def known_person(name: str, names: Sequence[str], document: Document) -> str:
    """Return the person of a document that a name means; DataError with the nearest one if there is none."""
    for each in names:
        if plain_name(each) == plain_name(name):
            return each
    raise unknown_person(nobody(name, names, document.name))


def _among(count: int) -> str:
    """Say how many people speak in a file, and what to do when somebody else was named."""
    if not count:
        return "nobody speaks in it; name another file"
    return "1 person speaks in it; name that one" if count == 1 else f"{count} people speak in it; name one of them"


def without_names(names: Sequence[str]) -> Callable[[str], str]:
    """Return the function that takes people's names out of a text, their possessives and @ too."""
    if not names:
        return lambda text: text
    known = Names(dict.fromkeys(names, ""))

    def without(text: str) -> str:
        spans = list(known.find(text))
        if not spans:
            return text
        pieces, done = [], 0
        for start, end, _ in spans:
            pieces.append(text[done:start - text.endswith("@", done, start)])
            done = end + 2 * text.startswith(("'s", "’s"), end)
        return _BEFORE_SIGN.sub("", _GAP.sub(" ", "".join([*pieces, text[done:]]))).strip(" ,")

    return without
