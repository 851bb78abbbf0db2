"""The manifest: what a build was made from and what it holds; no time, no absolute path, no user name."""

import contextlib
import hashlib
import sys
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from pen_backend import __version__
from pen_backend.dataset.classes import Counts, to_manifest
from pen_backend.dataset.inputs import Inputs
from pen_backend.dataset.output import Written
from pen_backend.dataset.record import Side
from pen_backend.dataset.report import Report
from pen_backend.prompts import template
from pen_backend.prompts.training import TrainingSpec
from pen_backend.tokens import fingerprint

FORMAT_VERSION = 3


def build_id(inputs: Inputs) -> str:
    """Name a build by everything that decides its bytes."""
    definition, encoder = inputs.definition, inputs.encoder
    identity = {
        "format_version": FORMAT_VERSION,
        "version": __version__,
        "name": definition.set_name,
        "prompt": definition.name,
        "format": template.hashed(definition),
        "training": _plain(inputs.spec),
        "sources": [[one.document.name, one.document.sha256, one.name] for one in inputs.opened],
        "tokenizer": [encoder.name, fingerprint(encoder)],
        "others": list(inputs.others()),
    }
    return hashlib.sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def manifest_of(inputs: Inputs, report: Report, outputs: Sequence[Written], units: Mapping[Side, Sequence[int]],
                identity: str, labels: Counts) -> dict[str, object]:
    """Collect the manifest of a build; names that are hidden are not in it."""
    definition, spec, hide, encoder = inputs.definition, inputs.spec, inputs.hide, inputs.encoder
    sources = {one.name: one for one in report.sources}
    return {
        "build_id": identity,
        "format_version": FORMAT_VERSION,
        "version": __version__,
        "name": definition.set_name,
        "prompt": definition.name,
        "definition": _plain(spec) if hide is None else hide.plain(_plain(spec)),
        "anonymised": hide is not None,
        "format_hash": template.format_hash(definition),
        "format": template.hashed(definition),
        "classes": to_manifest(definition, labels),
        "seed": spec.seed,
        "edits": inputs.edits.to_manifest(),
        "tokenizer": {"name": encoder.name, "fingerprint": fingerprint(encoder)},
        "sources": [{"path": one.document.name, "reader": one.name, "bytes": one.document.size,
                     "sha256": one.document.sha256, "records": sources[one.document.name].read,
                     "terms": one.source.terms} for one in inputs.opened],
        "counts": {"items": dict(report.items), "examples": dict(report.examples),
                   "rejected": {one.name: dict(sorted(one.rejected.items())) for one in report.sources},
                   "steps": {step: dict(counts) for step, counts in report.steps.items()}},
        "outputs": [one.to_json() for one in outputs],
        "sides": {side: _packed(keys) for side, keys in units.items()},
    }


def sides_of(manifest: Mapping[str, object], side: Side) -> "array[int]":
    """Return the keys of the units that a build has on a side, in order; none if the manifest does not say."""
    sides = manifest.get("sides")
    packed = str(sides.get(side)) if isinstance(sides, dict) else ""
    keys = array("Q")
    with contextlib.suppress(ValueError):
        keys.frombytes(bytes.fromhex(packed))
        _swap(keys)
    return keys


def _packed(keys: Sequence[int]) -> str:
    """Write keys as one text of 16 hex digits each: a list of a million takes ten times the memory."""
    return _swap(array("Q", keys)).tobytes().hex()


def _swap(keys: "array[int]") -> "array[int]":
    if sys.byteorder == "little":
        keys.byteswap()
    return keys


def read_manifest(directory: Path) -> Mapping[str, object] | None:
    """Read a published build's manifest; None if there is none that is whole."""
    try:
        manifest = orjson.loads((directory / "manifest.json").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return manifest if isinstance(manifest, dict) and (directory / "report.json").is_file() else None


def read_whole(directory: Path) -> tuple[Mapping[str, object], Report] | None:
    """Read a published build's manifest and report; None unless every output is byte for byte what was built."""
    manifest = read_manifest(directory)
    if manifest is None:
        return None
    try:
        outputs = manifest["outputs"]
        if not isinstance(outputs, list):
            return None
        for output in outputs:
            with (directory / output["name"]).open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != output["sha256"]:
                    return None
        return manifest, Report.from_json(orjson.loads((directory / "report.json").read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _plain(spec: TrainingSpec) -> dict[str, object]:
    """Write a `training:` block as JSON, without texts and paths: the sources' hashes say what was read."""
    plain: dict[str, object] = spec.model_dump(mode="json", by_alias=True)
    plain["sources"] = [source.model_dump(mode="json", by_alias=True, exclude={"path", "text"})
                        for source in spec.sources]
    output = plain["output"]
    if isinstance(output, dict):
        output.pop("dir", None)
    return plain
