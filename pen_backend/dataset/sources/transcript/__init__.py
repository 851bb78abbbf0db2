"""Read transcripts: captions (SRT, VTT, YouTube's) and what speech recognition writes (Whisper, WhisperX).

cues.py      captions as they are shown, with their times
rolling.py   undo captions that repeat the line before
machine.py   the JSON of speech recognition
speakers.py  who speaks
reading.py   turns as records
"""

from pen_backend.dataset.sources.transcript.cues import begins_captions
from pen_backend.dataset.sources.transcript.machine import is_transcript
from pen_backend.dataset.sources.transcript.reading import read

__all__ = ["begins_captions", "is_transcript", "read"]
