"""`pen finetune` and `pen jobs`: plan, confirm, launch, follow."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from pen_backend.errors import BadParamsError, CancelledError, DataError, JobError, NotFoundError, RefusedError
from pen_backend.service.context import Context
from pen_backend.service.jobs import JobDetail, Jobs, JobSummary
from pen_backend.transports import cli_dataset
from pen_backend.transports.arguments import Parser, command, group, help_of
from pen_backend.transports.terminal import Printed, Terminal, duration, number, one_line, table, when

LAUNCH_OPTIONS = ("model", "n_epochs", "batch_size", "learning_rate_multiplier", "learning_rate", "seed", "tune",
                  "snapshots_every", "completions_every", "num_completions", "eval_every", "suffix",
                  "checkpoint_seconds", "prompt_loss_weight", "packing", "max_tokens", "overlong", "schedule",
                  "early_stopping", "results")
CLASS_OPTIONS = ("classification", "n_classes", "positive_class", "betas")


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the commands."""
    tune = command(commands, "finetune", finetune, "Build a training set, show the plan, and launch a job on it.")
    tune.add_argument("source", metavar="DEFINITION|FILE", help="a definition, or a training file FILE.jsonl")
    cli_dataset.add_source(tune)
    add_job_options(tune)
    tune.add_argument("--plan", action="store_true", help="stop before launching")
    tune.add_argument("--yes", action="store_true",
                      help="launch without asking; a local job without a terminal needs no answer")
    tune.add_argument("--wait", action="store_true", help="follow the job to its end")
    tune.add_argument("--classic", action="store_true",
                      help="take the options of `openai api fine_tunes.create` instead; --classic --help lists them")

    jobs = group(commands, "jobs", "The jobs of the configured provider.")
    command(jobs, "list", list_jobs, help_of(Jobs.list))
    for name, function, method in (("show", show, Jobs.show), ("watch", watch, Jobs.watch),
                                   ("samples", samples, Jobs.sample), ("pause", pause, Jobs.pause),
                                   ("resume", resume, Jobs.resume), ("cancel", cancel, Jobs.cancel)):
        added = command(jobs, name, function, help_of(method))
        added.add_argument("id", metavar="ID", help="the job's id")
        if name == "watch":
            added.add_argument("--after", type=int, metavar="STEP", help="leave out steps up to this one")
        if name == "samples":
            added.add_argument("--n", type=int, default=1, metavar="N", help="how many; default 1")


def add_job_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for everything a job can be launched with, from the one table of them."""
    from pen_backend.records import HYPERPARAMETERS

    types, places = {"int": int, "float": float}, {"int": "N", "float": "X", "text": "NAME"}
    parser.add_argument("--valid", metavar="FILE", help="a file FILE.jsonl to validate on, instead of what is held out")
    parser.add_argument("--classification", choices=("auto", "off"),
                        help="class metrics at each evaluation: auto counts the classes; off leaves a definition's out")
    inner = HYPERPARAMETERS["classification"].inner
    parser.add_argument("--n-classes", type=int, metavar="N", help=f"{inner['n_classes'].meaning}, instead of auto")
    parser.add_argument("--positive-class", metavar="TEXT", help=inner["positive_class"].meaning)
    parser.add_argument("--betas", type=float, nargs="+", metavar="BETA", default=[], help=inner["betas"].meaning)
    for name in LAUNCH_OPTIONS:
        option = HYPERPARAMETERS[name]
        flags = [f"--{name.replace('_', '-')}", *(["--epochs"] if name == "n_epochs" else [])]
        usual = "" if option.default is None else f" ({option.default})"
        parser.add_argument(*flags, dest=name, type=types.get(option.kind, str), metavar=places.get(option.kind),
                            help=option.meaning + usual, choices=option.choices or None)


def finetune(context: Context, options: argparse.Namespace, terminal: Terminal, answers: TextIO | None = None) -> None:
    """Plan, confirm by ANSWERS (stdin), launch, and with --wait follow."""
    from pen_backend.jobs.options import check_given

    overrides = {name: getattr(options, name) for name in LAUNCH_OPTIONS}
    classes = {name: getattr(options, name) for name in CLASS_OPTIONS}
    valid = None if options.valid is None else Path(options.valid)
    plan = options.source
    training_file = options.source.endswith(".jsonl")
    if training_file and not Path(options.source).exists():
        raise NotFoundError(f"There is no file '{options.source}'.", hint="Check its name.")
    check_given(overrides)
    if training_file:
        if options.plan:
            raise BadParamsError("--plan needs a definition; a training file is launched as it is.")
    else:
        planned = cli_dataset.plan(context, options, terminal,
                                   **{name: overrides[name] for name in cli_dataset.PLAN_OPTIONS})
        terminal.say(cli_dataset.describe(planned))
        if options.plan:
            terminal.result(planned, str(planned.directory))
            return
        wrong = [finding for finding in planned.findings if finding.level == "error"]
        if wrong:
            raise DataError(wrong[0].message, where=wrong[0].where, hint=wrong[0].hint)
        plan = planned.id
    confirmed = confirm(context, options, terminal, answers or sys.stdin)
    job = Jobs(context).launch(str(plan), **overrides, **classes, valid=valid, confirmed=confirmed)
    terminal.say(f"launched {job.id}")
    if not options.wait:
        terminal.result(job, job.id)
        return
    ended = follow(context, job.id, None, terminal, as_lines=False)
    terminal.result(ended, ended.fine_tuned_model or "")


def confirm(context: Context, options: argparse.Namespace, terminal: Terminal, answers: TextIO) -> bool:
    """Ask before launching, and say whether somebody said yes: always before anything leaves this machine."""
    if options.yes:
        return True
    if context.config.local and not answers.isatty():
        return False
    if not answers.isatty():
        raise RefusedError(f"Launching sends the training set to {context.config.provider}.",
                           hint="Give --yes to confirm.")
    terminal.clear()
    question = "Launch?" if context.config.local else f"Send the training set to {context.config.provider} and launch?"
    print(f"{question} [y/N] ", end="", file=terminal.err, flush=True)
    if answers.readline().strip().lower() not in ("y", "yes"):
        raise RefusedError("Not launched.")
    return True


def list_jobs(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print the jobs."""
    jobs = Jobs(context).list()
    if not jobs:
        terminal.say("There are no jobs yet; `pen finetune` starts one.")
    terminal.result(jobs, lambda: table(
        ("JOB", "MODEL", "PROMPT", "STATUS", "STEP", "TRAIN", "VALID", "ETA", "CREATED"),
        [(one.id, one.model, one.prompt, _standing(one), _steps(one), number(one.train_loss), number(one.valid_loss),
          duration(one.eta_seconds), when(one.created_at)) for one in jobs]))


def show(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print one job."""
    job = Jobs(context).show(options.id)
    terminal.result(job, lambda: _detail(job))


def watch(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Follow a job; its end decides the exit code."""
    ended = follow(context, options.id, options.after, terminal, as_lines=terminal.as_json)
    if terminal.as_json:
        terminal.json_line({"kind": "done", "value": ended})
    else:
        terminal.result(ended, ended.fine_tuned_model or ended.status)


def samples(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print what a job's newest checkpoint writes now."""
    found = Jobs(context).sample(options.id, options.n)
    terminal.result(found, lambda: "\n\n".join(f"step {one.step}: {one.prompt}\n{one.completion}" for one in found))


def pause(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Pause a job."""
    job = Jobs(context).pause(options.id)
    terminal.result(job, _standing(job))


def resume(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Let a job go on."""
    job = Jobs(context).resume(options.id)
    terminal.result(job, _standing(job))


def cancel(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Cancel a job."""
    job = Jobs(context).cancel(options.id)
    terminal.result(job, job.status)


def follow(context: Context, job: str, after: int | None, terminal: Terminal, *, as_lines: bool,
           printed: "Progress | None" = None) -> JobSummary:
    """Follow a job to its end by PRINTED; JobError or CancelledError if it did not succeed."""
    printed = printed or Progress(terminal, job, texts=as_lines)
    try:
        ended = Jobs(context).watch(job, after=after, events=printed)
    except KeyboardInterrupt:
        terminal.say(f"Job {job} goes on. Follow it: pen jobs watch {job}; end it: pen jobs cancel {job}")
        raise
    printed.end()
    if ended.status == "cancelled":
        raise CancelledError(f"Job {job} was cancelled.")
    if ended.status != "succeeded":
        raise JobError(f"Job {job} {ended.status}: {ended.error or 'no reason given'}")
    return ended


class Progress(Printed):
    """Events of a job: the last step stays on the screen."""

    def __init__(self, terminal: Terminal, job: str, *, texts: bool) -> None:
        super().__init__(terminal, texts=texts)
        self._job = job
        self._last: Mapping[str, Any] | None = None

    def send(self, kind: str, **data: object) -> None:
        """Print an event, and keep the newest progress; of a pause it is said how it ends."""
        if kind == "progress":
            self._last = data
        super().send(kind, **data)
        about = data.get("data")
        paused = kind == "log" and isinstance(about, Mapping) and about.get("state") == "paused"
        if paused and not self._terminal.as_json:
            self._terminal.say(f"It waits until you resume it: pen jobs resume {self._job}")

    def end(self) -> None:
        """Leave the last progress line standing."""
        if self._last is not None and not self._terminal.as_json:
            self._terminal.live(self.line(self._last), last=True)


def _steps(job: JobSummary) -> str | None:
    return None if job.step is None else f"{job.step}/{job.total_steps or '?'}"


def _standing(job: JobSummary) -> str:
    """Say how a job stands, and what its status does not: that it is to pause, that it did not go smoothly."""
    if job.status == "running" and job.want == "pause":
        return "running, pauses soon"
    again = job.attempt is not None and job.attempt > 1 and job.status in ("queued", "running", "paused")
    return f"{job.status}, attempt {job.attempt}" if again else job.status


def _detail(job: JobDetail) -> str:
    facts = [("job", job.id), ("status", _standing(job)), ("model", job.model), ("tuned model", job.fine_tuned_model),
             ("prompt", job.prompt), ("training set", job.plan), ("created", when(job.created_at)),
             ("finished", when(job.finished_at)), ("step", _steps(job)), ("train loss", number(job.train_loss)),
             ("valid loss", number(job.valid_loss)), ("trained tokens", job.trained_tokens), ("error", job.error),
             ("interruption", job.interruption),
             *((option.name, option.value) for option in job.hyperparameters)]
    lines = [f"{name:<26} {value}" for name, value in facts if value is not None]
    lines += ["", table(("CHECKPOINT", "STEP", "TRAIN", "VALID"), [
        (one.model, one.step, number(one.train_loss), number(one.valid_loss)) for one in job.checkpoints])
    ] if job.checkpoints else []
    lines += ["", *(f"sample at step {one.step}: {one_line(one.completion)}" for one in job.samples[:10])
              ] if job.samples else []
    return "\n".join(lines)
