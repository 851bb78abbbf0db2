"""`pen finetune --classic`: the options of `openai api fine_tunes.create`, as jobs of today."""

import argparse
import sys
from typing import Any, TextIO

from pen_backend.errors import BadParamsError
from pen_backend.jobs.classic import Parameters
from pen_backend.service.context import Context
from pen_backend.service.legacy import Legacy
from pen_backend.transports import cli_jobs
from pen_backend.transports.arguments import Parser, finish
from pen_backend.transports.terminal import Terminal


def parser() -> argparse.ArgumentParser:
    """Build the parser: the old names, with underscores or hyphens."""
    usual = Parameters(train="")
    top = Parser(prog="pen finetune", allow_abbrev=False,
                 description="Launch a job by the options of `openai api fine_tunes.create`.",
                 epilog="A file is a path or an uploaded file's id.")
    finish(top, fine_tune)
    top.add_argument("--classic", action="store_true", help="what makes the options these")
    top.add_argument("file", metavar="FILE", nargs="?", help="the training file; the same as -t")

    def option(*names: str, **settings: Any) -> None:
        spellings = [f"-{name}" if len(name) == 1 else f"--{name}" for name in names]
        hyphens = [each.replace("_", "-") for each in spellings if "_" in each]
        top.add_argument(*spellings, *hyphens, **settings)

    option("t", "training_file", dest="train", metavar="FILE", help="the training file")
    option("v", "validation_file", dest="valid", metavar="FILE", help="the validation file")
    option("m", "model", default=usual.model, help=f"the model to start from ({usual.model})")
    option("suffix", help="part of the tuned model's name, at most 40 characters")
    option("n_epochs", type=int, default=usual.n_epochs,
           help=f"how often the file is seen ({usual.n_epochs})")
    option("batch_size", type=int, help="examples in a step (0.2 %% of all, at most 256)")
    option("learning_rate_multiplier", type=float, help="factor on the pre-training rate: 0.1 is pen's default rate")
    option("prompt_loss_weight", type=float, default=usual.prompt_loss_weight,
           help=f"loss weight of the prompts ({usual.prompt_loss_weight:g})")
    option("compute_classification_metrics", action="store_true", help="measure classes after each epoch")
    option("classification_n_classes", type=int, help="how many classes there are")
    option("classification_positive_class", help="the completion that counts as positive, of two")
    option("classification_betas", type=float, nargs="+", help="the betas of the F scores, of two classes")
    option("no_check_if_files_exist", action="store_true", help="accepted; equal files are one here anyway")
    option("no_follow", action="store_true", help="print the job's id and do not follow it")
    top.add_argument("--wait", action="store_true", help="accepted; a job is followed unless --no_follow is given")
    top.add_argument("--yes", action="store_true", help="launch without asking")
    return top


def fine_tune(context: Context, options: argparse.Namespace, terminal: Terminal, answers: TextIO | None = None) -> None:
    """Launch, and follow to the end unless --no_follow says otherwise."""
    if (options.file is None) == (options.train is None):
        raise BadParamsError("Name one training file.", hint="Give FILE, or -t FILE.")
    given = {name: getattr(options, name) for name in Parameters.__dataclass_fields__}
    parameters = Parameters(**{**given, "train": options.file if options.train is None else options.train})
    confirmed = cli_jobs.confirm(context, options, terminal, answers or sys.stdin)
    job = Legacy(context).classic(parameters, terminal.say, confirmed=confirmed)
    if options.no_follow:
        terminal.result(job, job.id)
        return
    terminal.say(f"launched {job.id}")
    ended = cli_jobs.follow(context, job.id, None, terminal, as_lines=False)
    terminal.result(ended, ended.fine_tuned_model or "")
