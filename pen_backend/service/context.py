"""What every service shares: settings, directories, and lazily the client, the engine, the ledger and vocabularies.

Light at import: a room that needs yaml, pydantic, openai or tiktoken is imported by the method that uses it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING

from pen_backend import config as settings
from pen_backend.errors import AuthError, ConfigError, NotFoundError
from pen_backend.files import Disk, expanded
from pen_backend.service.keys import OPENAI, Keys, host_of
from pen_backend.service.library import Library

if TYPE_CHECKING:
    from pen_backend.client import Client
    from pen_backend.config import Config, Directories
    from pen_backend.engine_process import EngineProcess
    from pen_backend.jobs.ledger import Ledger
    from pen_backend.prices import Prices
    from pen_backend.prompts.definition import Definition
    from pen_backend.secrets import Secret
    from pen_backend.tokens import Encoder


class Context:
    """Compose the rooms below once for a process; methods may be called from any thread."""

    def __init__(self, config: Config | None = None, *, directories: Directories | None = None,
                 environ: MutableMapping[str, str] | None = None, project: Path | None = None,
                 engine_state: Path | None = None, engine_port: int | None = None,
                 engine_remote: bool = False, disk: Disk | None = None,
                 connect: Callable[[Context, Callable[[str], None]], Client] | None = None) -> None:
        """CONFIG is read at first use when absent. PROJECT, which may have `prompts/`, is for callers that name none.

        ENGINE_STATE is the local engine's own directory (default: the data directory), ENGINE_PORT the port it is
        started with (default: the system chooses), ENGINE_REMOTE lets it listen to other machines. CONNECT makes the
        client; a test hands in one that talks to a scripted server.
        """
        self.environ: MutableMapping[str, str] = os.environ if environ is None else environ
        self.directories = directories or settings.directories(self.environ)
        self.project = project
        self.disk = disk or Disk()
        self.engine_state = engine_state or self.directories.data
        self._engine_port = engine_port
        self._engine_remote = engine_remote
        self.keys = Keys(self.environ)
        self._config = config
        self._connect = connect or _connect
        self._engine: EngineProcess | None = None
        self._client: Client | None = None
        self._ledger: Ledger | None = None
        self._encoders: dict[str, Encoder] = {}
        self._lock = threading.RLock()

    @property
    def config(self) -> Config:
        """The settings, read at first use."""
        with self._lock:
            if self._config is None:
                self._config = settings.load(self.environ, path=self.directories.config / "config.yaml")
            return self._config

    @property
    def datasets(self) -> Path:
        """The directory that holds builds, one directory an id, unless a definition or argument names another."""
        return self.directories.data / "datasets"

    @property
    def prices(self) -> Prices:
        """What models cost: the user's prices.yaml before the list that comes with pen, read when it is asked for."""
        from pen_backend import prices

        return prices.load(self.directories.config / "prices.yaml")

    def engine(self) -> EngineProcess:
        """Return the handle of the local engine's process; finds and starts nothing by itself."""
        from pen_backend.engine_process import EngineProcess

        with self._lock:
            if self._engine is None:
                shared = self.engine_state == self.directories.data
                self._engine = EngineProcess(
                    self.engine_state, log=self.directories.state / "engine.log", environ=self.environ,
                    runtime=self.directories.runtime / "engine.json" if shared else None,
                    idle_minutes=self.config.engine_idle_minutes, parallel_jobs=self.config.engine_parallel_jobs,
                    port=self._engine_port, allow_remote=self._engine_remote)
            return self._engine

    def client(self, say: Callable[[str], None] = lambda text: None) -> Client:
        """Return the provider's client; starts the local engine when it is not running, telling SAY first."""
        with self._lock:
            client = self._client
        if client is not None and client.alive():
            return client
        client = self._connect(self, say)
        with self._lock:
            self._client = client
        return client

    def key(self, url: str) -> Secret | None:
        """Return the key of the provider at URL, None if there is none; AuthError if it cannot do without."""
        found = self.keys.find(url)
        if found is None and host_of(url) == OPENAI:
            raise AuthError(f"There is no key for {OPENAI}.",
                            hint=f"Put it into auth-source, OPENAI_API_KEY, or the file {self.keys.file}.")
        return found.key if found else None

    @property
    def ledger(self) -> Ledger:
        """The jobs launched from here, remembered on disk."""
        with self._lock:
            if self._ledger is None:
                from pen_backend.jobs.ledger import Ledger

                self._ledger = Ledger(self.directories.state / "jobs", self.disk)
            return self._ledger

    def library(self, project: Path | None = None) -> Library:
        """Return the definitions that are found from PROJECT, a directory; from this context's own without one."""
        return Library(project or self.project, self._own_prompts())

    def encoder(self, model: str | None = None) -> Encoder:
        """Return what counts and encodes a model's tokens (default: the configured model), without a network."""
        name = self.config.model_name(model or self.config.model)
        with self._lock:
            if name not in self._encoders:
                self._encoders[name] = self._load_encoder(name)
            return self._encoders[name]

    def base_file(self, model: str, name: str) -> Path | None:
        """Find the file NAME of a local base, or of the base that a local model was tuned from."""
        base = model.split(":")[1] if model.startswith("ft:") and model.count(":") >= 2 else model
        packaged = Path(settings.__file__).parent / "engine" / "base"
        paths = [folder / base / name for folder in (self.engine_state / "bases", packaged)]
        return next((path for path in paths if _is_id(base) and path.is_file()), None)

    def hosted_encoder(self, model: str) -> Encoder:
        """Return what counts the tokens of a hosted model, whatever provider is configured."""
        from pen_backend import tokens

        return tokens.encoding(_hosted_encoding(model))

    def encoder_at_hand(self, model: str) -> Encoder | None:
        """Return the encoder of a model without asking or starting anything; None if it is not on this machine."""
        name = self.config.model_name(model)
        if self.config.local and name not in self._encoders and self.base_file(name, "tokenizer.json") is None:
            return None
        try:
            return self.encoder(model)
        except ConfigError:  # the packages that carry the hosted vocabularies are an extra
            return None

    def model_of(self, definition: Definition, client: Client | None = None) -> str:
        """Choose the model of a definition that the caller names none for: its own, the newest tuned, the default.

        With a CLIENT the provider is asked which jobs have ended; without one the ledger answers as it last knew.
        """
        if definition.model:
            return self.config.model_name(definition.model)
        engine = definition.ancestor.engine if definition.ancestor is not None else None
        if engine is not None and (alias := self.config.alias(engine)) is not None:
            return alias
        return self.tuned_model(definition.name, client) or self.config.model_name(self.config.model)

    def tuned_model(self, prompt: str, client: Client | None = None) -> str | None:
        """Find the newest model tuned from the definition named PROMPT, or None."""
        if client is None:
            return self.ledger.newest_model(prompt, provider="local" if self.config.local else None)
        jobs = client.jobs(limit=100, metadata={"pen.prompt": prompt})
        for job in jobs:
            self.ledger.saw(job)
        tuned = {str(job["fine_tuned_model"]): job.get("finished_at") or 0 for job in jobs
                 if job["status"] == "succeeded" and job.get("fine_tuned_model")}
        if tuned:
            there = {str(model["id"]) for model in client.models()}  # a model may have been deleted since
            tuned = {name: finished for name, finished in tuned.items() if name in there}
        return max(tuned, key=lambda name: tuned[name]) if tuned else None

    def find_plan(self, plan: str) -> Path:
        """Find a build's directory by its id or path."""
        candidates = [self.datasets / plan, *sorted(self.datasets.glob(f"*/{plan}"))] if _is_id(plan) else [Path(plan)]
        for path in candidates:
            if (path / "manifest.json").is_file():
                return path.resolve()
        raise NotFoundError(f"There is no training set '{plan}'.",
                            hint="Build it first: `pen dataset build`, or M-x pen-dataset-region in Emacs.")

    def _own_prompts(self) -> Path:
        named = self.config.prompts_directory
        return expanded(named) if named else self.directories.config / "prompts"

    def _load_encoder(self, name: str) -> Encoder:
        from pen_backend import tokens

        if not self.config.local:
            return tokens.encoding(_hosted_encoding(name))
        if path := self.base_file(name, "tokenizer.json"):
            return tokens.from_tokenizer_json(path, path.parent.name)
        return tokens.from_tokenizer_json(self.client().tokenizer(name), name)


def _is_id(text: str) -> bool:
    """Say whether TEXT is one plain path component: a name to look up, never a way out of a directory."""
    return text not in ("", ".", "..") and all(sign.isalnum() or sign in "._-" for sign in text)


def _hosted_encoding(model: str) -> str:
    """Name the encoding of a hosted model, or of the base it was tuned from (datasets.md, section 11)."""
    base = model.split(":")[1] if model.startswith("ft:") else model.partition(":ft-")[0]
    if base.startswith(("gpt-4o", "gpt-4.1", "gpt-5", "o1", "o3", "o4")):
        return "o200k_base"
    if base in ("text-davinci-002", "text-davinci-003"):
        return "p50k_base"
    return "r50k_base" if base in ("ada", "babbage", "curie", "davinci") else "cl100k_base"


def _connect(context: Context, say: Callable[[str], None]) -> Client:
    """Make the configured provider's client; the local engine is started first."""
    from pen_backend.client import Client

    if context.config.local:
        running = context.engine().ensure(say)
        return Client(running.base_url, running.token, local=True, alive=running.alive)
    url = context.config.base_url
    return Client(url, context.key(url), local=False)
