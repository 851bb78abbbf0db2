"""Measurements of models on held-out rows."""

from dataclasses import dataclass
from typing import Literal

from pen_backend.errors import DataError
from pen_backend.service.context import Context
from pen_backend.service.registry import Events, rpc


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How well a model predicts held-out completions with their end, unweighted; nll is nats per token."""

    model: str
    bits_per_byte: float
    nll: float
    tokens: int
    bytes: int
    examples: int
    left_out: int


class Evaluations:
    """Measures models."""

    def __init__(self, context: Context) -> None:
        """CONTEXT is shared by all services."""
        self._context = context

    @rpc(stream=True)
    def likelihood(self, model: str, plan: str, side: Literal["valid", "train"] = "valid", *,
                   events: Events) -> Likelihood:
        """Score a training set's completions by a model: bits per byte over all of them."""
        from pen_backend.evaluation import likelihood
        from pen_backend.records import read_lines

        path = self._context.find_plan(plan) / f"{side}.jsonl"
        if not path.is_file():
            raise DataError(f"The training set has no {side}.jsonl.", where=str(path.parent))
        client = self._context.client(lambda text: events.send("log", what="text", level="info", text=text))
        name = self._context.config.model_name(model)
        about = client.model(name).get("pen") or {}
        examples = []
        with path.open("rb") as stream:
            for row in read_lines(stream, source=path.name):
                if not isinstance(row, tuple):
                    raise DataError(row.message, where=row.where, hint=row.hint, findings=[row])
                examples.append(row[2])
        result = likelihood.likelihood(
            client, name, examples, self._context.encoder(name), beginning=about.get("bos_token_id"),
            context=about.get("context_length"), cancelled=lambda: events.cancelled,
            progress=lambda done: events.send("progress", done=done, total=len(examples), unit="examples"))
        return Likelihood(model=name, bits_per_byte=result.bits_per_byte, nll=result.nll, tokens=result.tokens,
                          bytes=result.bytes, examples=len(result.scored), left_out=result.left_out)
