"""What pen limits, on this side of HTTP; the engine prints its own."""

import importlib
from dataclasses import dataclass

LIMITS = (
    ("a message to or from Emacs", "transports.epc_codec", "MAX_FRAME", "bytes"),
    ("the nesting of a message", "transports.epc_codec", "MAX_DEPTH", "levels"),
    ("a text or a file that goes by file", "transports.transfer", "MOST", "bytes"),
    ("calls at a time", "transports.rpc", "CALLS", ""),
    ("streams at a time", "transports.rpc", "STREAMS", ""),
    ("calls waiting", "transports.rpc", "WAITING", ""),
    ("connections of --tcp", "transports.epc_tcp", "CONNECTIONS", ""),
    ("a client's greeting", "transports.epc_tcp", "HELLO_SECONDS", "seconds"),
    ("the rest of a message", "transports.epc_tcp", "HALF_SECONDS", "seconds"),
    ("a service log", "transports.service_log", "MOST", "bytes"),
    ("service logs kept", "transports.service_log", "KEPT", ""),
    ("a line of a data file", "records.lines", "LINE_LIMIT", "bytes"),
    ("a file that is read whole", "dataset.sources.document", "TEXT_LIMIT", "bytes"),
    ("a member of an archive", "dataset.sources.archive", "LIMIT", "bytes"),
    ("what a packed byte holds", "dataset.sources.streams", "BOMB_RATIO", "bytes"),
    ("a conversation of ChatGPT's", "dataset.sources.chatgpt", "LIMIT", "bytes"),
    ("a workbook's sheet", "dataset.sources.workbook", "MOST_CELLS", "cells"),
    ("classes", "dataset.classes", "LIMIT", ""),
    ("people with pseudonyms", "dataset.pseudonyms", "PEOPLE_LIMIT", ""),
    ("a definition", "prompts.yaml", "LIMIT_BYTES", "bytes"),
    ("its nesting", "prompts.yaml", "LIMIT_DEPTH", "levels"),
    ("its values", "prompts.yaml", "LIMIT_NODES", ""),
    ("its findings", "prompts.yaml", "LIMIT_FINDINGS", ""),
    ("the engine's start", "engine_process", "START_SECONDS", "seconds"),
    ("the engine's end", "engine_process", "STOP_SECONDS", "seconds"),
    ("a connection", "client.provider", "CONNECT_SECONDS", "seconds"),
    ("the first byte, and between two", "client.provider", "READ_SECONDS", "seconds"),
    ("a completion", "client.exchange", "COMPLETION_SECONDS", "seconds"),
    ("a call about jobs", "client.exchange", "JOB_SECONDS", "seconds"),
    ("sending an upload", "client.exchange", "UPLOAD_SECONDS", "seconds"),
    ("an answer, unpacked", "client.exchange", "ANSWER_BYTES", "bytes"),
    ("its values", "client.exchange", "ANSWER_VALUES", ""),
    ("a line of a stream", "client.exchange", "LINE_BYTES", "bytes"),
    ("calls of one request", "client.provider", "CALLS", ""),
    ("repeated of the calls of a minute", "client.budget", "SHARE", ""),
    ("repeated in any minute", "client.budget", "FREE", "calls"),
    ("redirects that are followed", "client.provider", "REDIRECTS", ""),
    ("a wait that a provider asks for", "client.faults", "LONGEST_WAIT", "seconds"),
)


@dataclass(frozen=True, slots=True)
class Limit:
    """How much there may be of something, and the module that sees to it."""

    what: str
    value: float
    unit: str
    module: str

    def __str__(self) -> str:
        """Write it as people do."""
        number = f"{self.value:,.6g}" if self.value % 1 else f"{int(self.value):,}"
        return f"{number} {self.unit}".rstrip()


def limits() -> list[Limit]:
    """Read every limit from its module."""
    return [Limit(what, getattr(importlib.import_module(f"pen_backend.{module}"), name), unit, module)
            for what, module, name, unit in LIMITS]
