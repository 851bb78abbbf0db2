"""The classes a job is measured on: the different completions of its examples, told apart by their first token."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pen_backend.engine.nn.outcome import Code, Exit, TrainingError
from pen_backend.engine.nn.spec import Spec
from pen_backend.engine.nn.tokenise import Encoded
from pen_backend.engine.nn.vocabulary import Vocabulary

SHOWN = 10
Label = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Classes:
    """Classes by number, each with the first token of its label; POSITIVE is the one of interest among two."""

    names: tuple[str, ...]
    numbers: dict[Label, int]
    first_tokens: tuple[int, ...]
    positive: int | None

    def of(self, example: Encoded) -> int:
        """Return the number of an example's class."""
        return self.numbers[label_of(example)]


def label_of(example: Encoded) -> Label:
    """Take an example's completion without its end token."""
    return tuple(example.ids[len(example) - example.spans[-1].tokens : -1])


def read_classes(spec: Spec, train: Sequence[Encoded], valid: Sequence[Encoded], vocabulary: Vocabulary) -> Classes:
    """Find the classes of a job's examples, and refuse those that do not fit what was asked for."""
    asked = spec.classification
    assert asked is not None  # noqa: S101 - the caller has asked
    counts = Counter(label_of(example) for example in train)
    names = {label: _text(label, vocabulary) for label in (*counts, *map(label_of, valid))}
    labels = sorted(counts, key=names.__getitem__)
    wanted = asked.n_classes or 2
    train_name, valid_name = ((data and data.name) or default for data, default in
                              ((spec.train, "train.jsonl"), (spec.valid, "valid.jsonl")))
    if len(labels) != wanted:
        raise _mismatch(
            f"The number of classes in {train_name} does not match the number of classes specified in the "
            f"hyperparameters: it has {len(labels)} ({_listed(counts, names)}), and "
            + (f"n_classes is {wanted}; set n_classes to {len(labels)}, or correct the completions."
               if asked.positive_class is None else
               "positive_class is for two; give n_classes instead, or correct the completions."), "training_file")
    strange = Counter(label for label in map(label_of, valid) if label not in counts)
    if strange:
        raise _mismatch(
            f"The number of classes in {valid_name} does not match the number of classes specified in the "
            f"hyperparameters: {_listed(strange, names)} are not among the {wanted} of {train_name}; correct these "
            "completions.", "validation_file")
    by_first = defaultdict(list)
    for label in labels:
        by_first[label[:1]].append(names[label])
    if collisions := [" and ".join(map(repr, group)) for group in by_first.values() if len(group) > 1]:
        raise TrainingError(
            Exit.DATA, "class_first_token", "To be told apart, each of the classes must start with a different token, "
            f"and {'; '.join(collisions[:SHOWN])} do not; number the classes instead (' 0', ' 1', …), or rename one "
            "of them.", param="training_file", where=train_name)
    positive = None
    if asked.positive_class is not None:
        positive = next((i for i, label in enumerate(labels)
                         if names[label].strip() == asked.positive_class.strip()), None)
        if positive is None:
            raise _mismatch(f"The positive class {asked.positive_class!r} is not one of the classes in {train_name}: "
                            f"{_listed(counts, names)}; name one of these.", "training_file")
    return Classes(tuple(names[label] for label in labels), {label: i for i, label in enumerate(labels)},
                   tuple(label[0] if label else vocabulary.eos for label in labels), positive)


def _text(label: Label, vocabulary: Vocabulary) -> str:
    return b"".join(map(vocabulary.token_bytes, label)).decode("utf-8", "replace")


def _listed(counts: Counter[Label], names: dict[Label, str]) -> str:
    """Name the most frequent classes with their counts."""
    shown = ", ".join(f"{names[label][:40]!r} {count}x" for label, count in counts.most_common(SHOWN))
    return shown + (f", and {len(counts) - SHOWN} more" if len(counts) > SHOWN else "")


def _mismatch(message: str, param: str) -> TrainingError:
    code: Code = "class_mismatch"
    return TrainingError(Exit.DATA, code, message, param=param)
