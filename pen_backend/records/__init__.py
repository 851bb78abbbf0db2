"""One training example, its JSONL dialects and the options of the job that trains on it.

example.py          Segment, Origin, Example: what every reader ends in and every writer starts from
lines.py            one line of a training file, to and from an Example
hyperparameters.py  the one table of job options, for definitions, the command line and the engine
"""

from pen_backend.records.example import Example, Origin, Segment, bad, example_id, make_example
from pen_backend.records.hyperparameters import HYPERPARAMETERS, Hyperparameter, auto_epochs, check_hyperparameters
from pen_backend.records.lines import (
    DIALECTS,
    LINE_LIMIT,
    Dialect,
    parse_json,
    parse_line,
    parse_object,
    raw_lines,
    read_lines,
    refuse_forgotten_data,
    to_line,
)

__all__ = [
    "DIALECTS",
    "HYPERPARAMETERS",
    "LINE_LIMIT",
    "Dialect",
    "Example",
    "Hyperparameter",
    "Origin",
    "Segment",
    "auto_epochs",
    "bad",
    "check_hyperparameters",
    "example_id",
    "make_example",
    "parse_json",
    "parse_line",
    "parse_object",
    "raw_lines",
    "read_lines",
    "refuse_forgotten_data",
    "to_line",
]
