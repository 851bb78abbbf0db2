"""Turn items into examples: one a record, or a random number of texts with more of the same type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from pen_backend.dataset.record import Item, Side
from pen_backend.errors import PromptError
from pen_backend.prompts import placeholders, template
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.placeholders import Parts
from pen_backend.prompts.training import ExampleSpec, Opening, TrainingSpec
from pen_backend.prompts.variables import Variable
from pen_backend.records import Example, Origin


@dataclass(frozen=True, slots=True)
class Bundle:
    """The items of one example, in order, and how many of them are the prompt."""

    items: tuple[int, ...]
    prompt: int
    group: str


def weights_of(definition: Definition, spec: TrainingSpec) -> tuple[float, ...]:
    """Return the loss weight of each segment: the example's, else the segment's own, the job's for prompts and 1."""
    if spec.example.loss_weights is not None:
        return tuple(float(weight) for weight in spec.example.loss_weights)
    return template.default_weights(definition, spec.prompt_loss_weight)


def continuation(definition: Definition, items: Sequence[Item], bundle: Bundle, weights: Sequence[float]) -> Example:
    """Render a bundle: the first texts fill the prompt's list, the others the completion's."""
    prompt, completion = lists_of(definition)
    texts = [items[index].text for index in bundle.items]
    values: Mapping[str, object] = {prompt.name: texts[:bundle.prompt], completion.name: texts[bundle.prompt:]}
    return template.example(definition, values, weights, origin=_origin([items[index] for index in bundle.items]),
                            group=bundle.group or None)


def lists_of(definition: Definition) -> tuple[Variable, Variable]:
    """Find the list that a continuation fills in the prompt, and the one in the completion."""
    found = [_only_list(definition, "prompt", definition.prompt_parts),
             _only_list(definition, "completion", definition.completion_parts)]
    return found[0], found[1]


def _only_list(definition: Definition, name: str, parts: Parts) -> Variable:
    lists = [one for one in placeholders.used(parts) if one.type == "list"]
    others = [one.name for one in placeholders.used(parts) if one.type != "list" and one.default is None]
    if len(lists) == 1 and not others:
        return lists[0]
    reason = f"it has no value for {', '.join(others)}" if others else f"there are {len(lists)} lists in the {name}"
    raise PromptError(f"A continuation needs one list variable in the {name}; {reason}.", where=definition.where(name),
                      hint="Give the variable `type: list`, or use `build: row`.")


def group_of(item: Item, spec: ExampleSpec) -> str:
    """Name the group of an item: its first words, or a field; all items are one group without `group-by`."""
    if isinstance(spec.group_by, Opening):
        return " ".join(item.text.casefold().split(maxsplit=spec.group_by.opening)[:spec.group_by.opening])
    return "" if spec.group_by is None else str(item.fields.get(spec.group_by, ""))


def bundles(members: Sequence[int], keys: Sequence[str], groups: Sequence[str], spec: ExampleSpec, seed: int,
            side: Side, lengths: Sequence[int] | None = None) -> tuple[list[Bundle], list[int]]:
    """Put the items of one side into bundles of one group each; return them and the items left over.

    Items stand in hash order in their group. Groups too small for a bundle are pooled. Nothing here is drawn from a
    generator: sizes come from hashes, so that they are the same on every machine. With LENGTHS, the tokens of each
    item, a bundle takes no more than fit into `max-tokens`.
    """
    least = spec.count[0]
    by_group: dict[str, list[int]] = {}
    for index in members:
        by_group.setdefault(groups[index], []).append(index)
    pool: list[int] = []
    found: list[Bundle] = []
    for group, indices in by_group.items():
        if len(indices) < least:
            pool += indices
        else:
            pool += _cut(group, indices, found, keys, spec, seed, side, lengths)
    # No group begins with a NUL, so the pool's hashes are its own.
    left = _cut("\0pool", pool, found, keys, spec, seed, side, lengths) if len(pool) >= least else pool
    return found, sorted(left)


def _cut(group: str, indices: list[int], found: list[Bundle], keys: Sequence[str], spec: ExampleSpec, seed: int,
         side: Side, lengths: Sequence[int] | None) -> list[int]:
    """Append a group's bundles to FOUND; return the few items at its end that are too few for one."""
    least, most = spec.count
    low, high = spec.share
    ordered = sorted(indices, key=lambda index: (_hash("item", seed, keys[index]), index))
    start = number = 0
    while len(ordered) - start >= least:
        left = len(ordered) - start
        size, share = _hash("bundle", seed, side, group, number)
        count = min(least + size % (most - least + 1), left)
        if 0 < left - count < least:  # leave no rest that is too small, if the range allows it
            count = left if left <= most else max(count - (least - (left - count)), least)
        if lengths is not None and spec.max_tokens is not None:
            while count > least and sum(lengths[index] for index in ordered[start:start + count]) > spec.max_tokens:
                count -= 1
        prompt = round(count * (low + (high - low) * share / 2**32))
        found.append(Bundle(tuple(ordered[start:start + count]), min(max(prompt, 1), count - 1),
                            "" if group == "\0pool" else group))
        start += count
        number += 1
    return ordered[start:]


def _hash(*parts: object) -> tuple[int, int]:
    digest = blake2b("\0".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:], "big")


def _origin(items: Sequence[Item]) -> Origin:
    """Name the place of a bundle: its first record's, so that one can go there."""
    return items[0].origin

