"""One training example, its JSONL dialects and the options of the job that trains on it.

example.py          Segment, Origin, Example: what every reader ends in and every writer starts from
dialects.py         which dialect a decoded line speaks, and the Example it means
messages.py         messages of a chat as segments
fields.py           the fields of a row, read with their type or refused with their place
lines.py            the lines of a training file
repeats.py          a key that stands twice in one object
formats.py          an Example as one line
hyperparameters.py  the one table of job options, for definitions, the command line and the engine
"""

from pen_backend.records.dialects import DIALECTS, FORMATS, Dialect, Format, parse_object
from pen_backend.records.example import Example, Origin, Segment, bad, example_id, make_example
from pen_backend.records.formats import Lossy, text_list_line, to_line
from pen_backend.records.hyperparameters import HYPERPARAMETERS, Hyperparameter, auto_epochs, check_hyperparameters
from pen_backend.records.lines import (
    LINE_LIMIT,
    parse_json,
    parse_line,
    raw_lines,
    read_lines,
    refuse_forgotten_data,
    repeated,
)
from pen_backend.records.repeats import repeat_in

__all__ = [
    "DIALECTS",
    "FORMATS",
    "HYPERPARAMETERS",
    "LINE_LIMIT",
    "Dialect",
    "Example",
    "Format",
    "Hyperparameter",
    "Lossy",
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
    "repeat_in",
    "repeated",
    "text_list_line",
    "to_line",
]
