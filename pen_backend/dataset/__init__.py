"""From files and regions to a training set that is checked, counted and reproducible.

sources/       one file a reader, from bytes to records
record.py      what readers yield and steps pass on
opening.py     find and recognise the documents
overrides.py   what the caller gives instead of the definition
inputs.py      everything that decides the bytes
items.py       records under the names that the definition uses
anonymise.py   people, phone numbers and addresses replaced before anything is written
steps.py       the definition's steps, in order
normalise.py   one spelling of every text
filters.py     keep the records that fit
keys.py        hashes of texts
dedupe.py      drop equal and nearly equal records
near.py        find nearly equal texts, exactly
nearness.py    what dedupe found near, for the split
unlabelled.py  rows that wait for their completion
stream.py      the items, through all of these
spool.py       items on disk while a build decides about them
kept.py        the items that stay, and what the split needs of each
sides.py       keep what belongs together on one side
split.py       decide by hash what is held out
turns.py       a chat as replies, each with what was said before it
examples.py    turn items into examples
boundary.py    test or repair where prompt and completion meet
checks.py      what each check does: nothing, a warning, an error
inspection.py  the checks of one example
lengths.py     drop, cut or split what is too long
rendering.py   items as examples, inspected
writing.py     examples on their sides, counted on the way
making.py      the files of a build, from the first to the last
classes.py     which label a record has
labels_file.py labels that keep their numbers
audit.py       the checks of a whole set, from its written files
class_audit.py the checks of its classes
statistics.py  tokens, words and characters, as a table
ledger.py      every record read, and why it was dropped
report.py      the build in numbers and words
manifest.py    what a build was made from
cost.py        what training and using would cost
budget.py      which examples a budget pays for
checking.py    files that are there already
card.py        an application form, answered from a build
diff.py        how two training sets differ
output.py      files beside their place, published by one rename
build.py       one set, published once
prepare/       prepare_data's checks and remedies, for files of prompts and completions
"""
