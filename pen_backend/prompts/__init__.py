"""Prompt definitions: one YAML file gives the Emacs command, the training rows and the evaluation.

yaml.py        read a YAML 1.2 subset safely, remembering where everything stands
schema.py      building blocks of the schema, and its errors in our words
definition.py  the keys of a `pen: 1` file
training.py    the `training:` block
sources.py     the `training.sources` list
evaluation.py  the `evaluation:` block
filters.py     small functions on texts, named in a file and never written there
template.py    fill, derive and parse: the one renderer
lint.py        rules that need more than one key
loader.py      read one file: YAML, schema and lint, all errors at once
library.py     find definitions by name
"""
