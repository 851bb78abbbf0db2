"""Fine-tuning jobs: what they are and how they move from one state to the next.

state.py    the job and its state machine
events.py   what the trainer tells, kept once
spec.py     everything a trainer is told, resolved
running.py  what a place where jobs run can do, and a job's own directory
"""
