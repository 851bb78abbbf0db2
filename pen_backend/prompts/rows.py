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
_Write = Callable[[Mapping[str, object]], Segment | None]


def maker(definition: Definition, weights: Sequence[float], names: Sequence[str]) -> Make:
    """Return a function that makes a row of a record's values, its origin, and weights of its own if it has any.

    NAMES are the variables to fill; other values are left alone.
    """

    def by_template(values: Mapping[str, object], origin: Origin, own: Sequence[float] | None) -> Example:
        given = {name: values[name] for name in names if name in values}
        return template.example(definition, given, own or weights, origin=origin)

    if not _is_plain(definition) or weights_problem(tuple(weights), len(definition.pieces)):
        return by_template
    writers = [_writer(definition, piece, float(weight))
               for piece, weight in zip(definition.pieces, weights, strict=True)]

    def by_parts(values: Mapping[str, object], origin: Origin, own: Sequence[float] | None) -> Example:
        segments = []
        for write in writers:
            segment = write(values)
            if segment is None:
                return by_template(values, origin, own)
            segments.append(segment)
        return by_template(values, origin, own) if own else Example(tuple(segments), origin=origin)

    return by_parts


def _is_plain(definition: Definition) -> bool:
    """Say whether the texts are the values themselves, with the definition's own words and boundary around them."""
    variables = [part for piece in definition.pieces for part in piece.parts if isinstance(part, Variable)]
    return (definition.is_trainable and definition.messages is None and definition.ancestor is None
            and definition.class_map is None and not definition.prompt_filter
            and not any(one.preprocessor or one.type not in ("string", "text") for one in variables))


def _writer(definition: Definition, piece: Piece, weight: float) -> _Write:
    """Return what writes one piece; None instead of a segment for values that `template` has to look at."""
    form = definition.format
    parts, ends = piece.parts, piece.last and piece.bounded
    keep_end = piece.generate and definition.no_trim_end
    before = form.completion_start if piece.generate and piece.first else ""
    after = (form.completion_end or "") if piece.generate and piece.last else ""
    strip_start = piece.generate and piece.first and not definition.no_trim_start
    strip_end = (piece.last and not definition.no_trim_end) if piece.generate else ends
    if not piece.generate and ends:
        after = form.prompt_end
    fill = _filler(parts, keep_end)

    def write(values: Mapping[str, object]) -> Segment | None:
        text = fill(values)
        if text is None:
            return None
        if strip_end:
            text = text.rstrip()
        if strip_start:
            text = text.lstrip()
        if not text and not piece.first:  # the white space before it stands at the end of another text
            return None
        return Segment(before + text + after, weight)

    constant = None if any(isinstance(part, Variable) for part in parts) else write({})
    return write if constant is None else lambda values: constant


def _filler(parts: Parts, keep_end: bool) -> Callable[[Mapping[str, object]], str | None]:
    """Return what puts texts between a piece's own words; None for a value that is no ordinary text."""
    names = [(part, None) if isinstance(part, str) else (part.name, part.type == "string") for part in parts]

    def value_of(values: Mapping[str, object], name: str, one_line: bool) -> str | None:
        text = values.get(name)
        if type(text) is not str or "\r" in text:
            return None
        text = text if keep_end else text.rstrip("\n")
        return None if one_line and "\n" in text else text

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
