"""Any causal language model as a decoder, by the library's own forward and cache.

Rows that come together stay together: prompts of unlike length are padded on the left, so that all grow at the same
end. Each such group takes a forward of its own; models that `slots.py` knows do without groups.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from pen_backend.engine.nn.generation import Copy, Part, Row

CHUNK = 2048


@dataclass(slots=True)
class _Group:
    """Rows that grow together, and what is in their cache, padding included: (B, T), None without padding."""

    rows: list[Row]
    cache: DynamicCache
    mask: Tensor | None


class PaddedDecoder:
    """The library's forward over groups of rows; USING opens what it needs around it to be that of an adapter."""

    chunk = CHUNK
    parallel = 16
    copy: Copy | None = None  # each group has a cache of its own

    def __init__(self, model: PreTrainedModel, pad: int, *,
                 using: Callable[[Path | None], AbstractContextManager[Any]] = nullcontext) -> None:
        self._model = model
        self._pad = pad
        self._using = using
        self._groups: list[_Group] = []

    @torch.no_grad()
    def feed(self, parts: Sequence[Part]) -> Tensor:
        """Read whole prompts of new rows, and the next token of the others; return the last logits, (B, V)."""
        ids = dict(parts)
        known = {row for group in self._groups for row in group.rows}
        for adapter in dict.fromkeys(row.options.adapter for row in ids if row not in known):
            rows = [row for row in ids if row not in known and row.options.adapter == adapter]
            self._groups.append(_Group(rows, DynamicCache(config=self._model.config), None))
        found: dict[Row, Tensor] = {}
        for group in self._groups:
            if group.rows[0] in ids:
                found.update(zip(group.rows, self._forward(group, [ids[row] for row in group.rows]), strict=True))
        return torch.stack([found[row] for row in ids])

    def leave(self, row: Row) -> None:
        """Take a row out of its group."""
        for group in self._groups:
            if row in group.rows:
                keep = [i for i, other in enumerate(group.rows) if other is not row]
                group.rows = [group.rows[i] for i in keep]
                if keep:
                    chosen = torch.tensor(keep, device=self._model.device)
                    group.cache.batch_select_indices(chosen)
                    group.mask = None if group.mask is None else group.mask[chosen]
        self._groups = [group for group in self._groups if group.rows]

    @torch.no_grad()
    def score(self, prompts: Sequence[Sequence[int]], adapter: Path | None) -> list[Tensor]:
        """Return the logits of each place of some texts, (T, V) for each."""
        width = max(len(prompt) for prompt in prompts)
        ids = self._tensor([[*prompt, *[self._pad] * (width - len(prompt))] for prompt in prompts])
        mask = None
        if any(len(prompt) < width for prompt in prompts):
            mask = self._tensor([[1] * len(prompt) + [0] * (width - len(prompt)) for prompt in prompts])
        with self._using(adapter):
            logits = self._model(input_ids=ids, attention_mask=mask, use_cache=False).logits  # (B, T, V)
        return [row[: len(prompt)] for prompt, row in zip(prompts, logits, strict=True)]

    def _forward(self, group: _Group, given: Sequence[Sequence[int]]) -> Tensor:
        """Run the next ids through the model and the group's cache; return the last position's logits, (B, V)."""
        width = max(len(one) for one in given)
        ids = self._tensor([[*[self._pad] * (width - len(one)), *one] for one in given])  # (B, T)
        if any(len(one) < width for one in given):
            group.mask = self._tensor([[0] * (width - len(one)) + [1] * len(one) for one in given])
        elif group.mask is not None:
            group.mask = torch.cat([group.mask, group.mask.new_ones(len(given), width)], dim=1)
        positions = None if group.mask is None else (group.mask.cumsum(-1) - 1).clamp(min=0)[:, -width:]
        with self._using(group.rows[0].options.adapter):
            output = self._model(input_ids=ids, attention_mask=group.mask, position_ids=positions,
                                 past_key_values=group.cache, use_cache=True, logits_to_keep=1)
        return output.logits[:, -1]  # type: ignore[no-any-return]  # the output class leaves its tensors untyped

    def _tensor(self, rows: Sequence[Sequence[int]]) -> Tensor:
        return torch.tensor(rows, device=self._model.device)
