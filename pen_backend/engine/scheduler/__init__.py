"""Which job runs when.

loop.py     the scheduler: validates, leases, watches, ends and adopts
ending.py   what the end of a trainer means, and how its model is published
start.py    the weights a job starts from
"""

from pen_backend.engine.scheduler.loop import Scheduler
from pen_backend.engine.scheduler.start import start_from

__all__ = ["Scheduler", "start_from"]
