"""What can be said of a job before it is queued, without torch: check.json."""

from typing import Any

from pen_backend.engine.nn.data import SHOWN, DataSet
from pen_backend.engine.nn.folder import read_adapter_config
from pen_backend.engine.nn.material import read_material
from pen_backend.engine.nn.memory import memory_bytes
from pen_backend.engine.nn.outcome import TrainingError
from pen_backend.engine.nn.spec import Spec
from pen_backend.errors import Finding
from pen_backend.words import count

FEW_EXAMPLES = 10


def check(spec: Spec) -> dict[str, Any]:
    """Read and encode everything a job names; return what check.json holds, or raise TrainingError."""
    if spec.adapter:
        read_adapter_config(spec.adapter.path)
    material = read_material(spec)
    train, valid, classes, plan = material.train, material.valid, material.classes, material.plan
    return {
        "examples": len(train.examples),
        "tokens": train.tokens,
        "scored_tokens": sum(example.scored for example in train.examples),
        "longest": train.longest,
        "steps_per_epoch": plan.steps_per_epoch,
        "total_steps": plan.total_steps,
        "token_budget": plan.token_budget,
        "memory_bytes": memory_bytes(material.folder, spec, plan, train.longest),
        "dropped": dict(train.dropped),
        "valid_examples": len(valid.examples) if valid else 0,
        "classes": list(classes.names) if classes else None,
        "valid_tokens": valid.tokens if valid else 0,
        "findings": [to_json(finding) for finding in warnings(train, valid)],
    }


def check_failure(failure: TrainingError) -> dict[str, Any]:
    """Shape a refusal as check.json: the first findings, and how many there are."""
    return {**failure.to_json(), "finding_count": len(failure.findings),
            "findings": [to_json(finding) for finding in failure.findings[:SHOWN]]}


def warnings(train: DataSet, valid: DataSet | None) -> list[Finding]:
    """Say what does not stop a job but should be known before it starts."""
    found = []
    if len(train.examples) < FEW_EXAMPLES:
        found.append(Finding("few-examples", f"only {count(len(train.examples), 'training example')}; hosted "
                             f"services want at least {FEW_EXAMPLES}", level="warning"))
    for name, data in (("training", train), ("validation", valid)):
        for reason, dropped in sorted(data.dropped.items()) if data else ():
            found.append(Finding(reason, f"{count(dropped, f'{name} example')} left out: {reason}", level="warning"))
    return found


def to_json(finding: Finding) -> dict[str, str | None]:
    """Shape a finding for check.json."""
    return {"code": finding.code, "level": finding.level, "message": finding.message, "where": finding.where,
            "hint": finding.hint}
