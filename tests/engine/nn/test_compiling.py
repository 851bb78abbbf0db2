"""When compiling pays, on a clock that the steps themselves turn; no accelerator is needed for that."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from pen_backend.engine.nn.compiling import Choice, choose, compile_if_it_pays, rehearsal
from pen_backend.engine.nn.journal import Journal
from pen_backend.engine.nn.outcome import Stop
from pen_backend.engine.nn.run import Run, load_run
from pen_backend.engine.nn.spec import read_spec
from tests.disks import QuickDisk
from tests.engine.nn import tiny


@dataclass
class Machine:
    """Steps take PLAIN seconds, after compiling COMPILED; compiling takes COMPILING, with the first step."""

    plain: float
    compiled: float
    compiling: float
    now: float = 0.0
    events: list[str] = field(default_factory=list)

    def step(self) -> None:
        self.now += self.compiled if "compile" in self.events else self.plain
        self.events.append("step")

    def compile(self) -> None:
        self.now += self.compiling - self.compiled
        self.events.append("compile")

    def choose(self, steps: int) -> Choice:
        return choose(self.step, self.compile, steps, clock=lambda: self.now)


def test_it_pays_when_the_steps_win_back_what_compiling_takes() -> None:
    assert Machine(2.0, 1.5, 60.0).choose(1000) == Choice(True, 2.0, 1.5, 60.0)
    assert Machine(2.0, 1.75, 300.0).choose(1000) == Choice(False, 2.0, 1.75, 300.0)
    assert not Machine(2.0, 2.5, 60.0).choose(1000).compiled


def test_a_short_job_is_not_compiled_to_find_out() -> None:
    machine = Machine(0.5, 0.1, 60.0)

    assert machine.choose(1000) == Choice(False, 0.5)
    assert "compile" not in machine.events


def load(tmp_path: Path, model_folder: Path) -> Run:
    job = tiny.make_job(tmp_path / "job", model_folder, tune="lora", lora=tiny.LORA["lora"])
    journal = Journal(job / "events.jsonl", attempt=1, disk=QuickDisk())
    return load_run(read_spec(job / "spec.json"), job / "ckpt", journal, disk=QuickDisk(), stop=Stop(),
                    guard=lambda: None)


def test_a_rehearsal_changes_neither_weights_nor_generators(tmp_path: Path, model_folder: Path) -> None:
    run = load(tmp_path, model_folder)
    weights = {name: tensor.clone() for name, tensor in run.loss.state_dict().items()}
    generator = torch.get_rng_state()

    rehearsal(run)()

    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in run.loss.state_dict().items())
    assert all(parameter.grad is None for parameter in run.loss.parameters())
    assert not run.optimiser.state


def test_on_a_processor_the_question_is_not_asked(tmp_path: Path, model_folder: Path) -> None:
    run = load(tmp_path, model_folder)

    assert compile_if_it_pays(run) is None
    assert not (run.root.parent / "compiled.json").exists()
