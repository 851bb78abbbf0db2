"""prepare_data's 15 checks with their remedies, corrected: from a table of prompts and completions to a training file.

rows.py        a file's rows, each with the line it stands on
found.py       what a check says, and what mends it
endings.py     how texts begin and end alike
state.py       rows as they stand: the kind of task, and the boundary in use
content.py     checks 1 and 5 to 10: how many, empty, equal, long, capitals
ends.py        checks 11 to 15: where prompt and completion begin and end
examine.py     every check in order, again until nothing is found
chat.py        the checks of chats and preferences
sides.py       hold rows out, every class on both sides
definition.py  the prompt definition that goes with the rows
output.py      the files and their names
run.py         do it all
"""
