"""Prompt definitions: one YAML file gives the Emacs command, the training rows and the evaluation.

yaml.py        read a YAML 1.2 subset safely, remembering where everything stands
yaml_errors.py what parsers say is wrong, in our words
schema.py      building blocks of the schema, and its errors in our words
variables.py   a prompt's variables, and their values as text
placeholders.py split a template into texts and variables
forms.py       prompt with completion, segments, messages: as one list of pieces
classes.py     the `classes:` block, and the map between a label and its text
pipelines.py   shell pipelines of older prompts, and the filters that stand for them
filters.py     small functions on texts, named in a file and never written there
training.py    the `training:` block
sources.py     the `training.sources` list
evaluation.py  the `evaluation:` block
definition.py  the keys of a `pen: 1` file
dataset.py     the keys of a `kind: dataset` file
template.py    fill, derive and parse: the one renderer
unfinished.py  an answer while it is written: what of it is certain
hashing.py     the format hash, and what differs between two forms
ancestor/      pen.el's `.prompt` files
include.py     one definition below another, and finding the file that a name means
lint.py        rules that need more than one key
lint_tokens.py rules that need a vocabulary
first_token.py whether labels differ in their first token, and what to write where they do not
json_schema.py the JSON Schema of definition files
loader.py      read one file: YAML, schema and lint, all errors at once
library.py     find definitions by name
"""
