"""The provider's models: bases, tuned ones and checkpoints."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pen_backend.errors import ConfigError, RefusedError
from pen_backend.service.context import Context
from pen_backend.service.registry import AnyFloat, rpc

if TYPE_CHECKING:
    from pen_backend.service.bases import Hub


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model: what it was made from, how (base, full or lora), when, and from which definition.

    `loss` is the last one of its training, of held-out texts where there are any, as far as it is known here;
    `parameters` are those of its own files.
    """

    id: str
    base: str | None
    kind: str
    created_at: int
    prompt: str | None = None
    loss: AnyFloat | None = None
    parameters: int | None = None


@dataclass(frozen=True, slots=True)
class ModelDetail(ModelSummary):
    """A model with its sizes and where it came from; what a provider does not say is None."""

    context_length: int | None = None
    vocab_size: int | None = None
    format_hash: str | None = None
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """A model's folder as it was written: its files, by name, and their bytes together."""

    model: str
    directory: Path
    files: list[str]
    bytes: int


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

    @rpc()
    def show(self, id: str) -> ModelDetail:  # noqa: A002 - the name on the wire
        """Describe one model: its base, its sizes, and the job that made it."""
        config = self._context.config
        model = self._context.client().model(config.model_name(id))
        own = model.get("pen") or {}
        summary = self._summary(model)
        entry = self._context.ledger.entry_of(summary.id)
        return ModelDetail(**{each.name: getattr(summary, each.name) for each in fields(ModelSummary)},
                           context_length=own.get("context_length"), vocab_size=own.get("vocab_size"),
                           format_hash=own.get("format_hash"), job=entry.job if entry else None)

    def offer(self, source: str, hub: "Hub | None" = None) -> dict[str, int] | None:
        """List what `add` would download of a model of the hub, in bytes by file; None for a folder of this machine."""
        from pen_backend.service import bases

        if not bases.is_hub_id(source):
            return None
        return bases.wanted((hub or bases.HuggingFace()).files(source), source)

    @rpc()
    def add(self, source: str, name: str | None = None, confirmed: bool = False) -> ModelSummary:
        """Make a model of others a base: a folder of this machine, or one of the hub as ORGANISATION/NAME.

        What comes from the hub is downloaded once, if CONFIRMED; nothing of it is ever run.
        """
        return self.add_from(source, name, confirmed=confirmed)

    def add_from(self, source: str, name: str | None, *, confirmed: bool, hub: "Hub | None" = None) -> ModelSummary:
        """Make a model of others a base, from a HUB of one's own."""
        from pen_backend.service import bases

        if not self._context.config.local:
            raise RefusedError(f"{self._context.config.provider} has its own models.",
                               hint="Only the local engine takes others.")
        folder, chosen = self._context.engine_state / "bases", hub or bases.HuggingFace()
        offered = self.offer(source, chosen)
        if offered is None:
            added = bases.link(source, name, folder)
        elif not confirmed:
            raise RefusedError(f"'{source}' is a download of {sum(offered.values()) / 1e6:,.1f} MB from the hub.",
                               hint="Confirm it.")
        else:
            added = bases.download(source, name, list(offered), folder, chosen, self._context.disk)
        return self._summary(self._context.client().model(added))

    @rpc()
    def delete(self, id: str) -> ModelSummary:  # noqa: A002 - the name on the wire
        """Delete a tuned model; bases stay, and so do jobs."""
        client = self._context.client()
        summary = self._summary(client.model(id))
        client.delete_model(id)
        return summary

    @rpc()
    def export(self, id: str, out: Path | None = None, merged: bool = False) -> Exported:  # noqa: A002 - as above
        """Write a local model into a plain folder that Hugging Face's libraries load: OUT, or one of its name here.

        A model that is an adapter becomes a PEFT folder, to be put on its base; MERGED makes it a whole model.
        """
        from pen_backend.service import exports

        config = self._context.config
        if not config.local:
            raise RefusedError(f"{config.provider} does not hand its models out.",
                               hint="Only local models are exported.")
        client = self._context.client()
        name = str(client.model(config.model_name(id))["id"])
        directory = out or (self._context.project or Path.cwd()) / exports.folder_name(name)
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise ConfigError(f"{directory} is there already.", hint="Name another directory.")
        files = exports.unpack(client.export(name, merged=merged), directory, self._context.disk)
        return Exported(name, directory, sorted(files), sum(files.values()))

    def _summary(self, model: Mapping[str, Any]) -> ModelSummary:
        name = str(model["id"])
        own = model.get("pen") or {}
        tuned = name.startswith("ft:")
        entry = self._context.ledger.entry_of(name) if tuned else None
        base = own.get("base") or (name.split(":")[1] if tuned else None)
        return ModelSummary(id=name, base=base, kind=str(own.get("kind") or ("full" if tuned else "base")),
                            created_at=int(model.get("created") or 0),
                            prompt=own.get("prompt") or (entry.prompt if entry else None),
                            loss=entry.loss if entry else None, parameters=own.get("parameters"))
