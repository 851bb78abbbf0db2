"""Read WhatsApp exports, as text or zip files: what was written when, and by whom.

headers.py    dates and times at the beginning of a message
dates.py      day, month and year: which comes first
authors.py    who wrote a line
bodies.py     text, picture, deleted message, place, call
strings.py    what WhatsApp writes itself, in its languages
chat.py       a whole export in two passes
reading.py    messages as records
convo.py      a person's messages as rows to be filled in
"""

from pen_backend.dataset.sources.whatsapp.convo import parse_convo
from pen_backend.dataset.sources.whatsapp.reading import begins_chat, read

__all__ = ["begins_chat", "parse_convo", "read"]
