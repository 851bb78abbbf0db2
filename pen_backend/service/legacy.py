"""Jobs by the options of OpenAI's older tools: `openai-ft` and the classic fine-tunes; what they made is kept too."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pen_backend.errors import DataError
from pen_backend.files import write_atomic
from pen_backend.jobs import classic, openai_ft
from pen_backend.jobs.options import check_given
from pen_backend.service.context import Context
from pen_backend.service.jobs import Jobs, JobSummary

if TYPE_CHECKING:
    from pen_backend.jobs.spec import JobSpec

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A model as it was after a step: its name here, and in the way of `openai-ft`."""

    step: int
    model: str
    alias: str


class Legacy:
    """What the older tools did, with jobs of today."""

    def __init__(self, context: Context) -> None:
        """CONTEXT is shared by all services."""
        self._context = context

    def openai_ft(self, flags: openai_ft.Flags, say: Say, *, confirmed: bool = False) -> JobSummary:
        """Launch the job that FLAGS of `openai-ft` describe; SAY is told what stands for what they name."""
        from pen_backend.jobs import spec

        if flags.engine == "" and self._context.config.openai_ft_engine is None:
            say("-e has no name, and openai-ft.engine of the settings has none: the model's name will have none.")
        flags = replace(flags, engine=flags.engine or self._context.config.openai_ft_engine)
        files = [spec.source_file(each) for each in (flags.train, flags.valid) if each is not None]
        model = self._model(flags.model, say)
        with tempfile.TemporaryDirectory(prefix="pen-") as directory:
            train, valid = [*(_as_rows(each, Path(directory)) for each in files), None][:2]
            assert train is not None  # noqa: S101 - for the type checker
            given = openai_ft.job_options(flags)
            check_given(given)
            job = spec.from_files(train, valid, default_model=model, overrides=given,
                                  metadata=openai_ft.metadata(flags))
            return Jobs(self._context).launch_spec(job, confirmed=confirmed)

    def classic(self, parameters: classic.Parameters, say: Say, *, confirmed: bool = False) -> JobSummary:
        """Launch the job that PARAMETERS of `fine_tunes.create` describe; SAY is told what stands for the model."""
        from pen_backend.jobs import spec

        train = spec.source_file(parameters.train)
        valid = None if parameters.valid is None else spec.source_file(parameters.valid)
        model = self._model(parameters.model, say)
        plain = spec.from_files(train, valid, default_model=model)
        options = classic.job_options(parameters, self._examples(plain))
        check_given(options)
        job = spec.from_files(train, valid, default_model=model, overrides=options)
        return Jobs(self._context).launch_spec(job, confirmed=confirmed)

    def snapshots(self, job: str) -> list[Snapshot]:
        """List a job's snapshots, oldest first; on a provider that is not pen's their names are their own."""
        found = self._context.client().checkpoints(job)
        return [Snapshot(int(each["step_number"]), model := str(each["fine_tuned_model_checkpoint"]),
                         str((each.get("pen") or {}).get("snapshot") or model)) for each in reversed(found)]

    def save_results(self, job: str, directory: Path) -> list[Path]:
        """Write the result files of a job that has ended into DIRECTORY; return them."""
        client = self._context.client()
        written = []
        for file in client.job(job).get("result_files") or ():
            name = Path(str(client.file(file).get("filename") or file)).name or "result"
            write_atomic(directory / name, client.file_content(file), self._context.disk)
            written.append(directory / name)
        return written

    def _model(self, given: str | None, say: Say) -> str:
        """Resolve a model's name by the table of aliases, and say so when another model stands for an old name."""
        config = self._context.config
        model = config.model_name(given or config.model)
        if given is not None and model != given:
            say(f"'{given}' is not here; {model} stands for it (aliases in config.yaml).")
        return model

    def _examples(self, job: "JobSpec") -> int | None:
        """Count the rows of a training file, uploaded or not."""
        if isinstance(job.train, Path):
            with job.train.open("rb") as stream:
                return sum(1 for line in stream if line.strip())
        return sum(1 for line in self._context.client().file_content(job.train).splitlines() if line.strip())


def _as_rows(file: Path | str, directory: Path) -> Path | str:
    """Turn a text file into lines of data, cut only at blank lines; other files stay as they are."""
    if not isinstance(file, Path) or file.suffix.lower() != ".txt":
        return file
    from pen_backend.dataset.record import Record, Rejected
    from pen_backend.dataset.sources import text
    from pen_backend.dataset.sources.document import Request, documents
    from pen_backend.prompts.sources import Source

    source = Source(path=str(file), unit="file")
    lines = []
    for document in documents(source, str(file), Path.cwd()):
        for read in text.read(document, Request(source)):
            if isinstance(read, Rejected):
                raise DataError(read.message, hint=read.hint, where=read.finding.where, findings=[read.finding])
            if isinstance(read, Record):
                lines.append(json.dumps({"data": read.fields["text"]}, ensure_ascii=False) + "\n")
    path = directory / str(len(list(directory.iterdir()))) / f"{file.stem}.jsonl"
    path.parent.mkdir()
    path.write_text("".join(lines), encoding="utf-8")
    return path
