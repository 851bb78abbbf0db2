"""Look at what a reader sees in a file, before anything is made of it: its records, and who speaks in it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pen_backend.errors import BadParamsError, DataError, Finding
from pen_backend.service.registry import Json, rpc

if TYPE_CHECKING:
    from pen_backend.dataset.record import Read
    from pen_backend.prompts.sources import Source

# How a source is read, as against what is read of it: what a file that takes its place inherits.
_MANNER = ("fields", "unit", "drop", "include_user", "date_order", "encoding")


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody who speaks in a chat or a transcript, and how many messages are theirs."""

    name: str
    messages: int


class Reading:
    """Says what is in files."""

    @rpc()
    def read(self, reader: str, path: Path, limit: int | None = None) -> list[Json]:
        """Show what a reader sees in a file, before any step: one JSON text a record, the first LIMIT."""
        return [line for line, each in self.readings(reader, path, limit)
                if not (isinstance(each, Finding) and each.level == "note")]

    def readings(self, reader: str, path: Path, limit: int | None = None) -> "Iterator[tuple[Json, Read]]":
        """Yield what `read` returns, with what the reader yielded; findings about the whole file have no limit."""
        import orjson

        from pen_backend.dataset.record import shown

        if limit is not None and limit < 1:
            raise BadParamsError("limit must be at least 1.")
        count = 0
        for each in _reads(reader, path):
            yield orjson.dumps(shown(each), default=str).decode(), each
            count += not isinstance(each, Finding)
            if count == limit:
                return

    @rpc()
    def speakers(self, path: Path, reader: str = "whatsapp") -> list[Speaker]:
        """List who speaks in a chat or a transcript, who says most first."""
        from pen_backend.dataset.record import Record

        counts = Counter(name for each in _reads(reader, path) if isinstance(each, Record)
                         if isinstance(name := each.fields.get("author", each.fields.get("speaker")), str) and name)
        return [Speaker(name, number) for name, number in counts.most_common()]


def _reads(reader: str, path: Path) -> "Iterator[Read]":
    from pen_backend.dataset.sources import reader as choose
    from pen_backend.dataset.sources.document import Request, documents

    (chosen,) = sources_of(None, path, "", reader) or ()
    for document in documents(chosen, path.name, path.parent):
        _, read = choose(reader, document)
        yield from read(document, Request(chosen))


def sources_of(text: str | None, path: Path | None, name: str, reader: str, encoding: str | None = None,
               known: "tuple[Source, ...]" = ()) -> "tuple[Source, ...] | None":
    """Make the source that a caller names instead of the definition's own, which are KNOWN; None without one.

    It is read as the known one with the same reader is.
    """
    from pen_backend.dataset.sources import READERS
    from pen_backend.prompts.sources import Source

    if text is not None and path is not None:
        raise BadParamsError("text and path exclude each other.", hint="Give one of them, or neither.")
    if text is None and path is None:
        return None
    if reader != "auto" and reader not in READERS:
        raise DataError(f"There is no reader '{reader}'.", hint=f"There are auto, {', '.join(READERS)}.")
    place = {"text": text} if path is None else {"path": str(path)}
    made = Source.model_validate({"reader": reader, "id": name or None, **place})
    like = next((one for one in known if one.reader == reader != "auto"), made)
    manner = {key: getattr(like, key) for key in _MANNER}
    return (made.model_copy(update={**manner, **({} if encoding is None else {"encoding": encoding})}),)
