"""The limits of the engine: python -P -m pen_backend.engine.limits prints them as JSON.

Each is a constant of the module that enforces it; here stands only what it is of.
"""

import importlib
import json
import sys

LIMITS = (
    ("a JSON body", "wire.body", "BODY_LIMIT", "bytes"),
    ("an upload", "routes.upload", "UPLOAD_LIMIT", "bytes"),
    ("the nesting of JSON", "wire.body", "DEPTH_LIMIT", "levels"),
    ("a request's headers", "server", "HEADER_LIMIT", "bytes"),
    ("an upload's form", "routes.upload", "PART_LIMIT", "parts"),
    ("findings told of a file", "routes.files", "FINDINGS_SHOWN", ""),
    ("prompts of a request", "wire.completions", "PROMPT_LIMIT", ""),
    ("n", "wire.sampling", "CHOICES_LIMIT", ""),
    ("best_of", "wire.completions", "BEST_OF_LIMIT", ""),
    ("texts written for a request", "wire.completions", "CANDIDATE_LIMIT", ""),
    ("messages of a chat", "wire.chat", "MESSAGE_LIMIT", ""),
    ("tools of a chat", "wire.chat", "TOOL_LIMIT", ""),
    ("stop texts", "wire.sampling", "STOP_LIMIT", ""),
    ("completions waiting", "routes.http", "WAITING_LIMIT", ""),
    ("jobs waiting", "jobs.state", "QUEUE_LIMIT", ""),
    ("attempts of a job", "jobs.state", "MAX_ATTEMPTS", ""),
    ("events of a job", "jobs.events", "MAX_EVENTS", ""),
    ("metadata", "wire.jobs", "METADATA_PAIRS", "pairs"),
    ("a key of metadata", "wire.jobs", "METADATA_KEY", "characters"),
    ("a value of metadata", "wire.jobs", "METADATA_VALUE", "characters"),
    ("an Idempotency-Key", "routes.submission", "KEY_LIMIT", "characters"),
    ("an answer to an Idempotency-Key is kept", "store.idempotency", "KEPT_SECONDS", "seconds"),
    ("a job's lease", "scheduler.loop", "LEASE_SECONDS", "seconds"),
    ("its renewal", "scheduler.loop", "RENEW_SECONDS", "seconds"),
    ("from TERM to KILL", "jobs.running", "STOP_SECONDS", "seconds"),
    ("free beside three checkpoints before a job", "jobs.spec", "SPARE_BYTES", "bytes"),
    ("ballast", "store.ballast", "BALLAST_BYTES", "bytes"),
    ("the write-ahead log", "store.store", "LOG_MOST_BYTES", "bytes"),
    ("a job's log", "jobs.directory", "LOG_BYTES", "bytes"),
    ("the engine's log", "server", "LOG_BYTES", "bytes"),
    ("a safetensors header", "nn.folder", "MAX_HEADER_BYTES", "bytes"),
    ("tensors of a file", "nn.folder", "MAX_TENSORS", ""),
    ("config.json", "nn.folder", "MAX_CONFIG_BYTES", "bytes"),
    ("tokenizer.json", "nn.folder", "MAX_TOKENIZER_BYTES", "bytes"),
    ("a chat template's text", "nn.rendering", "TEXT_LIMIT", "bytes"),
    ("its time", "nn.rendering", "CPU_SECONDS", "seconds"),
    ("its memory", "nn.rendering", "MEMORY_BYTES", "bytes"),
    ("files of a backup", "backup.layout", "FILES_MOST", ""),
)


def limits() -> list[dict[str, object]]:
    """Read every limit from its module."""
    return [{"what": what, "value": getattr(importlib.import_module(f"pen_backend.engine.{module}"), name),
             "unit": unit, "module": f"engine.{module}"} for what, module, name, unit in LIMITS]


def main() -> int:
    """Print them."""
    print(json.dumps(limits()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
