"""Find the chat in a packed export: one text among pictures, and among texts that were sent as documents."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from pen_backend.dataset.sources.archive import member, unzipped
from pen_backend.dataset.sources.document import Document
from pen_backend.dataset.sources.whatsapp.headers import Header, Headers
from pen_backend.dataset.sources.whatsapp.strings import Strings
from pen_backend.errors import DataError, Finding

_HEAD = 4_096  # bytes in which a chat has its first line
_MOST = 50  # texts that are looked into


def chat_of(document: Document, strings: Strings) -> tuple[Document, list[Finding]]:
    """Return the chat that a zip file holds, and what there is to say of others in it; any other document as it is.

    DataError if it holds none, or several of which none is named as an export's own.
    """
    told: list[Finding] = []

    def choose(found: Sequence[str]) -> Sequence[str]:
        likely = _likely(found, PurePosixPath(document.name).stem)
        chosen = likely if len(likely) < 2 else list(_chats(document, likely, strings))
        if len(chosen) == 1:
            rest = [name for name in _texts(found) if name not in likely]
            told.extend(_told(document, chosen[0], list(_chats(document, rest, strings))))
        return chosen

    return unzipped(document, choose, "chat (_chat.txt or WhatsApp Chat ….txt)", "chats"), told


def _told(document: Document, chosen: str, others: Sequence[str]) -> Iterator[Finding]:
    if others:
        listed = ", ".join(f"'{name}'" for name in others)
        them, are = ("other chats", "are") if len(others) > 1 else ("another chat", "is")
        yield Finding("other-chat", f"'{chosen}' is read; {document.name} holds {them}, {listed}, which {are} not",
                      document.name, "to learn from it, unpack the zip file and name it as a source", "warning")


def first_header(head: str, strings: Strings) -> Header | None:
    """Return the header that a text begins with."""
    line = next((line for line in head.splitlines() if line.strip()), "")
    return Headers(strings).find(line)


def _likely(found: Sequence[str], stem: str) -> list[str]:
    """List the texts that are named as a chat: `_chat.txt`, after WhatsApp, as the file; else all that lie on top."""
    texts = _texts(found)
    for fits in (lambda file: file.lower() == "_chat.txt", lambda file: "whatsapp" in file.lower(),
                 lambda file: file == f"{stem}.txt"):
        if named := [name for name in texts if fits(PurePosixPath(name).name)]:
            return named
    return [name for name in texts if "/" not in name]


def _texts(found: Sequence[str]) -> list[str]:
    return [name for name in found if name.lower().endswith(".txt") and not name.startswith("__MACOSX")]


def _chats(document: Document, texts: Sequence[str], strings: Strings) -> Iterator[str]:
    """Yield those of the texts that begin as a chat."""
    for name in texts[:_MOST]:
        try:
            with member(document, name).open() as stream:
                head = stream.read(_HEAD).decode(errors="ignore").removeprefix("\ufeff")
        except DataError:  # whoever reads it says what is wrong with it
            continue
        if first_header(head, strings) is not None:
            yield name
