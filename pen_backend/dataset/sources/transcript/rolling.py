"""Undo captions that roll: each repeats the line that was shown before it, so that every word stands there twice.

YouTube writes automatic captions so: a line appears word by word below the line before, then both are shown for an
instant, then the next one appears.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from pen_backend.dataset.sources.transcript.cues import Cue, Fault, Spoken

_SAMPLE = 300  # captions that tell whether a file rolls
_FEWEST = 3


def rolls(cues: Iterable[Cue | Fault]) -> bool:
    """Say whether most captions repeat what was shown before them."""
    before: list[Spoken] = []
    count = repeated = timed = 0
    for cue in islice(cues, _SAMPLE):
        if isinstance(cue, Fault):
            continue
        count += 1
        timed += cue.timed
        repeated += len(_new(before, cue.spoken)) < len(cue.spoken) or _grows(before, cue.spoken)
        before = cue.spoken
    return repeated * 2 >= count - 1 and repeated > 0 and (timed > 0 or count >= _FEWEST)


def unrolled(cues: Iterable[Cue | Fault]) -> Iterator[Cue | Fault]:
    """Yield the captions with what each of them has new; those with nothing new are left out."""
    before: list[Spoken] = []
    for cue in cues:
        if isinstance(cue, Fault):
            yield cue
            continue
        new = _new(before, cue.spoken)
        if _grows(before, new):
            new = [replace(new[0], text=new[0].text[len(before[-1].text):].strip()), *new[1:]]
        before = cue.spoken
        if new:
            yield Cue(cue.start, cue.end, new, cue.timed)


def _new(before: list[Spoken], now: list[Spoken]) -> list[Spoken]:
    """Return the lines of a caption behind those that end the one before."""
    old, lines = [one.text for one in before], [one.text for one in now]
    for count in range(min(len(old), len(lines)), 0, -1):
        if old[-count:] == lines[:count]:
            return now[count:]
    return now


def _grows(before: list[Spoken], now: list[Spoken]) -> bool:
    """Say whether a caption begins with the last line before and has more words behind it."""
    return bool(before and now) and now[0].text.startswith(f"{before[-1].text} ")
