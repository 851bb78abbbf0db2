"""What a job is: a training set, a model to start from, and options of the one table in `records`."""

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pen_backend.errors import BadParamsError, DataError, Finding, NotFoundError
from pen_backend.files import advice_on_reading, instead_of_file
from pen_backend.jobs.options import check_together, counted, merged
from pen_backend.records import check_hyperparameters, read_lines

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_FILE_ID = re.compile(r"file-[A-Za-z0-9]+")
STANDARD = ("n_epochs", "batch_size", "learning_rate_multiplier")  # OpenAI's own; every other option is pen's
SEPARATE = ("model", "suffix", "seed")                             # fields of the request itself


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job that has not been launched: files, model and the options that were given.

    A file that is a text is the id of one that was uploaded before.
    """

    model: str
    train: Path | str
    valid: Path | str | None
    options: Mapping[str, Any]
    metadata: Mapping[str, str]
    prompt: str | None = None
    plan: Path | None = None
    method: str = "supervised"

    def __post_init__(self) -> None:
        """Refuse options that are not in the table or do not fit together."""
        check_hyperparameters(self.options)
        check_together(self.options, method=self.method, has_valid=self.valid is not None)

    def on(self, model: str) -> "JobSpec":
        """Return the same job from another model."""
        return replace(self, model=model)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The options OpenAI's API has; `auto` is its word for one that is not given."""
        return {name: self.options.get(name) or "auto" for name in STANDARD}

    @property
    def own_options(self) -> dict[str, Any]:
        """The options only pen's engine has."""
        return {name: value for name, value in self.options.items() if name not in (*STANDARD, *SEPARATE, "beta")}

    def request(self, training_file: str, validation_file: str | None, *, local: bool) -> dict[str, Any]:
        """Build the body of a job creation."""
        beta = {"beta": self.options.get("beta") or "auto"} if self.method == "dpo" else {}
        body: dict[str, Any] = {
            "model": self.model,
            "training_file": training_file,
            "method": {"type": self.method, self.method: {"hyperparameters": {**self.hyperparameters, **beta}}},
            "metadata": dict(self.metadata),
        }
        if validation_file is not None:
            body["validation_file"] = validation_file
        body.update({name: self.options[name] for name in ("suffix", "seed") if name in self.options})
        if local and self.own_options:
            body["extra_body"] = {"pen": self.own_options}
        return body


def from_plan(directory: Path, *, default_model: str, valid: Path | None = None,
              overrides: Mapping[str, Any] | None = None) -> JobSpec:
    """Make the job of a published training set; OVERRIDES win over its `job:` block, None means not given.

    VALID is validated on instead of what the training set holds out.
    """
    if valid is not None:
        _refuse_unreadable(valid)
    manifest_bytes, manifest = _manifest(directory)
    outputs = {output["name"]: output for output in manifest["outputs"]}
    train = _verified(directory, "train.jsonl", outputs)
    if train is None:
        if shards := sum(name.startswith("train-") for name in outputs):
            raise DataError(f"The training set is in {shards} files, and a job takes one.", where=str(directory),
                            hint="Raise `output: {shard-mb: …}` in its definition, and build it again.")
        raise DataError("The training set has no train.jsonl.", where=str(directory), hint="Build it again.")
    definition = manifest.get("definition")
    options = merged(definition.get("job") if isinstance(definition, dict) else None, overrides)
    prompt = manifest.get("prompt")
    metadata = {"pen.format_hash": manifest.get("format_hash"), "pen.prompt": prompt,
                "pen.dataset": hashlib.sha256(manifest_bytes).hexdigest()}
    return JobSpec(
        model=str(options.pop("model", default_model)),
        train=train,
        valid=valid or _verified(directory, "valid.jsonl", outputs),
        options=counted(options, train),
        metadata={key: str(value) for key, value in metadata.items() if value},
        prompt=prompt,
        plan=directory,
        method=_method(train),
    )


def from_files(train: Path | str, valid: Path | str | None, *, default_model: str,
               overrides: Mapping[str, Any] | None = None, metadata: Mapping[str, str] | None = None) -> JobSpec:
    """Make the job of training files that no definition has built."""
    for path in (train, valid):
        if isinstance(path, Path):
            _refuse_unreadable(path)
    options = merged({}, overrides)
    known = {"pen.dataset": hashlib.sha256(_bytes(train)).hexdigest()} if isinstance(train, Path) else {}
    return JobSpec(model=str(options.pop("model", default_model)), train=train, valid=valid,
                   options=counted(options, train), metadata={**known, **(metadata or {})},
                   method=_method(train) if isinstance(train, Path) else "supervised")


def _refuse_unreadable(path: Path) -> None:
    """Refuse a file that is not there, or is none, or that nobody lets us read."""
    if odd := instead_of_file(path):
        raise NotFoundError(f"The training file {odd}.", where=str(path), hint="Name a file.")
    if not path.is_file():
        raise NotFoundError("There is no such training file.", where=str(path), hint="Check its name.")
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        raise NotFoundError(f"The training file cannot be read: {error.strerror}.", where=str(path),
                            hint=advice_on_reading(error)) from error


def source_file(given: str) -> Path | str:
    """Read what the older tools take as a file: a path, or the id of an uploaded file; an address is refused."""
    if _ADDRESS.match(given):
        raise BadParamsError(f"'{given}' is an address; training files are not fetched from elsewhere.",
                             hint="Download it first, as with curl -O, and give the file.")
    return given if _FILE_ID.fullmatch(given) and not Path(given).exists() else Path(given)


def _manifest(directory: Path) -> tuple[bytes, dict[str, Any]]:
    path = directory / "manifest.json"
    data = _bytes(path)
    with contextlib.suppress(ValueError, TypeError, KeyError):
        manifest = json.loads(data)
        if all(isinstance(output["name"], str) for output in manifest["outputs"]):
            return data, manifest
    raise DataError("The training set's manifest cannot be read.", where=str(path), hint="Build it again.")


def _verified(directory: Path, name: str, outputs: Mapping[str, Any]) -> Path | None:
    """Return an output's path, or None if it has no rows; refuse one that is not what was built and shown."""
    output = outputs.get(name)
    if output is None or not output.get("rows"):
        return None
    path = directory / name
    if hashlib.sha256(_bytes(path)).hexdigest() != output["sha256"]:
        raise DataError(f"{name} is not what was built: its sha256 differs from the manifest's.", where=str(path),
                        hint="Build the training set again, or launch the edited file by its own path.")
    return path


def _method(train: Path) -> str:
    """Tell how to train on a file: on preferences if its first row is one."""
    with train.open("rb") as stream:
        first = next((item for item in read_lines(stream, source=train.name) if not isinstance(item, Finding)), None)
    return "dpo" if first is not None and first[1] == "preference" else "supervised"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError("A file of the training set cannot be read.", where=str(path)) from error
