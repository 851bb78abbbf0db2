"""All steps of a job: length buckets of whole examples, or windows."""

from collections.abc import Sequence
from typing import cast

from pen_backend.engine.nn.batches import Item, Plan, plan_buckets
from pen_backend.engine.nn.spec import Spec
from pen_backend.engine.nn.tokenise import Encoded
from pen_backend.engine.nn.windows import Windows


def plan_steps(examples: Sequence[Item], spec: Spec, context: int) -> Plan:
    """Cut a job's examples into its steps; CONTEXT is the most tokens that the model reads at once."""
    if spec.batch.kind != "windows":
        return plan_buckets(examples, spec.batch, n_epochs=spec.n_epochs, seed=spec.seed)
    return Windows(spec.n_epochs, spec.seed, spec.batch.token_budget or 4096, cast("Sequence[Encoded]", examples),
                   min(spec.max_tokens, context), spec.batch.size or 1)
