"""The variables of older files: a list of names, and lists of examples, defaults and filters beside it."""

from collections.abc import Iterator, Mapping

from pen_backend.prompts.ancestor.file import OldFile
from pen_backend.prompts.ancestor.filters import expression
from pen_backend.prompts.filters import written
from pen_backend.prompts.variables import Variable
from pen_backend.prompts.yaml import Path

LISTS: Mapping[str, tuple[str, ...]] = {
    "example": ("examples",), "default": ("var-defaults", "pen-defaults"),
    "preprocessor": ("preprocessors", "pen-preprocessors", "preprocessors:"),
}
_LONGEST = 60


def variables_of(file: OldFile) -> list[Variable]:
    """Read the variables, and what is given for them below their names or at the same place of the other lists."""
    lists = {field: next((key for key in keys if isinstance(file.keys.get(key), list)), None)
             for field, keys in LISTS.items()}
    found: list[Variable] = []
    for index, (name, places) in enumerate(_named(file)):
        for field, key in lists.items():
            if key is not None and field not in places and file.value((key, index)) is not None:
                places[field] = (key, index)
        unique = _unique(name, index, [one.name for one in found])
        found.append(Variable.model_validate({"name": unique, "type": "text", **_fields(file, places)}))
    for keys in LISTS.values():
        for key in keys:
            if key in file.keys:
                _surplus(file, key, len(found))
    return found


def _named(file: OldFile) -> Iterator[tuple[str, dict[str, Path]]]:
    """Yield each variable's name, and the paths of what stands below it in the later form `- NAME: [{default: …}]`."""
    value = file.value(("vars",))
    if isinstance(value, dict):
        paths: list[Path] = [("vars", name) for name in value]
    elif isinstance(value, list):
        paths = [("vars", index) for index in range(len(value))]
    else:
        paths = [] if file.text(("vars",)) is None else [("vars",)]
    for path in paths:
        item = file.value(path)
        if isinstance(value, dict):
            yield str(path[-1]), dict(_below(file, path))
        elif isinstance(item, dict) and item:
            yield str(next(iter(item))), dict(_below(file, (*path, next(iter(item)))))
        else:
            yield file.text(path) or "", {}


def _below(file: OldFile, path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the fields of a variable, which are one mapping or a list of mappings."""
    inside = file.value(path)
    parts = [(*path, index) for index in range(len(inside))] if isinstance(inside, list) else [path]
    for part in parts:
        fields = file.value(part)
        for key in fields if isinstance(fields, dict) else ():
            if key in LISTS:
                yield key, (*part, key)
            else:
                file.note(f"'{key}' of a variable is not used", (*part, key), at_key=True)


def _unique(name: str, index: int, others: list[str]) -> str:
    """Make a name that may stand in a placeholder and means one variable."""
    clean = "".join(sign for sign in name if sign not in "<>\n")[:_LONGEST].strip()
    if not clean or clean.isdigit():
        clean = f"variable {clean or index + 1}"
    number, unique = 2, clean
    while unique in others:
        ending = f" {number}"
        number, unique = number + 1, clean[:_LONGEST - len(ending)] + ending
    return unique


def _fields(file: OldFile, places: Mapping[str, Path]) -> dict[str, object]:
    """Read a variable's example, where its value comes from, and its filters."""
    fields: dict[str, object] = {}
    if (path := places.get("example")) is not None:
        text = file.text(path)
        if text is None:
            file.left_out(path)
        else:
            fields["example"] = text
    if (path := places.get("default")) is not None:
        found = expression(file.text(path) or "")
        if found.source is not None:
            fields["from"] = found.source
        elif found.text is not None:
            fields["default"] = found.text
        elif not found.known:
            file.note("this default is elisp, which pen does not run; the user is asked", path, code="default")
    if (path := places.get("preprocessor")) is not None and (filters := file.filters(path)):
        fields["preprocessor"] = written(filters)
    return fields


def _surplus(file: OldFile, key: str, count: int) -> None:
    """Say which entries of a list belong to no variable."""
    value = file.keys[key]
    if isinstance(value, list) and len(value) > count:
        file.note(f"{key}: there are more entries than variables; the others are not used", (key, count))
    elif not isinstance(value, list):
        file.note(f"{key}: expected a list of texts; it is not used", (key,), at_key=True)
