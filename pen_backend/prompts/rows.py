"""Make many training rows of one definition: what depends on the definition alone is worked out once.

The texts are those of `template.example`, which also writes every row that is out of the ordinary; a property test
compares the two.
"""

from collections.abc import Callable, Mapping, Sequence

from pen_backend.prompts import template
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.forms import Piece
from pen_backend.prompts.placeholders import Parts
from pen_backend.prompts.training import weights_problem
from pen_backend.prompts.variables import Variable
from pen_backend.records import Example, Origin, Segment

Make = Callable[[Mapping[str, object], Origin, Sequence[float] | None], Example]
Texts = Callable[[Mapping[str, object]], list[str] | None]
_Write = Callable[[Mapping[str, object]], str | None]


def maker(definition: Definition, weights: Sequence[float], names: Sequence[str]) -> Make:
    """Return a function that makes a row of a record's values, its origin, and weights of its own if it has any.

    NAMES are the variables to fill; other values are left alone.
    """

    def by_template(values: Mapping[str, object], origin: Origin, own: Sequence[float] | None) -> Example:
        given = {name: values[name] for name in names if name in values}
        return template.example(definition, given, own or weights, origin=origin)

    texts_of = texter(definition, weights)
    if texts_of is None:
        return by_template
    numbers = [float(weight) for weight in weights]

    def by_texts(values: Mapping[str, object], origin: Origin, own: Sequence[float] | None) -> Example:
        texts = None if own else texts_of(values)
        if texts is None:
            return by_template(values, origin, own)
        return Example(tuple(map(Segment, texts, numbers)), None, None, None, None, {}, origin)

    return by_texts


def texter(definition: Definition, weights: Sequence[float]) -> Texts | None:
    """Return a function that writes the texts of a row; it gives None for values that `template` has to look at.

    None if that is so for all: the definition does more to values than to put its own words around them, or the
    weights are wrong.
    """
    if not _is_plain(definition) or weights_problem(tuple(weights), len(definition.pieces)):
        return None
    return _texter(definition, definition.pieces)


def asker(definition: Definition) -> Callable[[Mapping[str, object]], str | None]:
    """Return a function that writes what is asked with a record's values; None where `template` has to look at them."""
    if not _is_plain(definition):
        return lambda values: None
    texts_of = _texter(definition, definition.pieces[:definition.asking])

    def ask(values: Mapping[str, object]) -> str | None:
        texts = texts_of(values)
        return None if texts is None else "".join(texts)

    return ask


def _texter(definition: Definition, pieces: Sequence[Piece]) -> Texts:
    writers = [_writer(definition, piece) for piece in pieces]

    def texts_of(values: Mapping[str, object]) -> list[str] | None:
        texts = []
        for constant, write in writers:
            text = constant or write(values)
            if text is None:
                return None
            texts.append(text)
        return texts

    return texts_of


def _is_plain(definition: Definition) -> bool:
    """Say whether the texts are the values themselves, with the definition's own words and boundary around them."""
    variables = [part for piece in definition.pieces for part in piece.parts if isinstance(part, Variable)]
    return (definition.is_trainable and definition.messages is None and definition.ancestor is None
            and definition.class_map is None and not definition.prompt_filter
            and not any(one.preprocessor or one.type not in ("string", "text") for one in variables))


def _writer(definition: Definition, piece: Piece) -> tuple[str | None, _Write]:
    """Return the text of one piece if it is always the same, and what writes it."""
    form = definition.format
    ends = piece.last and piece.bounded
    keep_end = piece.generate and definition.no_trim_end
    strip_start = piece.generate and piece.first and not definition.no_trim_start
    strip_end = (piece.last and not definition.no_trim_end) if piece.generate else ends
    before = form.completion_start if piece.generate and piece.first else ""
    after = ((form.completion_end or "") if piece.last else "") if piece.generate else form.prompt_end if ends else ""
    fill, may_be_empty = _filler(piece.parts, keep_end), piece.first

    def write(values: Mapping[str, object]) -> str | None:
        text = fill(values)
        if text is None:
            return None
        if strip_end:
            text = text.strip() if strip_start else text.rstrip()
        elif strip_start:
            text = text.lstrip()
        if text or may_be_empty:  # else the white space before it stands at the end of another text
            return before + text + after
        return None

    constant = None if any(isinstance(part, Variable) for part in piece.parts) else write({})
    return constant, write


def _filler(parts: Parts, keep_end: bool) -> Callable[[Mapping[str, object]], str | None]:
    """Return what puts texts between a piece's own words; it gives None for a value that is no ordinary text."""

    def value_of(values: Mapping[str, object], name: str, one_line: bool) -> str | None:
        text = values.get(name)
        if type(text) is not str or "\r" in text:
            return None
        if "\n" in text:
            text = text if keep_end else text.rstrip("\n")
            if one_line and "\n" in text:
                return None
        return text

    names = [(part, None) if isinstance(part, str) else (part.name, part.type == "string") for part in parts]
    if len(names) == 1 and names[0][1] is not None:
        name, one_line = names[0]
        return lambda values: value_of(values, name, one_line)

    def fill(values: Mapping[str, object]) -> str | None:
        texts = []
        for part, line in names:
            text = part if line is None else value_of(values, part, line)
            if text is None:
                return None
            texts.append(text)
        return "".join(texts)

    return fill
