"""The provider's models: bases, tuned ones and checkpoints."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pen_backend.service.context import Context
from pen_backend.service.registry import rpc


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model: what it was made from, how (base, full or lora), when, and from which definition."""

    id: str
    base: str | None
    kind: str
    created_at: int
    prompt: str | None = None


Summaries = list[ModelSummary]


class Models:
    """What completions and jobs may name."""

    def __init__(self, context: Context) -> None:
        """CONTEXT is shared by all services."""
        self._context = context

    @rpc()
    def list(self) -> Summaries:
        """List the provider's models, newest first."""
        models = [self._summary(model) for model in self._context.client().models()]
        return sorted(models, key=lambda model: (-model.created_at, model.id))

    def _summary(self, model: Mapping[str, Any]) -> ModelSummary:
        name = str(model["id"])
        own = model.get("pen") or {}
        tuned = name.startswith("ft:")
        entry = self._context.ledger.entry_of(name) if tuned else None
        base = own.get("base") or (name.split(":")[1] if tuned else None)
        return ModelSummary(id=name, base=base, kind=str(own.get("kind") or ("full" if tuned else "base")),
                            created_at=int(model.get("created") or 0),
                            prompt=own.get("prompt") or (entry.prompt if entry else None))
