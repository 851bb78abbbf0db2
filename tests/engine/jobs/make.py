"""Jobs made in milliseconds, without HTTP."""

from typing import Any

from pen_backend.engine.jobs import state
from pen_backend.engine.jobs.state import Job
from pen_backend.engine.store import Store
from pen_backend.engine.wire.options import Options

HYPERPARAMETERS = {"batch_size": "auto", "learning_rate_multiplier": 1.0, "n_epochs": 2}
OPTIONS = {**Options.model_validate({}).model_dump(), "tune": "full", "learning_rate": 1e-3, "max_tokens": 64}


def make_job(store: Store, **changes: Any) -> Job:
    """Add a job that waits for its validation."""
    blob = store.add_blob(b'{"prompt": "a", "completion": "b"}\n')
    given: dict[str, Any] = {
        "model": "tiny", "root": "tiny", "training": {"id": "file-t", "blob": blob, "dialect": "prompt-completion"},
        "validation": None, "suffix": None, "seed": 1, "metadata": {}, "hyperparameters": HYPERPARAMETERS,
        "options": {**OPTIONS, **changes.pop("options", {})}}
    return store.transact(lambda connection: state.insert(connection, **{**given, **changes}))


def events(store: Store, job: Job) -> list[dict[str, Any]]:
    """List a job's event rows, oldest first."""
    return store.read(lambda connection: [dict(row) for row in connection.execute(
        "SELECT * FROM events WHERE job_id = ? ORDER BY seq", (job.id,))])
