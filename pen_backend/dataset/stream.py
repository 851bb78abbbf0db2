"""The items of a build, from its sources through its steps."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

from pen_backend.dataset import steps
from pen_backend.dataset.audit import Evaluation
from pen_backend.dataset.checks import checks_of
from pen_backend.dataset.classes import label_of
from pen_backend.dataset.edits import Edits
from pen_backend.dataset.inputs import Inputs
from pen_backend.dataset.items import read
from pen_backend.dataset.ledger import Ledger, unwritten
from pen_backend.dataset.nearness import Nearness
from pen_backend.dataset.opening import HELD, STEPS, open_sources
from pen_backend.dataset.record import Item, Pulse
from pen_backend.dataset.spool import Spool
from pen_backend.errors import DataError
from pen_backend.prompts.sources import Source


def items(inputs: Inputs, ledger: Ledger, pulse: Pulse, *, spool: Callable[[], Spool] = Spool,
          nearness: Nearness | None = None) -> Iterator[Item]:
    """Read all sources and send the items through the steps, then what was changed by hand."""
    definition, spec, want, hide = inputs.definition, inputs.spec, inputs.want, inputs.hide
    hidden = None if hide is None else hide.item
    stream: Iterator[Item] = chain.from_iterable(
        read(one, want, spec.prompt_loss_weight, pulse, ledger.reject, ledger.count, ledger.warn, hidden)
        for one in inputs.opened)
    for number, step in enumerate(spec.steps, 1):
        reject = partial(ledger.reject, step=f"{number} {step.name}")
        stream = steps.apply(step, stream, steps.Surroundings(
            definition, want, inputs.encoder, definition.directory_of(*STEPS), spec.seed, reject, pulse, spool,
            nearness))
    return inputs.edits.apply(stream, want, partial(ledger.reject, step="by hand"), hidden) if inputs.edits else stream


def labels(inputs: Inputs, pulse: Pulse) -> Iterator[str]:
    """Go through the sources once for the labels alone, so that each has its number before the first row is written."""
    variable = inputs.want.label
    with _uncounted(inputs):
        found = (label_of(inputs.definition, item, variable) for item in items(inputs, unwritten(inputs.opened), pulse)
                 if item.example is None)
        yield from dict.fromkeys(found)


def evaluation(inputs: Inputs, pulse: Pulse) -> Evaluation:
    """Read the rows that `evaluation.data` names, as the training set reads its own."""
    definition, spec = inputs.definition, inputs.spec
    data = definition.evaluation.data if definition.evaluation is not None else None
    if data is None or checks_of(spec).level("contamination") == "off":
        return Evaluation()
    given = spec.model_copy(update={"sources": (Source(path=data),)})
    try:
        opened = open_sources(definition, given, trusted=False, key=HELD)
        held = replace(inputs, spec=given, opened=opened, edits=Edits())
        with _uncounted(held):
            return Evaluation(tuple(items(held, unwritten(opened), pulse)))
    except DataError as error:
        return Evaluation(problem=error.message)


def _uncounted(inputs: Inputs) -> contextlib.AbstractContextManager[None]:
    """Count no replacement of what is not written."""
    return contextlib.nullcontext() if inputs.hide is None else inputs.hide.uncounted()
