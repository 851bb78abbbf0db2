"""Everything that decides the bytes of a training set."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pen_backend.dataset.anonymise import Anonymiser
from pen_backend.dataset.budget import Purse
from pen_backend.dataset.edits import Edits
from pen_backend.dataset.items import Opened, Wanted, wanted
from pen_backend.dataset.opening import HELD, STEPS, refuse_outside
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.training import TrainingSpec
from pen_backend.tokens import Encoder


@dataclass(frozen=True, slots=True)
class Inputs:
    """What one training set is made from: the same inputs give the same bytes.

    SPEC is the definition's `training:` with what the caller gave instead; HIDE is None for a set that is not
    anonymised, PURSE for one without a budget.
    """

    definition: Definition
    spec: TrainingSpec
    opened: Sequence[Opened]
    encoder: Encoder
    edits: Edits
    hide: Anonymiser | None = None
    purse: Purse | None = None

    @property
    def want(self) -> Wanted:
        """What is taken of each record."""
        return wanted(self.definition, self.spec)

    @property
    def names(self) -> str:
        """The names of the documents, for a message."""
        return ", ".join(dict.fromkeys(one.document.name for one in self.opened))

    def others(self) -> Iterator[object]:
        """Yield what names a build besides its definition, sources and vocabulary.

        That is who is hidden, what is paid for, the labels, files of words, and what the set is compared with.
        """
        yield self.hide.identity if self.hide else None
        yield self.purse.identity if self.purse else None
        if any(one.name == "whatsapp" for one in self.opened):
            from pen_backend.dataset.sources.whatsapp import strings  # as late as the reader itself

            yield strings.fingerprint()
        definition = self.definition
        yield definition.class_map.to_json() if definition.class_map is not None else None
        named = [(STEPS, step.filter.words_file) for step in self.spec.steps
                 if step.filter is not None and step.filter.words_file]
        if definition.evaluation is not None and definition.evaluation.data:
            named.append((HELD, definition.evaluation.data))
        for key, name in named:
            path = definition.directory_of(*key) / name
            refuse_outside(definition, key, path)
            yield hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        yield [test.model_dump(mode="json") for test in definition.tests]
        if self.edits:
            yield self.edits.identity
