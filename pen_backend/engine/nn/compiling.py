"""Whether torch.compile pays on an accelerator: measured on the job's own batches, once, and kept for later attempts.

Compiled kernels round otherwise than the library's, so the choice is a part of what decides the weights: it is made
before the first step and written beside the spec. Where a whole job takes little longer than compiling, nothing is
tried. A CPU has the decoder that is written out instead.
"""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch

from pen_backend.engine.nn.run import Run
from pen_backend.files import write_atomic

FILE = "compiled.json"
WORTH_TRYING = 600.0
"""Seconds that a job has to take before compiling is tried; it takes about a minute."""
TRIES = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and the seconds it rests on: of a step, compiled and not, and of compiling."""

    compiled: bool
    plain_seconds: float
    compiled_seconds: float | None = None
    compiling_seconds: float | None = None


def compile_if_it_pays(run: Run) -> Choice | None:
    """Compile the model of a run if that makes the job shorter; None where the question is not asked."""
    if run.device.torch.type != "cuda" or run.ranks.count > 1:
        return None
    file = run.root.parent / FILE

    def compile_model() -> None:
        run.model.base_model.compile(dynamic=True)  # in place: no parameter gets another name

    if file.exists():
        choice = Choice(**json.loads(file.read_bytes()))
        if choice.compiled:
            compile_model()
        return choice
    rehearse = rehearsal(run)
    choice = choose(rehearse, compile_model, run.plan.total_steps)
    if not choice.compiled:
        run.model.base_model._compiled_call_impl = None  # as before compile()
    write_atomic(file, json.dumps(asdict(choice)).encode() + b"\n", run.disk)
    return choice


def choose(step: Callable[[], None], compile_model: Callable[[], None], steps: int, *,
           clock: Callable[[], float] = time.monotonic) -> Choice:
    """Time a step as it is and compiled; compiling pays if the job's steps win back what it takes.

    It is paid again by every later attempt, so it counts although it is already done when the choice is made.
    """
    plain = _seconds(step, clock)
    if plain * steps < WORTH_TRYING:
        return Choice(compiled=False, plain_seconds=plain)
    begun = clock()
    compile_model()
    step()
    compiling = clock() - begun
    compiled = _seconds(step, clock)
    return Choice((plain - compiled) * steps > compiling, plain, compiled, compiling)


def rehearsal(run: Run) -> Callable[[], None]:
    """Return a step that trains nothing: forward and backward of the largest micro-batch; no generator moves."""
    plan = run.plan
    sizes = {(number, place): max(len(plan.items(number)[i]) for i in group) * len(group)
             for number in range(1, plan.steps_per_epoch + 1)
             for place, group in enumerate(plan.step(number).micro_batches)}
    number, place = max(sizes, key=lambda one: sizes[one])
    items = plan.items(number)
    batch = run.collate([items[i] for i in plan.step(number).micro_batches[place]], run.vocabulary.pad,
                        run.device.torch)

    def step() -> None:
        with torch.random.fork_rng():
            run.loss.train()
            run.loss(batch).loss.backward()
            run.optimiser.zero_grad()
            if run.device.torch.type == "cuda":
                torch.cuda.synchronize(run.device.torch)

    return step


def _seconds(step: Callable[[], None], clock: Callable[[], float]) -> float:
    """Time a step a few times after one that warms up; return the median."""
    step()
    found = []
    for _ in range(TRIES):
        begun = clock()
        step()
        found.append(clock() - begun)
    return statistics.median(found)
