"""The store as one file, and back.

layout.py     what a backup holds, by name
making.py     a moment of the store, held still while it is sent
unpacking.py  a backup's tar, read as if somebody hostile had made it
judging.py    whether what was unpacked is a whole store, and how it fits its new place
placing.py    a store put in its place by renames
"""
