"""The models a worker holds: loaded on demand, bases shared by their adapters, least recently used out first."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from pen_backend.engine.nn.batching import Batch
from pen_backend.engine.nn.chat import ChatFormat
from pen_backend.engine.nn.folder import read_model_folder
from pen_backend.engine.nn.generation import Decoder, Options, Row
from pen_backend.engine.nn.llama import read_llama
from pen_backend.engine.nn.loras import Loras, read_changes
from pen_backend.engine.nn.models import load_model
from pen_backend.engine.nn.padded import PaddedDecoder
from pen_backend.engine.nn.rendering import Renderer
from pen_backend.engine.nn.sampling import Sampling
from pen_backend.engine.nn.slots import SlotDecoder
from pen_backend.engine.nn.vocabulary import Vocabulary

HELD_BYTES = 2 << 30
SMALL = 500_000_000
"""Models of fewer parameters compute in fp32, which the training machine's own answers are equal to."""
PROBE = 16
"""Tokens of the text by which two ways of reading a model are compared."""


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


class Base:
    """A loaded base with the adapters put on it so far, and the batches in which it writes.

    Most models and adapters are read by `slots.py`, all in one batch; what it does not know goes through the library,
    where rows with other adapters take turns.
    """

    def __init__(self, model: PreTrainedModel, vocabulary: Vocabulary, context_length: int, chat: ChatFormat) -> None:
        self.vocabulary = vocabulary
        self.context_length = context_length
        self.chat = chat
        self._model = model
        self._peft: Any = None
        self._adapters: dict[Path, str] = {}
        self._active: Path | None = None
        self._lock = threading.Lock()
        llama = read_llama(model)
        self._loras = None if llama is None else Loras(llama)
        self._packed = 0 if llama is None else llama.packed_bytes
        self._slots: Batch | None = None
        if llama is not None and self._loras is not None and agrees(model, SlotDecoder(llama, self._loras)):
            self._slots = Batch(SlotDecoder(llama, self._loras))
        self._padded = Batch(PaddedDecoder(model, vocabulary.pad, using=self._using))

    @property
    def bytes(self) -> int:
        """Count the bytes of its weights, those kept in halves too, and of its adapters."""
        return self._packed + (self._loras.bytes if self._loras else 0) + sum(
            parameter.nbytes for parameter in self._model.parameters())

    def has(self, adapter: Path | None) -> bool:
        """Tell whether an adapter is on it."""
        return adapter is None or adapter in self._adapters or (self._loras is not None and adapter in self._loras)

    def batch(self, adapter: Path | None) -> Batch:
        """Return the batch in which rows with an adapter are written."""
        return self._padded if self._slots is None or adapter in self._adapters else self._slots

    def add(self, adapter: Path) -> None:
        """Load an adapter."""
        changes = None if self._slots is None else read_changes(adapter)
        if changes is not None and self._loras is not None and self._loras.add(adapter, changes):
            return
        from pen_backend.engine.nn.adapters import add_adapter, load_adapter  # the import takes a second

        name = f"adapter{len(self._adapters)}"
        with self._lock:
            if self._peft is None:
                self._peft = load_adapter(self._model, adapter, self._model.device, name=name)
            else:
                add_adapter(self._peft, adapter, self._model.device, name=name)
            self._adapters[adapter] = name
            self._model.eval()
            self._active = adapter
            self._switch(adapter)

    @contextmanager
    def _using(self, adapter: Path | None) -> Iterator[None]:
        """Switch to an adapter, or to none, for a forward; meanwhile none is added."""
        with self._lock:
            if adapter != self._active:
                self._active = adapter
                self._switch(adapter)
            yield

    def _switch(self, adapter: Path | None) -> None:
        if adapter is None:
            self._peft.base_model.disable_adapter_layers()
        else:
            self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(self._adapters[adapter])


class Models:
    """Bases by folder, the least recently used first; `names` are the ids they were asked for by.

    Loading takes seconds, so another thread may do it: `get` loads, one model at a time, `find` never waits for it.
    """

    def __init__(self, device: torch.device, *, held_bytes: int = HELD_BYTES) -> None:
        self._device = device
        self._held_bytes = held_bytes
        self._bases: OrderedDict[Path, Base] = OrderedDict()
        self._renderer = Renderer()
        self._loading = threading.Lock()
        self._changing = threading.Lock()
        self.names: dict[str, Reference] = {}

    def find(self, reference: Reference) -> Base | None:
        """Return the model's base if it is loaded with its adapter."""
        with self._changing:
            base = self._bases.get(reference.path)
            if base is None or not base.has(reference.adapter):
                return None
            self._bases.move_to_end(reference.path)
            self.names[reference.id] = reference
            return base

    def get(self, reference: Reference) -> Base:
        """Return the model's base with its adapter loaded; load what is missing, put out what does not fit."""
        with self._loading:
            base = self._bases.get(reference.path)
            if base is None:
                base = self._load(reference.path)
            if reference.adapter is not None and not base.has(reference.adapter):
                base.add(reference.adapter)
            with self._changing:
                self._bases[reference.path] = base
                self._bases.move_to_end(reference.path)
                self.names[reference.id] = reference
                self._make_room()
            return base

    def forget(self, name: str) -> None:
        """Drop a model id; its base leaves memory when no other id needs it."""
        with self._changing:
            reference = self.names.pop(name, None)
            if reference and all(other.path != reference.path for other in self.names.values()):
                self._bases.pop(reference.path, None)

    def close(self) -> None:
        """End the process that renders chats, if there is one."""
        self._renderer.close()

    def _load(self, path: Path) -> Base:
        folder = read_model_folder(path)
        dtype = torch.float32 if folder.parameters < SMALL else torch.bfloat16
        vocabulary = Vocabulary(path)
        return Base(load_model(path, self._device, dtype), vocabulary, folder.context_length,
                    ChatFormat(vocabulary, self._renderer))

    def _make_room(self) -> None:
        """Drop the least recently used bases above the limit; requests in progress keep theirs until they end."""
        while len(self._bases) > 1 and sum(base.bytes for base in self._bases.values()) > self._held_bytes:
            path, _ = self._bases.popitem(last=False)
            self.names = {name: reference for name, reference in self.names.items() if reference.path != path}


@torch.no_grad()
def agrees(model: PreTrainedModel, decoder: Decoder) -> bool:
    """Tell whether a decoder finds the library's logits for a row, a prompt and then a token at a time."""
    size = model.config.get_text_config().vocab_size
    ids = [(7 * i * i + 3) % size for i in range(PROBE)]
    row = Row(ids, 0, 0, PROBE, Options(Sampling(), frozenset()))
    found = [decoder.feed([(row, ids[start:end])]) for start, end in ((0, PROBE - 2), (PROBE - 2, PROBE - 1),
                                                                    (PROBE - 1, PROBE))]
    wanted = model(torch.tensor([ids], device=model.device), use_cache=False).logits[0, -3:].float()
    allowed = 1e-4 if wanted.dtype == model.dtype else 0.02 * float(wanted.abs().max())
    return bool(((torch.cat(found).float() - wanted).abs() <= allowed).all())
