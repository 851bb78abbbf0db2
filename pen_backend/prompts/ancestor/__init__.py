"""pen.el's `.prompt` files: a file without `pen:` becomes a definition, and never fails for its keys.

reading.py    every key of an older file in the schema's words
variables.py  its variables: a list of names, and lists of examples, defaults and filters beside it
filters.py    what its shell and its Lisp become: tables, nothing is parsed or run
file.py       its values as texts, and what is odd about them
record.py     what a definition keeps of the file
"""
