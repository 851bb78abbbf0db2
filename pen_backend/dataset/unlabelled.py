"""Rows whose completion a person has yet to write: they go through the steps, and then into a file of their own."""

from collections.abc import Callable, Iterable, Iterator

import orjson

from pen_backend.dataset.items import Reject, Wanted, plain_text
from pen_backend.dataset.record import Item, rejected
from pen_backend.errors import DataError
from pen_backend.prompts import rows, template
from pen_backend.prompts.definition import Definition


def is_unlabelled(item: Item, want: Wanted) -> bool:
    """Say whether an item is a row whose completion is not written yet; a finished example may be one, too."""
    if item.example is not None:
        *before, last = item.example.segments
        return bool(before) and last.role is None and last.weight > 0 and (not last.text or last.text.isspace())
    if want.items is not None or not want.completion:
        return False
    for name in want.completion:
        text = plain_text(item.fields.get(name))
        if text and not text.isspace():
            return False
    return True


def labelled(items: Iterable[Item], want: Wanted, reject: Reject, keep: Callable[[Item], None]) -> Iterator[Item]:
    """Yield the items that are labelled, and give the others to KEEP, which may refuse one with a DataError."""
    for item in items:
        if not is_unlabelled(item, want):
            yield item
            continue
        try:
            keep(item)
        except DataError as error:
            reject(rejected(error, item.origin, item.raw))
        else:
            reject(item.reject("unlabelled", "the completion is empty"))


def liner(definition: Definition) -> Callable[[Item], bytes]:
    """Return what writes a row to be filled in: what is asked, without its end, and an empty completion."""
    ask, end = rows.asker(definition), definition.format.prompt_end
    names = frozenset(variable.name for variable in definition.asked)

    def line(item: Item) -> bytes:
        if item.example is not None:
            return _row("".join(segment.text for segment in item.example.segments[:-1]).removesuffix(end))
        asked = ask(item.fields)
        if asked is not None:
            return _row(asked.removesuffix(end))
        rendered = template.render(definition, {name: value for name, value in item.fields.items() if name in names})
        if rendered.messages is None:
            return _row(rendered.prompt.removesuffix(end))
        messages = [{"role": one.role, "content": one.content} for one in rendered.messages[:definition.asking]]
        return orjson.dumps({"messages": [*messages, {"role": "assistant", "content": ""}]},
                            option=orjson.OPT_APPEND_NEWLINE)

    return line


def _row(prompt: str) -> bytes:
    return orjson.dumps({"prompt": prompt, "completion": ""}, option=orjson.OPT_APPEND_NEWLINE)
