"""Fine-tuning jobs: what they are and how they move from one state to the next.

state.py      the job and its state machine
events.py     what the trainer tells, kept once
spec.py       everything a trainer is told, resolved
directory.py  the files of a job
running.py    what a place where jobs run can do
"""
