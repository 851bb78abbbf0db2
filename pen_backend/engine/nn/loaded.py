"""The models a worker holds: loaded on demand, bases shared by their adapters, least recently used out first."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from pen_backend.engine.nn.chat import ChatFormat
from pen_backend.engine.nn.folder import read_model_folder
from pen_backend.engine.nn.models import load_model
from pen_backend.engine.nn.rendering import Renderer
from pen_backend.engine.nn.vocabulary import Vocabulary

HELD_BYTES = 2 << 30
SMALL = 500_000_000
"""Models of fewer parameters compute in fp32, which the training machine's own answers are equal to."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a request calls a model: its id, the folder of its weights, and perhaps an adapter's."""

    id: str
    path: Path
    adapter: Path | None

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Reference":
        """Read it from a frame."""
        adapter = value.get("adapter")
        return cls(value["id"], Path(value["path"]), Path(adapter) if adapter else None)


@dataclass(slots=True)
class Base:
    """A loaded base with the adapters put on it so far, by folder, and the one that is switched on."""

    model: PreTrainedModel
    vocabulary: Vocabulary
    context_length: int
    chat: ChatFormat
    adapters: dict[Path, str] = field(default_factory=dict)
    peft: Any = None
    active: Path | None = None

    @property
    def bytes(self) -> int:
        """Count the bytes of its weights, adapters included."""
        return sum(parameter.nbytes for parameter in self.model.parameters())

    def use(self, adapter: Path | None) -> None:
        """Switch to an adapter, or to none, before a forward; requests take turns on one base."""
        if adapter == self.active:
            return
        if adapter is None:
            self.peft.base_model.disable_adapter_layers()
        else:
            self.peft.base_model.enable_adapter_layers()
            self.peft.set_adapter(self.adapters[adapter])
        self.active = adapter

    def add(self, adapter: Path) -> None:
        """Load an adapter; it becomes the active one."""
        from pen_backend.engine.nn.adapters import add_adapter, load_adapter  # the import takes a second

        name = f"adapter{len(self.adapters)}"
        if self.peft is None:
            self.peft = load_adapter(self.model, adapter, self.model.device, name=name)
        else:
            add_adapter(self.peft, adapter, self.model.device, name=name)
        self.adapters[adapter] = name
        self.model.eval()
        self.active = None if len(self.adapters) > 1 else adapter
        self.use(adapter)


class Models:
    """Bases by folder, the least recently used first; `names` are the ids they were asked for by."""

    def __init__(self, device: torch.device, *, held_bytes: int = HELD_BYTES) -> None:
        self._device = device
        self._held_bytes = held_bytes
        self._bases: OrderedDict[Path, Base] = OrderedDict()
        self._renderer = Renderer()
        self.names: dict[str, Reference] = {}

    def get(self, reference: Reference) -> Base:
        """Return the model's base with its adapter loaded; load what is missing, put out what does not fit."""
        base = self._bases.get(reference.path)
        if base is None:
            folder = read_model_folder(reference.path)
            dtype = torch.float32 if folder.parameters < SMALL else torch.bfloat16
            vocabulary = Vocabulary(reference.path)
            base = Base(load_model(reference.path, self._device, dtype), vocabulary, folder.context_length,
                        ChatFormat(vocabulary, self._renderer))
            self._bases[reference.path] = base
        self._bases.move_to_end(reference.path)
        if reference.adapter and reference.adapter not in base.adapters:
            base.add(reference.adapter)
        self.names[reference.id] = reference
        self._make_room()
        return base

    def forget(self, name: str) -> None:
        """Drop a model id; its base leaves memory when no other id needs it."""
        reference = self.names.pop(name, None)
        if reference and all(other.path != reference.path for other in self.names.values()):
            self._bases.pop(reference.path, None)

    def close(self) -> None:
        """End the process that renders chats, if there is one."""
        self._renderer.close()

    def _make_room(self) -> None:
        """Drop the least recently used bases above the limit; requests in progress keep theirs until they end."""
        while len(self._bases) > 1 and sum(base.bytes for base in self._bases.values()) > self._held_bytes:
            path, _ = self._bases.popitem(last=False)
            self.names = {name: reference for name, reference in self.names.items() if reference.path != path}
