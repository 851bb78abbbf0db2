"""Build the training set of a definition, published by one rename."""

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pen_backend.dataset import anonymise
from pen_backend.dataset.budget import Purse, purse_of
from pen_backend.dataset.edits import Edit, Edits
from pen_backend.dataset.inputs import Inputs
from pen_backend.dataset.items import Opened, wanted
from pen_backend.dataset.labels_file import with_new_labels
from pen_backend.dataset.making import Making
from pen_backend.dataset.manifest import build_id, read_whole
from pen_backend.dataset.opening import key_place, open_sources
from pen_backend.dataset.output import Directory, directory, link_latest
from pen_backend.dataset.overrides import effective
from pen_backend.dataset.record import Progress, Pulse
from pen_backend.dataset.report import Report
from pen_backend.dataset.stream import labels
from pen_backend.errors import BusyError, DataError
from pen_backend.files import Disk, standing, sweep
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.sources import Source
from pen_backend.tokens import Encoder

_building: set[Path] = set()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Build:
    """A published training set."""

    id: str
    directory: Path
    manifest: Mapping[str, object]
    report: Report


def build(definition: Definition, *, sources: Sequence[Source] | None = None, out: Path, encoder: Encoder,
          seed: int | None = None, overrides: Mapping[str, object] | None = None, purse: Purse | None = None,
          disk: Disk | None = None, edits: Iterable[Edit] = (),
          progress: Callable[[Progress], None] | None = None, cancelled: Callable[[], bool] | None = None) -> Build:
    """Build the training set of a definition into OUT/ID, or return the one that is there already.

    SOURCES replace the definition's own. OVERRIDES are those of `effective`. PURSE has the price for a definition's
    budget, by default that of pen's list, with ENCODER. EDITS are laid over the records; the sources stay as they are.
    The same inputs give the same bytes. DataError says what is wrong with the data; nothing half-built is published.
    """
    disk, by_hand, pulse = disk or Disk(), Edits(edits), Pulse(progress, cancelled)
    spec = effective(definition, sources, seed, overrides or {})
    opened = open_sources(definition, spec, trusted=sources is not None)
    hide = anonymise.prepare(spec, opened, wanted(definition, spec), partial(key_place, definition, out), disk, pulse)
    inputs = Inputs(definition, spec, opened, encoder, by_hand, hide)
    if definition.labels_path is not None:
        inputs = replace(inputs, definition=with_new_labels(definition, labels(inputs, pulse), disk))
    if spec.budget is not None:
        inputs = replace(inputs, purse=purse or purse_of(spec.budget, encoder))
    identity = build_id(inputs)
    final = out / identity
    with _alone(final):
        manifest, report = read_whole(final) or _made(inputs, final, pulse, disk)
        link_latest(final, disk)
        return Build(identity, final, manifest, report)


@contextlib.contextmanager
def _alone(final: Path) -> Iterator[None]:
    """Hold the place of a build; BusyError if another call of this process does."""
    with _lock:
        if final in _building:
            raise BusyError("This training set is being built already.", hint="Wait for it to end.")
        _building.add(final)
    try:
        yield
    finally:
        with _lock:
            _building.discard(final)


def _made(inputs: Inputs, final: Path, pulse: Pulse, disk: Disk) -> tuple[Mapping[str, object], Report]:
    """Make a build that is not there, and publish it."""
    _refuse_full_disk(inputs.opened, final.parent, disk)
    if final.parent.is_dir():
        sweep(final.parent, disk)
    with directory(final, disk) as made:
        return _publish(made, *Making(inputs, made, pulse).run())


def _publish(made: Directory, manifest: Mapping[str, object], report: Report) -> tuple[Mapping[str, object], Report]:
    """Publish a build unless another process has done so meanwhile; what was edited there is set aside first."""
    for last in (False, True):
        there = read_whole(made.final)
        if there is not None:
            return there
        if os.path.lexists(made.final):
            made.set_aside()
        try:
            made.publish(manifest)
            break
        except OSError as error:
            if last or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    return manifest, report


def _refuse_full_disk(opened: Iterable[Opened], out: Path, disk: Disk) -> None:
    """Refuse to start where the outputs cannot fit: about twice the sources, unpacked."""
    needed = 1_000_000 + sum(one.document.size * (8 if one.document.packed else 2) for one in opened)
    place = standing(out)
    try:
        free = disk.free_bytes(place)
    except OSError:
        return
    if free < needed:
        raise DataError(f"There is too little space: the build needs about {needed // 1_000_000 + 1} MB, "
                        f"{free // 1_000_000} MB are free.", where=str(out),
                        hint="Free space, or choose another output directory.")
