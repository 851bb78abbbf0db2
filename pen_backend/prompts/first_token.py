"""Whether class labels differ in their first token, and what to write where they do not (datasets.md, section 9).

A class is often read from the first token after the prompt alone. Which labels share one depends on the vocabulary:
of the numbers 1 to 99 after a space none do in r50k_base, and all of them do in cl100k_base, where the space stands
alone.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from pen_backend.tokens import Encoder

STARTS = ("", " ", "\n")  # texts that a completion may begin with


def shared(encoder: Encoder, prompt: str, completions: Mapping[str, str]) -> list[list[str]]:
    """Group the labels whose completions (label → text after PROMPT) begin with one and the same token.

    Counted in context: after some prompts a completion begins inside a token. Labels with a token of their own are
    left out.
    """
    rows = {label: encoder.encode(prompt + text) for label, text in completions.items()}
    alone = encoder.encode(prompt)
    # Up to here all rows say the same, or less than the prompt by itself.
    begin = next((place for place, token in enumerate(alone)
                  if any(row[place:place + 1] != [token] for row in rows.values())), len(alone))
    groups: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for label, row in rows.items():
        groups[tuple(row[begin:begin + 1])].append(label)
    return [labels for labels in groups.values() if len(labels) > 1]


def remedies(encoder: Encoder, prompt: str, labels: Sequence[str], start: str, end: str) -> Iterator[str]:
    """Yield what would make LABELS differ, in the order in which to try it, each as what to write in a definition.

    START and END are the format's completion-start and completion-end now. The last remedy always works.
    """
    texts = {"text": {label: label for label in labels},
             "number": {label: str(number) for number, label in enumerate(labels, 1)}}
    for encode, written in texts.items():
        for begin in dict.fromkeys((start, *STARTS)):
            if not shared(encoder, prompt, {label: begin + text + end for label, text in written.items()}):
                yield f"encode: {encode} with completion-start: {json.dumps(begin)}"
                break
    yield "compare whole labels at evaluation, not first tokens"
