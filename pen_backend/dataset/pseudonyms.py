"""The key file of an anonymised training set: which pseudonym stands for whom, kept apart and private to the user.

A JSON object from pseudonym to name, or to several names of one person. It is read before every build, so that
pseudonyms stay; a name that is new is added. Losing it loses only the way back.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from pen_backend.dataset.names import folded
from pen_backend.errors import DataError, Finding, TooLargeError
from pen_backend.files import Disk, instead_of_file, locked, write_atomic

_PSEUDONYM = re.compile(r"Person ([1-9][0-9]{0,8})")
_LIMIT = 100_000_000  # bytes
PEOPLE_LIMIT = 1_000_000
_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE

Key = dict[str, tuple[str, ...]]


def assigned(authors: Sequence[str], listed: Sequence[str], key: Mapping[str, Sequence[str]]) -> Key:
    """Give each name that has none the next pseudonym, authors first, and return the whole key.

    A LISTED name of one word is another name of the one person who has that word in theirs: Ada is Ada Lovelace, as
    long as there is no second Ada.
    """
    known: Key = {pseudonym: tuple(each) for pseudonym, each in key.items()}
    taken = {folded(name) for each in known.values() for name in each}
    number = max((int(found[1]) for pseudonym in known if (found := _PSEUDONYM.fullmatch(pseudonym))), default=0)
    for index, name in enumerate([*authors, *listed]):
        short = folded(name)
        if short in taken:
            continue
        taken.add(short)
        owners = [] if index < len(authors) else [
            pseudonym for pseudonym, each in known.items() if any(short in folded(other).split() for other in each)]
        if len(owners) == 1:
            known[owners[0]] += (name,)
        else:
            number += 1
            known[f"Person {number}"] = (name,)
    if len(taken) > PEOPLE_LIMIT:
        raise TooLargeError(f"There are more than {PEOPLE_LIMIT:,} people to find pseudonyms for.",
                            hint="Use `people: mask`, which needs no key.")
    return known


def reserve(authors: Sequence[str], listed: Sequence[str], path: Path, disk: Disk) -> Key:
    """Read the key file at PATH, add pseudonyms for new names, and write it back, private to the user.

    DataError if the file is no key file; it is then left as it is. Nobody else can write it meanwhile.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path.parent):
            old = read(path)
            new = assigned(authors, listed, old)
            if new != old or (old and path.stat().st_mode & 0o077):
                plain = {pseudonym: each[0] if len(each) == 1 else list(each) for pseudonym, each in new.items()}
                write_atomic(path, orjson.dumps(plain, option=_PRETTY), disk)
            return new
    except OSError as error:
        raise DataError(f"The key file cannot be written: {error.strerror}.", where=str(path),
                        hint="Name another place in `anonymise: {key: …}`.") from error


def read(path: Path) -> Key:
    """Read a key file; one that is not there yet is empty. DataError if it holds anything else than a key."""
    if odd := instead_of_file(path):
        raise _no_key(path, odd)
    try:
        with path.open("rb") as stream:
            data = stream.read(_LIMIT + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"The key file cannot be read: {error.strerror}.", where=str(path)) from error
    try:
        content = orjson.loads(data) if len(data) <= _LIMIT else None
    except orjson.JSONDecodeError:
        content = None
    if not isinstance(content, dict):
        raise _no_key(path, "holds no JSON object from pseudonyms to names")
    key: Key = {}
    for pseudonym, value in content.items():
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not all(isinstance(name, str) and folded(name) for name in names):
            raise _no_key(path, "holds something else than names")
        key[pseudonym] = tuple(names)
    return key


def _no_key(path: Path, why: str) -> DataError:
    message = f"The key file {why}; it is left as it is."
    return DataError(message, where=str(path), hint="Name a new file in `anonymise: {key: …}`.",
                     findings=[Finding("key", message, where=str(path))])
