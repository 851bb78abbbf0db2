"""Pairs of answers to one prompt, of which the first is preferred: what DPO trains on."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from pen_backend.engine.nn.tokenise import Encoded, fit
from pen_backend.records import Dialect, Example


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt with the preferred answer and with the other one.

    `reference` is by how much more the model favoured the first before training, in summed log-probabilities.
    """

    preferred: Encoded
    other: Encoded
    reference: float = 0.0

    def __len__(self) -> int:
        return 2 * self.longest

    @property
    def tokens(self) -> int:
        """Count the tokens of both."""
        return len(self.preferred) + len(self.other)

    @property
    def longest(self) -> int:
        """Count the tokens of the longer one."""
        return max(len(self.preferred), len(self.other))

    @property
    def weight_sum(self) -> float:
        """Every pair counts alike."""
        return 1.0

    @property
    def scored(self) -> int:
        """Count the targets that accuracy looks at: those of the preferred answer."""
        return self.preferred.scored

    @property
    def prompt(self) -> "array[int]":
        """Return the ids before the answers."""
        return self.preferred.prompt


def both(example: Example) -> tuple[tuple[Dialect, Example], tuple[Dialect, Example]]:
    """Make of a preference the two examples that it compares; answers have a weight, the prompt has none."""
    prompt = takewhile(lambda segment: segment.weight == 0, example.segments)
    dialect: Dialect = "prompt-completion" if example.segments[0].role is None else "chat"
    other = example._replace(segments=(*prompt, *(example.rejected or ())), rejected=None)
    return (dialect, example._replace(rejected=None)), (dialect, other)


def pairs(encoded: Iterable[Encoded]) -> Iterator[Pair]:
    """Put examples that follow each other together again."""
    stream = iter(encoded)
    return (Pair(preferred, other) for preferred, other in zip(stream, stream, strict=True))


def fit_pair(pair: Pair, limit: int) -> Pair | None:
    """Cut the prompt of a too long pair at its start, alike for both answers; None if an answer would be cut."""
    excess = pair.longest - limit
    preferred, other = (fit(one, len(one) - excess) for one in (pair.preferred, pair.other))
    return Pair(preferred, other) if preferred and other else None
