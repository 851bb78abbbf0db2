"""The format hash: what decides how texts are rendered, so that training and use can be compared years later."""

import hashlib
import json
from collections.abc import Iterator, Mapping

from pen_backend.prompts.definition import Definition
from pen_backend.prompts.filters import written


def hashed(definition: Definition) -> dict[str, object]:
    """Collect what decides how texts are rendered; nothing else may change the format hash.

    A segment's weight is training, not format; a file of labels is its name, because it only grows.
    """
    form, classes = definition.format, definition.classes
    return {
        "prompt": definition.prompt,
        "completion": definition.completion,
        "messages": None if definition.messages is None else [
            {"role": message.role, "content": message.content} for message in definition.messages],
        "segments": None if definition.segments is None else [
            {"text": segment.text, "generate": segment.generate} for segment in definition.segments],
        "format": {"prompt-end": form.prompt_end, "completion-start": form.completion_start,
                   "completion-end": form.completion_end},
        "literals": list(definition.literals),
        "repeater": definition.repeater,
        "no-trim-start": definition.no_trim_start,
        "no-trim-end": definition.no_trim_end,
        "classes": None if classes is None else {
            "var": classes.var, "encode": classes.encode, "start": classes.start,
            "labels": None if classes.labels is None else list(classes.labels), "labels-file": classes.labels_file},
        "prompt-filter": written(definition.prompt_filter),
        "vars": [{"name": variable.name, "type": variable.type, "join": variable.join,
                  "choices": None if variable.choices is None else list(variable.choices),
                  "preprocessor": written(variable.preprocessor)} for variable in definition.vars],
    }


def reading(definition: Definition) -> list[object]:
    """Collect what decides how an answer to one and the same request is read: for answers that are remembered."""
    labels, older = definition.class_map, definition.ancestor
    return [format_hash(definition), written(definition.postprocessor), list(definition.stop_sequences),
            definition.n_collate, definition.beginning, definition.spare_end,
            None if labels is None else labels.to_json(), None if older is None else written(older.collation)]


def format_hash(definition: Definition) -> str:
    """Hash how texts are rendered: sha256 of canonical JSON. Sampling, training and words for people don't count."""
    canonical = json.dumps(hashed(definition), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def changes(then: object, now: object, path: tuple[str | int, ...] = ()
            ) -> Iterator[tuple[tuple[str | int, ...], object, object]]:
    """Yield what differs between two hashed forms: the key's path in the file, its value then and its value now."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in [key for key in now if key in then]:
            yield from changes(then[key], now[key], (*path, key))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now) and _alike(then, now):
        for index, (old, new) in enumerate(zip(then, now, strict=True)):
            name = new.get("name") if path == ("vars",) else None
            yield from changes(old, new, (*path, index, *([name] if name else [])))
    elif then != now and path:
        yield path, then, now


def _alike(then: list[object], now: list[object]) -> bool:
    """Say whether two lists can be compared item by item: mappings, and variables of the same names."""
    return all(isinstance(old, Mapping) and isinstance(new, Mapping) and old.get("name") == new.get("name")
               for old, new in zip(then, now, strict=True))
