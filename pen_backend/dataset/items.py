"""Read the sources as one stream of items: the fields that the build uses, under the names it uses."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pen_backend.dataset.filters import failed
from pen_backend.dataset.record import Item, Pulse, Read, Record, Rejected, Side, rejected
from pen_backend.dataset.sources import Reader
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.turns import Turns, replies
from pen_backend.errors import DataError, Finding
from pen_backend.prompts import placeholders
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.sources import Source
from pen_backend.prompts.training import TrainingSpec
from pen_backend.records import Example, bad

Reject = Callable[[Rejected], None]
Count = Callable[[str, Mapping[str, object] | None], None]  # a record's source, and its fields
Warn = Callable[[Finding], None]

# What people say or write has no column for what somebody has yet to note about it: such rows are unlabelled.
SPOKEN = frozenset({"whatsapp", "transcript", "chatgpt", "text"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a build takes of a record: the fields whose texts are learned, and others that decide about it.

    PROMPT and COMPLETION are the fields of a row that must not be empty; a field in both is asked, not answered.
    """

    texts: tuple[str, ...]
    prompt: tuple[str, ...]
    completion: tuple[str, ...]
    items: str | None
    columns: tuple[str, ...]
    optional: frozenset[str]
    label: str | None = None  # the variable that holds the class
    turns: Turns | None = None  # how messages become replies


@dataclass(frozen=True, slots=True)
class Opened:
    """A document, the source it belongs to, and the reader that was chosen for it."""

    document: Document
    source: Source
    name: str
    reader: Reader


Hide = Callable[["Item", Wanted], "Item"]


def wanted(definition: Definition, spec: TrainingSpec) -> Wanted:
    """Say which fields a build uses; a continuation takes one text a record, a row all variables."""
    example = spec.example
    columns: dict[str, None] = {}
    if isinstance(example.group_by, str):
        columns[example.group_by] = None
    for step in spec.steps:
        if step.filter is not None:
            columns.update(dict.fromkeys((*([step.filter.field] if step.filter.field else ()), *step.filter.where)))
        if step.dedupe is not None and step.dedupe.keep is not None:
            columns[step.dedupe.keep.max] = None
    prompt = placeholders.used(definition.prompt_parts)
    completion = placeholders.used(definition.completion_parts)
    items = example.items if example.build == "continuation" else None
    lists = [one.name for one in (*prompt, *completion) if one.type == "list"]
    return Wanted(
        texts=(items,) if items is not None else tuple(dict.fromkeys(one.name for one in (*prompt, *completion))),
        prompt=tuple(one.name for one in prompt if one.default is None),
        completion=tuple(one.name for one in completion if one.default is None and one not in prompt),
        items=items, columns=tuple(columns),
        optional=frozenset(one.name for one in (*prompt, *completion) if one.default is not None),
        label=label_variable(definition),
        turns=Turns.of(example, lists) if example.build == "turns" else None)


def label_variable(definition: Definition) -> str | None:
    """Return the variable that holds the label: the classes' own, else the only one that the model writes."""
    if definition.class_map is not None:
        return definition.class_map.variable
    written = placeholders.used(definition.completion_parts)
    return written[0].name if len(written) == 1 else None


def read(opened: Opened, want: Wanted, prompt_loss_weight: float, pulse: Pulse, reject: Reject,
         count: Count, warn: Warn, hide: Hide | None = None) -> Iterator[Item]:
    """Yield a document's items; every record is counted, and rejected with a reason if it is not yielded.

    What the reader has to say about the file as a whole goes to WARN. HIDE anonymises an item, before anything else
    can see it.
    """
    source, document = opened.source, opened.document
    side: Side | None = None if source.side == "split" else source.side
    make = _maker(source, want, side)
    kept, limit, where = 0, source.limit, source.where
    given = opened.reader(document, request_of(source, want, prompt_loss_weight))
    stream = given if want.turns is None else replies(given, want.turns, source)
    for each, fields in _readable(stream, document.name, pulse, reject, count, warn):
        reason = failed(where, fields) if where else None
        if limit is not None and kept >= limit:
            reason = f"the source is limited to {source.limit}"
        if reason is not None:
            reject(Rejected(each.origin, "filtered", reason, dict(fields)))
            continue
        try:
            item = make(each) if isinstance(each, Record) else example_item(each, side)
            item = item if hide is None else hide(item, want)
        except DataError as error:
            reject(rejected(error, each.origin, dict(fields)))
            continue
        if refused := emptiness(item, want):
            reject(refused)
            continue
        kept += 1
        yield item


def _readable(stream: Iterable[Read], name: str, pulse: Pulse, reject: Reject, count: Count,
              warn: Warn) -> Iterator[tuple[Record | Example, Mapping[str, object]]]:
    """Yield what a reader could read of the document NAME, each with its fields; count that and what it could not."""
    for done, each in enumerate(stream):
        if not done % Pulse.EVERY:
            pulse.beat("records read", done)
        if isinstance(each, Record | Example):
            fields = each.fields if isinstance(each, Record) else each.meta
            count(name, fields)
            yield each, fields
        elif isinstance(each, Rejected):
            count(name, each.raw if isinstance(each.raw, dict) else None)
            reject(each)
        else:
            warn(each)


def request_of(source: Source, want: Wanted, prompt_loss_weight: float = 0.0) -> Request:
    """Say what a build wants of a source's reader."""
    columns = {column for name in want.texts for column in source.fields.get(name, (name,))}
    text = want.items is not None or want.turns is not None or "text" in columns.union(want.columns, source.where)
    return Request(source, frozenset(want.texts) - want.optional, prompt_loss_weight, want.turns is not None, text)


def example_item(example: Example, side: Side | None) -> Item:
    """Wrap a finished example."""
    text = " ".join(segment.text for segment in example.segments)
    return Item(text, example.meta, example.origin, side, example=example)


def text_of(fields: Mapping[str, object], want: Wanted) -> str:
    """Join the texts that are learned, for comparing records."""
    if len(want.texts) == 1 and type(text := fields.get(want.texts[0])) is str:
        return text
    if want.items is not None:
        return plain_text(fields.get(want.items, ""))
    return " ".join([plain_text(fields[name]) for name in want.texts if name in fields])


def emptiness(item: Item, want: Wanted) -> Rejected | None:
    """Reject an item without text, or a row that asks nothing."""
    if not item.text or item.text.isspace():
        return item.reject("empty", "there is no text")
    if want.prompt and item.example is None and want.items is None and _all_blank(item.fields, want.prompt) and not (
            _all_blank(item.fields, want.completion)):
        return item.reject("empty", "the prompt is empty")
    return None


def _maker(source: Source, want: Wanted, side: Side | None) -> Callable[[Record], Item]:
    """Return what makes an item of a record: at once of one that has all its texts, else with a look at each field."""
    columns_of = [(name, source.fields.get(name, (name,))) for name in want.texts]
    plan = [(name, columns[0] if len(columns) == 1 else None, columns) for name, columns in columns_of]
    others = [name for name in want.columns if name not in want.texts]

    def make(record: Record) -> Item:
        given = record.fields
        fields: dict[str, object] = {}
        texts = []
        for name, only, columns in plan:
            if only is not None:
                text = given.get(only)
            else:
                values = [value for column in columns if type(value := given.get(column)) is str]
                text = " ".join([value for value in values if value]) if len(values) == len(columns) else None
            if type(text) is not str:
                return _item(record, source, want, side)
            fields[name] = text
            texts.append(text)
        for name in others:
            if name in given:
                fields[name] = given[name]
        return Item(" ".join(texts), fields, record.origin, record.side or side, record.weights)

    return make


def _item(record: Record, source: Source, want: Wanted, side: Side | None) -> Item:
    fields: dict[str, object] = {}
    given = record.fields
    for name in want.texts:
        columns = source.fields.get(name, (name,))
        values = [given[column] for column in columns if given.get(column) is not None]
        if not values and name == want.items and given.get("text") is not None:
            values = [given["text"]]
        if values:
            fields[name] = values[0] if len(columns) == 1 else " ".join(filter(None, map(plain_text, values)))
        elif name not in want.optional and not _to_be_filled_in(name, source, want):
            raise _missing(name, columns, given)
    for name in want.columns:
        if name not in fields and name in given:
            fields[name] = given[name]
    return Item(text_of(fields, want), fields, record.origin, record.side or side, record.weights)


def _to_be_filled_in(name: str, source: Source, want: Wanted) -> bool:
    """Say whether a record may lack a field because a person is to write it; a table that lacks it is mistaken."""
    return source.reader in SPOKEN and name in want.completion and name not in source.fields


def _missing(name: str, columns: tuple[str, ...], given: Mapping[str, object]) -> DataError:
    near = difflib.get_close_matches(columns[0], given, 1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return bad("no-field", f"the record has no field '{', '.join(columns)}' for the variable '{name}'",
               hint=f"{hint}Map a field to it with `fields`, as in {{{name}: text}}.")


def plain_text(value: object) -> str:
    """Write a field as a text: lists as lines, nothing as an empty text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return "\n".join(map(plain_text, value))
    return "" if value is None else str(value)


def _all_blank(fields: Mapping[str, object], names: tuple[str, ...]) -> bool:
    for name in names:
        value = fields.get(name)
        text = value if type(value) is str else plain_text(value)
        if text and not text.isspace():
            return False
    return bool(names)
