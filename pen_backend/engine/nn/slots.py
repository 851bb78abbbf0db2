"""Models of Llama's kind as decoders: a static cache with a slot for each row, which joins and leaves at any step.

Every step reads a few tokens of some rows. All tokens go through the matrices together; only attention looks at rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import embedding, rms_norm, scaled_dot_product_attention, silu

from pen_backend.engine.nn.cache import SlotCache
from pen_backend.engine.nn.generation import Part, Row
from pen_backend.engine.nn.llama import Layer, Llama, Matrix
from pen_backend.engine.nn.loras import Delta, Loras

ON_CPU = (64, 32)
"""Tokens of prompts in a step, and rows side by side: a step there is to take some ten milliseconds at most."""
ELSEWHERE = (2048, 128)


@dataclass(frozen=True, slots=True)
class _Step:
    """What a step reads: for each part how many tokens, its slot, and how much of the row is read then.

    PLACES is where all its tokens, (N,), are kept, if they are; then come their rotations, (N, 1, D).
    """

    counts: list[int]
    slots: list[int]
    ends: list[int]
    places: tuple[Tensor, Tensor] | None
    cosines: Tensor
    sines: Tensor
    delta: Delta | None
    masks: list[Tensor | None]
    """What each part may look at, (count, T), where that is neither all nor what is before it in the part itself."""
    side_by_side: bool = False
    """Whether it is one token of each of the first slots, in their order."""
    mask: Tensor | None = None
    """Hides then, (B · H, 1, T), what is no text of the shorter ones."""


class SlotDecoder:
    """A model of Llama's kind that reads rows into the slots of one cache."""

    def __init__(self, model: Llama, loras: Loras) -> None:
        self.chunk, self.parallel = ON_CPU if model.embedding.device.type == "cpu" else ELSEWHERE
        self._model = model
        self._loras = loras
        self._device = model.embedding.device
        self._scale = model.head_dim ** -0.5
        self._groups = model.heads // model.key_heads
        self._cache = SlotCache(len(model.layers), model.key_heads, model.head_dim, like=model.embedding)
        self._turns = self._signed(256)

    def copy(self, row: Row, to: Row) -> None:
        """Let a new row begin with all that has been read of another."""
        self._cache.copy(row, to)

    @torch.inference_mode()
    def feed(self, parts: Sequence[Part]) -> Tensor:
        """Read the next tokens of some rows; return the logits behind each, (B, V)."""
        slots = [self._cache.slot(row) for row, _ in parts]
        starts = [self._cache.lengths[slot] for slot in slots]
        counts = [len(ids) for _, ids in parts]
        ends = [start + count for start, count in zip(starts, counts, strict=True)]
        self._cache.reach(max(ends))
        delta = self._loras.delta([row.options.adapter for row, _ in parts], counts)
        if max(counts) == 1 and sorted(slots) == list(range(len(slots))):
            order = sorted(range(len(slots)), key=slots.__getitem__)
            positions = self._tensor([starts[i] for i in order])
            if delta is not None and order != list(range(len(order))):
                delta = self._loras.delta([parts[i][0].options.adapter for i in order], counts)
            mask = self._mask(positions, max(ends)) if min(ends) < max(ends) else None
            step = _Step(counts, slots, ends, self._cache.places(None, positions),
                         *self._rotation(positions, max(ends)), delta, [], side_by_side=True, mask=mask)
            logits = self._run(self._tensor([parts[i][1][0] for i in order]), step)
            logits = logits if order == list(range(len(order))) else logits[self._tensor(slots)]
        else:
            positions = torch.cat([torch.arange(start, end, device=self._device)
                                   for start, end in zip(starts, ends, strict=True)])
            of_token = self._tensor(slots).repeat_interleave(self._tensor(counts))
            step = _Step(counts, slots, ends, self._cache.places(of_token, positions),
                         *self._rotation(positions, max(ends)), delta, list(map(self._visible, counts, ends)))
            logits = self._run(self._tensor([token for _, ids in parts for token in ids]), step,
                               last=self._tensor(counts).cumsum(0) - 1)
        for slot, end in zip(slots, ends, strict=True):
            self._cache.lengths[slot] = end
        return logits

    def leave(self, row: Row) -> None:
        """Free a row's slot."""
        self._cache.free(row)

    @torch.inference_mode()
    def score(self, prompts: Sequence[Sequence[int]], adapter: Path | None) -> list[Tensor]:
        """Return the logits of each place of some texts, (T, V) for each; no slot is used."""
        counts = [len(prompt) for prompt in prompts]
        positions = torch.cat([torch.arange(count, device=self._device) for count in counts])
        step = _Step(counts, [], counts, None, *self._rotation(positions, max(counts)),
                     self._loras.delta([adapter] * len(prompts), counts), [None] * len(counts))
        logits = self._run(self._tensor([token for prompt in prompts for token in prompt]), step)
        return list(logits.split(counts))

    def _run(self, ids: Tensor, step: _Step, *, last: Tensor | None = None) -> Tensor:
        """Run tokens, (N,), through the model; return the logits of all of them, or of those that are LAST."""
        model = self._model
        hidden = embedding(ids, model.embedding)  # (N, H)
        for number, layer in enumerate(model.layers):
            normed = rms_norm(hidden, hidden.shape[-1:], layer.before, model.epsilon)
            hidden = hidden + self._attention(normed, number, layer, step)
            normed = rms_norm(hidden, hidden.shape[-1:], layer.between, model.epsilon)
            gate, up = _product(normed, layer.gates, step.delta, number, 2).chunk(2, dim=-1)
            hidden = hidden + _product(silu(gate) * up, layer.down, step.delta, number, 3)
        if last is not None:
            hidden = hidden[last]
        return model.head(rms_norm(hidden, hidden.shape[-1:], model.norm, model.epsilon))

    def _attention(self, normed: Tensor, number: int, layer: Layer, step: _Step) -> Tensor:
        model = self._model
        flat = _product(normed, layer.inputs, step.delta, number, 0)
        heads = flat.view(len(flat), -1, model.head_dim)  # (N, heads of queries, keys and values, D)
        turned = heads[:, : model.heads + model.key_heads]
        if layer.query_norm is not None and layer.key_norm is not None:
            query, key = turned.split([model.heads, model.key_heads], dim=1)
            turned = torch.cat([rms_norm(query, query.shape[-1:], layer.query_norm, model.epsilon),
                                rms_norm(key, key.shape[-1:], layer.key_norm, model.epsilon)], dim=1)
        turned = torch.addcmul(turned * step.cosines, turned.roll(model.head_dim // 2, -1), step.sines)
        query, key = turned[:, : model.heads], turned[:, model.heads :]
        value = heads[:, model.heads + model.key_heads :]
        if step.places is not None:
            self._cache.write(number, step.places, key, value)
        if step.side_by_side:
            attended = self._attend_side_by_side(number, query, step)
        else:
            attended = self._attend_by_row(number, query, key, value, step)
        return _product(attended, layer.output, step.delta, number, 1)

    def _attend_side_by_side(self, number: int, query: Tensor, step: _Step) -> Tensor:
        """Let one token of each row, (B, heads, D), look at all of its row."""
        rows, length = len(query), max(step.ends)
        keys, values = self._cache.first(number, rows, length)  # (B · H, T, D)
        query = query.reshape(len(keys), self._groups, -1)
        if step.mask is None:
            scores = torch.bmm(query * self._scale, keys.transpose(1, 2))  # (B · H, heads that share a key, T)
        else:
            scores = torch.baddbmm(step.mask, query, keys.transpose(1, 2), alpha=self._scale)
        shares = scores.softmax(-1, dtype=torch.float32).to(values.dtype)
        return torch.bmm(shares, values).view(rows, -1)

    def _attend_by_row(self, number: int, query: Tensor, key: Tensor, value: Tensor, step: _Step) -> Tensor:
        """Let the tokens of each part look at what is before them in its row: tokens just read, or all in its slot."""
        found, at = [], 0
        for place, (count, end) in enumerate(zip(step.counts, step.ends, strict=True)):
            mine = slice(at, at + count)
            at += count
            if count == end:
                keys, values = key[mine].transpose(0, 1), value[mine].transpose(0, 1)  # (H, T, D)
            else:
                keys, values = self._cache.row(number, step.slots[place], end)
            attended = scaled_dot_product_attention(
                query[None, mine].transpose(1, 2), keys[None], values[None], attn_mask=step.masks[place],
                is_causal=count == end, enable_gqa=self._groups > 1)
            found.append(attended[0].transpose(0, 1).reshape(count, -1))
        return found[0] if len(found) == 1 else torch.cat(found)

    def _visible(self, count: int, end: int) -> Tensor | None:
        """Let the last tokens of a row look at what is before each of them."""
        if count in (1, end):
            return None
        return torch.ones(count, end, dtype=torch.bool, device=self._device).tril(end - count)

    def _mask(self, positions: Tensor, length: int) -> Tensor:
        """Hide what lies behind each position."""
        hidden = torch.arange(length, device=self._device) > positions[:, None]  # (B, T)
        mask = torch.zeros(hidden.shape, dtype=self._model.embedding.dtype, device=self._device)
        return mask.masked_fill_(hidden, float("-inf")).repeat_interleave(self._model.key_heads, 0)[:, None]

    def _rotation(self, positions: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Return cosines and sines of positions below LENGTH, (N, 1, D), the sines of the first half negative."""
        if length > len(self._turns[0]):
            self._turns = self._signed(max(length, 2 * len(self._turns[0])))
        cosines, sines = self._turns
        return cosines[positions, None], sines[positions, None]

    def _signed(self, length: int) -> tuple[Tensor, Tensor]:
        cosines, sines = self._model.turns(length)
        sines = sines.clone()
        sines[:, : sines.shape[1] // 2] *= -1
        return cosines, sines

    def _tensor(self, values: Sequence[int]) -> Tensor:
        return torch.tensor(values, device=self._device)


def _product(inputs: Tensor, matrix: Matrix, delta: Delta | None, layer: int, place: int) -> Tensor:
    """Multiply (N, in) by a matrix, adapters included: (N, out)."""
    found = matrix.product(inputs)
    return found if delta is None else delta.add(found, inputs, layer, place)
