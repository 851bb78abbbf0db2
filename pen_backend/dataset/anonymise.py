"""Replace people, phone numbers, e-mail addresses, links and given patterns before a text is written anywhere.

The step acts on records as soon as they are read, wherever it stands among the steps: what is rejected, shown or
written later has been through it. It finds the authors of the sources and the names that are listed, nobody else.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pen_backend.dataset.items import Opened, Wanted, example_item, request_of, text_of
from pen_backend.dataset.names import clean
from pen_backend.dataset.phones import regions
from pen_backend.dataset.pseudonyms import assigned, reserve
from pen_backend.dataset.record import Item, Pulse, Record, Rejected
from pen_backend.dataset.replacing import Replacements
from pen_backend.errors import PromptError
from pen_backend.files import Disk
from pen_backend.prompts.sources import Source
from pen_backend.prompts.training import TrainingSpec
from pen_backend.records import Example, Segment, make_example

AUTHOR_FIELDS = ("author", "speaker")


class Anonymiser(Replacements):
    """One build's replacements, in whole records."""

    def item(self, item: Item, want: Wanted) -> Item:
        """Replace in everything a record may bring into a file: its fields, or its segments, tools and names."""
        if item.example is not None:
            return example_item(self._example(item.example), item.side)
        fields = {name: self._value(value) for name, value in item.fields.items()}
        return Item(text_of(fields, want), fields, item.origin, item.side, item.weights)

    def _example(self, example: Example) -> Example:
        rejected = None if example.rejected is None else [self._segment(one) for one in example.rejected]
        tools = None if example.tools is None else [dict(self._mapping(one)) for one in example.tools]
        return make_example([self._segment(one) for one in example.segments], origin=example.origin, rejected=rejected,
                            tools=tools, label=example.label, group=example.group, meta=self._mapping(example.meta))

    def _segment(self, one: Segment) -> Segment:
        name = None if one.name is None else self._one_word(one.name)
        extra = None if one.extra is None else self._mapping(one.extra)
        return Segment(self.text(one.text), one.weight, one.role, name, extra)

    def _one_word(self, name: str) -> str:
        """Write a chat's author, whose name may have no spaces."""
        return self.text(name).replace(" ", "_") if self._names.whole(name) else self.text(name)


def prepare(spec: TrainingSpec, opened: Sequence[Opened], want: Wanted, key: Callable[[str], Path], disk: Disk,
            pulse: Pulse) -> Anonymiser | None:
    """Make the Anonymiser of a build, None without the step: look for authors, and give each a pseudonym.

    KEY turns the key's path, as the definition has it, into a place where it may be written.
    """
    found = [step.anonymise for step in spec.steps if step.anonymise is not None]
    if not found:
        return None
    if len(found) > 1:
        raise PromptError("There are two anonymise steps.", hint="Write one: it acts on records as they are read.")
    (one,) = found
    authors, numbered = _survey(opened, want, pulse, phones=one.phone == "mask") if (
        one.people != "keep" or one.phone == "mask") else ([], ())
    people: dict[str, str] = {}
    if one.people == "mask":
        people = dict.fromkeys(clean([*authors, *one.names]), "[person]")
    elif one.people == "pseudonym":
        listed = clean(one.names)
        everyone = (assigned(authors, listed, {}) if one.key is None
                    else reserve(authors, listed, key(one.key), disk))
        people = {name: pseudonym for pseudonym, names in everyone.items() for name in clean(names)}
    return Anonymiser(one, people, numbered)


def _survey(opened: Sequence[Opened], want: Wanted, pulse: Pulse, *,
            phones: bool) -> tuple[list[str], tuple[str, ...]]:
    """Read the sources once to find everyone who speaks, and the countries of the phone numbers."""
    authors: dict[str, None] = {}

    def texts() -> Iterator[str]:
        for one in opened:
            for done, each in enumerate(one.reader(one.document, request_of(_whole(one.source), want))):
                pulse.beat("names looked for", done)
                fields = each.fields if isinstance(each, Record) else each.raw if isinstance(each, Rejected) else None
                if isinstance(fields, Mapping):  # who sent pictures alone is spoken of, too
                    authors.update((name, None) for field in AUTHOR_FIELDS
                                   if isinstance(name := fields.get(field), str))
                if isinstance(each, Record):
                    yield " ".join([value for value in each.fields.values() if isinstance(value, str)])
                elif isinstance(each, Example):
                    authors.update((segment.name, None) for segment in each.segments if segment.name)
                    yield " ".join([segment.text for segment in each.segments])

    numbered: tuple[str, ...] = ()
    if phones:
        numbered = regions(texts())
    else:
        for _ in texts():
            pass
    return clean(authors), numbered


def _whole(source: Source) -> Source:
    """Read all of a chat, also what the build leaves out: who does not speak in it may be spoken of."""
    return source.model_copy(update={"user": None, "remove": (), "drop": (), "include_user": None, "limit": None})
