"""A transcript's turns as records: who says what, from when to when."""

from collections.abc import Callable, Iterator

from pen_backend.dataset.record import Read, Record, Rejected
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.people import known_person, plain_name, without_names
from pen_backend.dataset.sources.transcript import cues as captions
from pen_backend.dataset.sources.transcript import machine, rolling
from pen_backend.dataset.sources.transcript.cues import Cue, Fault
from pen_backend.dataset.sources.transcript.speakers import Said, Speakers
from pen_backend.errors import DataError, Finding

_LONGEST = 100_000  # signs of a turn: a speaker who never stops is cut


class _Turn:
    """What one speaker says without a break; neighbours without a known speaker stay apart."""

    def __init__(self, locator: str, cue: Cue, said: Said) -> None:
        self.locator = locator
        self.speaker = said.speaker
        self.start, self.end = cue.start, cue.end
        self._texts = [said.text]
        self._size = len(said.text)

    def takes(self, said: Said) -> bool:
        """Say whether what is said now goes on from it."""
        same = self.speaker is not None and self.speaker == said.speaker and not said.change
        return same and self._size + len(said.text) < _LONGEST

    def add(self, cue: Cue, said: Said) -> None:
        """Go on."""
        self.end = cue.end
        self._texts.append(said.text)
        self._size += len(said.text) + 1

    @property
    def text(self) -> str:
        """All that is said."""
        return " ".join(self._texts)


def read(document: Document, request: Request) -> Iterator[Read]:
    """Yield a record a turn: start, end, speaker, text. What the source leaves out is rejected as filtered."""
    source = request.source
    cues = _source_of(document)
    speakers = Speakers(cues())
    removed = frozenset(map(plain_name, source.remove))
    without = without_names(source.remove)
    user = None if request.conversation else source.user
    if source.user is not None:
        names = tuple(dict.fromkeys(one.speaker for one in _turns(cues(), speakers)
                                    if isinstance(one, _Turn) and one.speaker is not None))
        known_person(source.user, names, document)
    empty = True
    for turn in _turns(cues(), speakers):
        empty = False
        if isinstance(turn, Fault):
            yield Rejected(document.origin(turn.locator), turn.code, turn.message, None, turn.hint)
            continue
        origin = document.origin(turn.locator)
        name = None if turn.speaker is None else plain_name(turn.speaker)
        if name in removed and name is not None:
            yield Rejected(origin, "filtered", "the turn is of somebody whom the source removes")
        elif user is not None and name != plain_name(user):
            yield Rejected(origin, "filtered", "the turn is not of the user whom the source names")
        else:
            text = without(turn.text)
            if source.include_user and turn.speaker is not None and not request.conversation:
                text = f"{turn.speaker}: {text}"
            yield Record({"start": turn.start, "end": turn.end, "speaker": turn.speaker, "text": text}, origin)
    if empty:
        message = f"{document.name} holds no captions"
        raise DataError(f"{message}.", where=document.name,
                        findings=[Finding("unknown-format", message, where=document.name)],
                        hint="Name another reader, or look whether the file is whole.")


def _source_of(document: Document) -> Callable[[], Iterator[Cue | Fault]]:
    """Return the function that reads a document's cues from the beginning, as often as it is called."""
    with document.open() as stream:
        head = stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:1] in (b"{", b"["):
        found = list(machine.cues(document))
        return lambda: iter(found)
    if rolling.rolls(captions.cues(document)):
        return lambda: rolling.unrolled(captions.cues(document))
    return lambda: captions.cues(document)


def _turns(cues: Iterator[Cue | Fault], speakers: Speakers) -> Iterator[_Turn | Fault]:
    turn: _Turn | None = None
    speaker: str | None = None
    for number, cue in enumerate(cues, 1):
        if isinstance(cue, Fault):
            yield cue
            continue
        for said in speakers.said(cue, speaker):
            speaker = said.speaker
            if turn is not None and turn.takes(said):
                turn.add(cue, said)
                continue
            if turn is not None:
                yield turn
            turn = _Turn(f"segment {number}" if said.line is None else f"line {said.line}", cue, said)
    if turn is not None:
        yield turn
