"""From files and regions to a training set that is checked, counted and reproducible.

record.py      what readers yield and steps pass on
sources/       one file a reader
normalise.py   one spelling of every text
filters.py     keep the records that fit
dedupe.py      drop equal and nearly equal records
near.py        find nearly equal texts, exactly
split.py       decide what is held out
examples.py    turn records into examples
boundary.py    test or repair where prompt and completion meet
statistics.py  tokens, words and characters, as a table
report.py      what was read, kept and dropped, and why
output.py      write the files, and publish them by one rename
build.py       run it all
"""
