"""Rules that need a vocabulary, that of the model which will read the texts (prompts.md, section 6).

They run when a person asks for lint, not whenever a definition is loaded: a vocabulary takes a tenth of a second.
"""

from collections.abc import Iterator, Mapping

from pen_backend.errors import DataError, Finding
from pen_backend.prompts import template
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.template import Rendered
from pen_backend.tokens import Encoder

Values = Mapping[str, object]


def findings(definition: Definition, encoder: Encoder) -> Iterator[Finding]:
    """Check a definition's own examples with the vocabulary of its model; without enough of them there is nothing."""
    examples = {variable.name: variable.example for variable in definition.vars if variable.example is not None}
    try:
        rendered = template.render(definition, examples)
    except DataError:  # an example is missing; one that is wrong was found when the definition was loaded
        return
    if rendered.completion is not None:
        yield from _boundary(definition, rendered, encoder)
        yield from _length(definition, examples, rendered.completion, encoder)


def meets(encoder: Encoder, prompt: str, completion: str) -> bool:
    """Say whether prompt and completion keep their own tokens when they stand together."""
    return encoder.encode(prompt) + encoder.encode(completion) == encoder.encode(prompt + completion)


def _boundary(definition: Definition, rendered: Rendered, encoder: Encoder) -> Iterator[Finding]:
    """Compare the tokens of the pieces with those of the whole: in training they are pieces, in use a whole."""
    if not meets(encoder, rendered.prompt, rendered.completion or ""):
        yield Finding("boundary-tokens", f"with the vocabulary of {encoder.name} the example's completion begins "
                      "with another token in training than in use", definition.where("format"),
                      'begin the completion with its own token, as `completion-start: " "` does', "warning")


def _length(definition: Definition, examples: Values, completion: str, encoder: Encoder) -> Iterator[Finding]:
    """Compare the example's completion, its end included, with what the model may write."""
    allowed = template.request(definition, examples).get("max_tokens")
    needed = encoder.count(completion)
    if allowed is not None and needed > allowed:
        yield Finding("max-tokens-short", f"the example's completion has {needed} tokens with its end (vocabulary of "
                      f"{encoder.name}), but max-tokens is {allowed}", definition.where("max-tokens"),
                      f"raise max-tokens to at least {needed}", "warning")
