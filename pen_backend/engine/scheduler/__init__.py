"""Which job runs when.

loop.py     the scheduler: validates, leases, watches, ends and adopts
leaving.py  the jobs that are leaving, and what they leave behind
patience.py how long faults of one job are borne with
reports.py  what trainers report, taken into the store
ending.py   what the end of a trainer means, and how its model is published
memory.py   how much memory new processes can have
start.py    the weights a job starts from
"""

from pen_backend.engine.scheduler.loop import Scheduler
from pen_backend.engine.scheduler.start import start_from

__all__ = ["Scheduler", "start_from"]
