"""A job's data file, read whole: every line encoded, every refusal with its line."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pen_backend.engine.nn.chat import ChatFormat, example_messages
from pen_backend.engine.nn.outcome import Code, Exit, TrainingError
from pen_backend.engine.nn.preferences import Pair, both, fit_pair, pairs
from pen_backend.engine.nn.rendering import Renderer, TemplateError
from pen_backend.engine.nn.spec import Data, Spec
from pen_backend.engine.nn.tokenise import CHATS, Encoded, encode_examples, fit
from pen_backend.engine.nn.vocabulary import Vocabulary
from pen_backend.engine.nn.windows import pieces
from pen_backend.errors import Finding
from pen_backend.records import DIALECTS, Dialect, Example, read_lines

SHOWN = 20
TEMPLATE_SECONDS = 10.0  # for one row: a long chat is rendered once for each of its messages
Param = Literal["training_file", "validation_file"]
PREFERENCES: frozenset[Dialect] = frozenset({"preference"})
TRAINED: Mapping[str, frozenset[Dialect]] = {
    "supervised": frozenset(DIALECTS) - PREFERENCES, "dpo": PREFERENCES}
INSTEAD = {"supervised": "write them as prompt and completion, or train with the method dpo",
           "dpo": "write input, preferred_output and non_preferred_output, or train with the method supervised"}


@dataclass(frozen=True, slots=True)
class DataSet:
    """The encoded examples of a file, and what was left out of it by reason."""

    examples: list[Any]  # Encoded, or Pair
    dropped: Counter[str]

    @property
    def tokens(self) -> int:
        """Count all tokens, ends included."""
        return sum(example.tokens for example in self.examples)

    @property
    def longest(self) -> int:
        """Count the tokens of the longest example."""
        return max((example.longest for example in self.examples), default=0)


@dataclass(slots=True)
class _Reading:
    """What one pass over a file finds besides examples."""

    lines: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def read_data(data: Data, param: Param, spec: Spec, vocabulary: Vocabulary, *, context: int) -> DataSet:
    """Read and encode a data file; raise TrainingError with all findings if a line cannot be trained on."""
    code: Code = "invalid_training_file" if param == "training_file" else "invalid_validation_file"
    name = data.name or ("train.jsonl" if param == "training_file" else "valid.jsonl")
    limit = min(spec.max_tokens, context)
    in_windows = spec.batch.kind == "windows"
    reading = _Reading()
    examples: list[Encoded | Pair] = []
    _check_hash(data, name, code, param)
    encoded = encode_examples(_read(data, name, spec, reading, vocabulary), vocabulary)
    items: Iterator[Encoded | Pair] = pairs(encoded) if spec.method == "dpo" else encoded
    for index, example in enumerate(items):
        if example.longest <= limit or (in_windows and param == "training_file"):
            examples.append(example)
        elif in_windows and isinstance(example, Encoded):
            examples += pieces(example, limit)
        elif spec.overlong == "drop":
            reading.dropped["too-long"] += 1
        elif spec.overlong == "truncate" and (
                cut := fit_pair(example, limit) if isinstance(example, Pair) else fit(example, limit)):
            examples.append(cut)
        else:
            reading.findings.append(Finding(
                "too-long", f"the example has {example.longest} tokens, the limit is {limit}",
                where=f"{name}:{reading.lines[index]}", hint="shorten it, or set overlong to drop or truncate"))
    if reading.findings:
        raise TrainingError(Exit.DATA, code, _summary(reading.findings), param=param, where=reading.findings[0].where,
                      findings=reading.findings)
    trained = [example for example in examples if example.weight_sum > 0]
    reading.dropped["weights-zero"] += len(examples) - len(trained)
    if not trained:
        raise _nothing_left(reading, name, code, param)
    return DataSet(trained, +reading.dropped)


def _read(data: Data, name: str, spec: Spec, reading: _Reading, vocabulary: Vocabulary
          ) -> Iterator[tuple[Dialect, Example]]:
    """Yield the lines that can be trained on, chats as the model writes them; note the others.

    A preference makes two examples: first the preferred answer, then the other.
    """
    with data.path.open("rb") as stream, Renderer(cpu_seconds=TEMPLATE_SECONDS) as renderer:
        chat = ChatFormat(vocabulary, renderer, name=spec.base.name)
        for item in read_lines(stream, source=name, prompt_loss_weight=spec.prompt_loss_weight):
            if isinstance(item, Finding):
                if item.code == "weights-zero":
                    reading.dropped[item.code] += 1
                else:
                    reading.findings.append(item)
                continue
            line, dialect, example = item
            if dialect not in TRAINED[spec.method]:
                reading.findings.append(Finding(
                    "unknown-format", f"the method {spec.method} does not train {dialect} lines",
                    where=f"{name}:{line}", hint=INSTEAD[spec.method]))
                continue
            parts = both(example) if dialect == "preference" else ((dialect, example),)
            try:
                written = [(kind, chat_example(part, chat) if kind in CHATS else part) for kind, part in parts]
            except TemplateError as error:
                reading.findings.append(Finding("chat-template", str(error), where=f"{name}:{line}",
                                                hint="write the row for this model, or as prompt and completion"))
                continue
            reading.lines.append(line)
            yield from written


def chat_example(example: Example, chat: ChatFormat) -> Example:
    """Write the messages of an example as its model does; raises TemplateError if that model cannot."""
    segments = chat.segments(example_messages(example.segments), [segment.weight for segment in example.segments],
                             tools=example.tools)
    return example._replace(segments=tuple(segments))


def _check_hash(data: Data, name: str, code: Code, param: Param) -> None:
    try:
        with data.path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise TrainingError(Exit.DATA, code, f"{name} cannot be read ({error.strerror}).", param=param,
                            where=name) from error
    if data.sha256 not in (None, found):
        raise TrainingError(Exit.DATA, code, f"{name} is not the file the job was made with; its sha256 differs.",
                      param=param, where=name)


def _summary(findings: list[Finding]) -> str:
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"{findings[0]}{more}."


def _nothing_left(reading: _Reading, name: str, code: Code, param: Param) -> TrainingError:
    if reading.dropped["weights-zero"]:
        return TrainingError(Exit.DATA, "zero_weight", f"{name}: all loss weights are 0, so nothing would be learned; "
                             "give the texts to learn a weight above 0.", param=param, where=name)
    why = "every example is longer than max_tokens" if reading.dropped["too-long"] else "it holds no examples"
    return TrainingError(Exit.DATA, code, f"{name}: {why}.", param=param, where=name)
