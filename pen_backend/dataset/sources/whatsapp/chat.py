"""Read a chat's export in two passes: the first finds its form, its date order and its people, the second reads it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as made

from pen_backend.dataset.sources.document import Document
from pen_backend.dataset.sources.lines import Line, lines
from pen_backend.dataset.sources.people import plain_name
from pen_backend.dataset.sources.whatsapp import bodies
from pen_backend.dataset.sources.whatsapp.authors import Authors
from pen_backend.dataset.sources.whatsapp.bodies import Body
from pen_backend.dataset.sources.whatsapp.dates import Dates, told
from pen_backend.dataset.sources.whatsapp.headers import Form, Header, Headers, Order
from pen_backend.dataset.sources.whatsapp.strings import Strings
from pen_backend.errors import DataError, Finding

_LONGEST = 1_000_000  # signs of one message
_NUMBERS: Mapping[str, str] = {"d": "day", "m": "month", "y": "year"}


@dataclass(slots=True)  # not frozen, which would double what one costs
class Message:
    """One message: where its first line stands, when it was written (ISO 8601, no zone), by whom, and what it is."""

    line: int
    timestamp: str
    author: str | None
    body: Body


@dataclass(frozen=True, slots=True)
class Fault:
    """What cannot be read as a message: the lines from `line` on."""

    line: int
    code: str
    message: str
    hint: str | None
    raw: str


@dataclass(frozen=True, slots=True)
class Chat:
    """What the first pass found."""

    document: Document
    strings: Strings
    form: Form
    order: Order
    authors: Authors
    names: tuple[str, ...]
    findings: tuple[Finding, ...]

    def messages(self) -> Iterator[Message | Fault]:
        """Yield the messages in the order of the file."""
        headers = Headers(self.strings)
        current: _Lines | None = None
        before: _Lines | None = None
        number = 0
        for line in lines(self.document):
            header = headers.find(line.text)
            if header is None or header.form != self.form:
                if current is None:
                    before = before or _Lines(line.number)
                (current or before or _Lines(0)).add(line)
                continue
            yield from self._finished(current, before, number)
            before = None
            number += 1
            current = _Lines(line.number, header, line.text[:header.rest])
            current.add(Line(line.number, line.text[header.rest:], line.cut))
        yield from self._finished(current, before, number)

    def _finished(self, current: "_Lines | None", before: "_Lines | None", number: int) -> Iterator[Message | Fault]:
        if before is not None and (text := before.text().strip()):
            yield Fault(before.number, "not-whatsapp", "these lines stand before the first message", None, text)
        if current is None or current.header is None:
            return
        text = current.text()
        timestamp = current.header.timestamp(self.order)
        if current.cut:
            yield Fault(current.number, "line-too-long", f"the message is longer than {_LONGEST} signs",
                        "split the file, or take the message out", "")
        elif timestamp is None:
            order = ", ".join(_NUMBERS[letter] for letter in self.order)
            yield Fault(current.number, "date-impossible", f"there is no such date or time, read as {order}",
                        "set `date-order` if the order is wrong", current.head + text)
        else:
            author, said = self.authors.split(text, number)
            body = bodies.read(said, self.strings) if author is not None else Body("system", bodies.cleaned(said))
            yield Message(current.number, timestamp, author, body)


@dataclass(slots=True)
class _Lines:
    """The lines of one message."""

    number: int
    header: Header | None = None
    head: str = ""
    cut: bool = False
    _size: int = 0
    _parts: list[str] = made(default_factory=list)

    def add(self, line: Line) -> None:
        """Add a line, as long as the message is not too long."""
        self._size += len(line.text) + 1
        self.cut = self.cut or line.cut or self._size > _LONGEST
        if not self.cut:
            self._parts.append(line.text)

    def text(self) -> str:
        """Return the whole text; empty lines at its end are none of it."""
        return "\n".join(self._parts).rstrip()


def look(document: Document, strings: Strings, names: tuple[str, ...] = (), order: Order | None = None) -> Chat:
    """Make the first pass; NAMES are people that the source names. DataError for a file that is no chat."""
    headers = Headers(strings)
    dates: dict[Form, Dates] = {}
    people: dict[Form, Authors] = {}
    asked = frozenset(map(plain_name, names))
    number, form = 0, None
    for line in lines(document):
        number = line.number
        header = headers.find(line.text)
        if header is None:
            continue
        if header.form is not form:  # of most lines it is that of the line before
            form = header.form
            if form not in dates:
                dates[form], people[form] = Dates(form), Authors(strings, form.style, asked)
            days, authors = dates[form], people[form]
        days.add(header)
        authors.add(line.text[header.rest:])
    if not dates:
        raise _no_chat(document, number)
    form = max(dates, key=lambda form: dates[form].count)  # of equally frequent ones the first
    people[form].settle()
    found, certain = dates[form].order()
    findings = []
    if order is not None:
        found = told(form, order)
    elif not certain:
        findings.append(Finding("date-order", "the dates may be read day first or month first; they were read "
                                f"{'day' if found.index('d') < found.index('m') else 'month'} first",
                                document.name, "set `date-order: dmy` or `mdy`", "warning"))
    if others := sum(each.count for key, each in dates.items() if key != form):
        findings.append(Finding("other-form", f"{others} line{'s' if others > 1 else ''} with a date in another form "
                                "than the file's belong to the messages above them", document.name, level="note"))
    return Chat(document, strings, form, found, people[form], people[form].names(), tuple(findings))


def _no_chat(document: Document, count: int) -> DataError:
    if not count:
        message = f"{document.name} is empty"
        return DataError(f"{message}.", findings=[Finding("empty-file", message, where=document.name)])
    message = f"{document.name} is no WhatsApp export: none of its {count} lines begins with a date, a time and a name"
    hint = "name another reader, or add the words of the chat's language to whatsapp.yaml"
    return DataError(f"{message}.", hint=f"{hint[:1].upper()}{hint[1:]}.",
                     findings=[Finding("not-whatsapp", message, where=document.name, hint=hint)])
