"""Readers: from a document's bytes to records.

A reader is a function of a Document and a Request. It yields records, finished examples, and what it cannot use with
the reason; a fault of the whole file is a DataError.

document.py   a file or region: hashed, unpacked, decoded
streams.py    its bytes on their way: unpacked, recoded, limited
archive.py    members of a zip file
lines.py      the lines of a document, one by one
values.py     the JSON values of a document, one by one
window.py     a moving piece of a JSON stream
auto.py       which reader fits
jokes.py      joke collections
jsonl.py      training rows of every dialect, or records
org.py        headings, items and tables
org_body.py   what stands below a heading
table.py      CSV, TSV and workbooks
columns.py    names from a header, and cells under them
delimited.py  the rows of a CSV or TSV file
workbook.py   the rows of a workbook's first sheet
text.py       lines, paragraphs or a whole file
whatsapp/     chats as phones export them
transcript/   captions, and what speech recognition writes
chatgpt.py    conversations with ChatGPT
people.py     whom a source keeps, and whose names it takes out
"""

from collections.abc import Callable, Iterator
from importlib import import_module

from pen_backend.dataset.record import Read
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.streams import fault

Reader = Callable[[Document, Request], Iterator[Read]]

# A reader is imported when a document needs it: all of them take longer than most builds.
READERS = ("jokes", "jsonl", "org", "table", "text", "whatsapp", "transcript", "chatgpt")


def reader(name: str, document: Document) -> tuple[str, Reader]:
    """Return a document's reader and its name; `auto` looks at the extension, then at the content.

    DataError if there is nothing to read, or no such reader.
    """
    if document.is_blank():
        raise fault("empty-file", f"{document.name} is empty: it holds nothing but white space", document.name,
                    "Name a file or mark a region that holds texts.")
    if name == "auto":
        name = import_module(f"{__name__}.auto").recognise(document)
    if name not in READERS:
        raise fault("unknown-format", f"there is no reader '{name}'", document.name,
                    f"There are auto, {', '.join(READERS)}.")
    read: Reader = import_module(f"{__name__}.{name}").read
    return name, read
