"""Rules that need a vocabulary, that of the model which will read the texts (prompts.md, section 6).

They run when a person asks for lint, not whenever a definition is loaded: a vocabulary takes a tenth of a second.
"""

from collections.abc import Iterator, Mapping, Sequence

from pen_backend.errors import Finding, PenError
from pen_backend.prompts import first_token, placeholders, template
from pen_backend.prompts.definition import Definition
from pen_backend.tokens import Encoder
from pen_backend.words import count

BOUNDARY_SHARE = 0.005  # of the pairs may meet in another token than in use
Values = Mapping[str, object]
Pairs = Sequence[tuple[str, str]]


def findings(definition: Definition, encoder: Encoder) -> Iterator[Finding]:
    """Check a definition's own examples with the vocabulary of its model; without enough of them there is nothing.

    A chat's boundary is its model's own, so that nothing can be counted here.
    """
    if definition.messages is not None or not definition.is_trainable:
        return
    examples = {variable.name: variable.example for variable in definition.vars if variable.example is not None}
    try:
        labelled = list(_labelled(definition, examples))
        rendered = [template.render(definition, values) for values in (examples, *(values for _, values in labelled))]
        allowed = template.request(definition, examples).get("max_tokens")
    except PenError:  # an example is missing, or labels cannot be read: the other rules say what is wrong
        return
    pairs = [(one.prompt, one.completion) for one in rendered if one.completion is not None]
    if not pairs:
        return
    prompt = pairs[0][0]
    yield from _boundary(definition, pairs, encoder)
    yield from _length(definition, allowed, [completion for _, completion in pairs], encoder)
    yield from _first_token(definition, prompt, dict(zip([label for label, _ in labelled],
                                                         [completion for _, completion in pairs[1:]], strict=True)),
                            encoder)


def meets(encoder: Encoder, prompt: str, completion: str) -> bool:
    """Say whether prompt and completion keep their own tokens when they stand together."""
    return encoder.encode(prompt) + encoder.encode(completion) == encoder.encode(prompt + completion)


def _labelled(definition: Definition, examples: Values) -> Iterator[tuple[str, Values]]:
    """Yield each label of a classification, with the examples in which it is the answer."""
    written = placeholders.used(definition.completion_parts)
    if definition.class_map is not None:
        name, labels = definition.class_map.variable, definition.class_map.labels or ()
    elif len(written) == 1 and written[0].choices:
        name, labels = written[0].name, written[0].choices
    else:
        return
    for label in labels:
        yield label, {**examples, name: label}


def _boundary(definition: Definition, pairs: Pairs, encoder: Encoder) -> Iterator[Finding]:
    """Compare the tokens of the pieces with those of the whole: in training they are pieces, in use a whole."""
    apart = sum(not meets(encoder, prompt, completion) for prompt, completion in pairs)
    if apart > BOUNDARY_SHARE * len(pairs):
        which = "the example's completion begins" if len(pairs) == 1 else f"{apart} of {len(pairs)} completions begin"
        yield Finding("boundary-tokens", f"with the vocabulary of {encoder.name} {which} with another token in "
                      "training than in use", definition.where("format"),
                      'begin the completion with a token of its own, as `completion-start: " "` does', "warning")


def _length(definition: Definition, allowed: int | None, completions: Sequence[str], encoder: Encoder,
            ) -> Iterator[Finding]:
    """Compare the longest of the completions, its end included, with what the model may write."""
    needed = max(map(encoder.count, completions))
    if allowed is not None and needed > allowed:
        yield Finding("max-tokens-short", f"an example's completion has {count(needed, 'token')} with its end "
                      f"(vocabulary of {encoder.name}), but max-tokens is {allowed}", definition.where("max-tokens"),
                      f"raise max-tokens to at least {needed}", "warning")


def _first_token(definition: Definition, prompt: str, completions: Mapping[str, str], encoder: Encoder,
                 ) -> Iterator[Finding]:
    """Keep classes apart by the first token after the prompt, from which class metrics may read them."""
    groups = first_token.shared(encoder, prompt, completions)
    if not groups:
        return
    shown = " and ".join(repr(label) for label in groups[0][:2])
    more = sum(map(len, groups)) - 2
    form = definition.format
    fix = next(first_token.remedies(encoder, prompt, list(completions), form.completion_start,
                                    form.completion_end or ""))
    yield Finding("first-token", f"with the vocabulary of {encoder.name} the labels {shown}"
                  f"{f' (and {more} more)' if more else ''} begin with the same token", definition.where("classes"),
                  fix, "warning")
