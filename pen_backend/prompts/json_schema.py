"""The JSON Schema of definition files, for editors that complete and check YAML by one.

Made from the models, so that it cannot say anything else than they do; what the models cannot say stands here: that a
variable's name is its key, that its texts may look like numbers, what keys are for, and the keys of older files.
Run it: python -m pen_backend.prompts.json_schema prompts/schema.json
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pen_backend.prompts.ancestor.reading import NEWER, RENAMED
from pen_backend.prompts.dataset import DatasetSpec
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.forms import FORMS
from pen_backend.records import HYPERPARAMETERS, Hyperparameter

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
MEANINGS: Mapping[str, str] = {
    "pen": "version of this schema",
    "kind": "a prompt, or a training set of its own that names its prompt",
    "title": "shown to people; its slug names the command",
    "name": "what others call it; the title's slug if absent",
    "aliases": "more names of the command",
    "description": "the first line is the command's help",
    "prompt-version": "the author's own counter",
    "include": "a definition whose keys count where this one has none",
    "in-development": "checked, but not offered as a command",
    "meta": "anything; name the text's origin here, as source and licence",
    "prompt": "what the model reads, with <variables>; of a training set the name of its prompt",
    "completion": "what the model should write; training and evaluation need it",
    "messages": "a chat, instead of a prompt",
    "segments": "more than two texts, instead of prompt and completion",
    "vars": "the variables, in order",
    "literals": "texts that look like <variables> and are not",
    "format": "the boundary between prompt and completion",
    "classes": "the labels of a classification and how they are written",
    "model": "instead of the newest model tuned from this definition",
    "temperature": "0 is the most likely text; higher is more varied",
    "top-p": "only the likeliest tokens that have this share together",
    "frequency-penalty": "against tokens, the more often they were used",
    "presence-penalty": "against tokens that were used at all",
    "seed": "the same number gives the same answer again",
    "max-tokens": "longest answer; a number or a template that gives one",
    "n-completions": "candidates of one request",
    "best-of": "made by the server, of which it returns n-completions",
    "n-collate": "requests whose answers are joined",
    "stop-sequences": "further texts that end an answer",
    "insertion": "answers are inserted at point",
    "filter": "the answer replaces the region",
    "completion-at-point": "offered before point",
    "conversation-mode": "a conversation that uses repeater",
    "cache": "answers are remembered",
    "repeater": "what is added in each turn; {} is the last variable",
    "no-trim-start": "white space at the start is kept",
    "no-trim-end": "white space at the end is kept",
    "prompt-filter": "filters of the rendered prompt",
    "postprocessor": "filters of the answer",
    "training": "the training set and the job's defaults",
    "evaluation": "how base and tuned model are compared",
    "tests": "values, and what the answer must satisfy",
    "sources": "where the records come from",
    "steps": "what is done to them, in order; a list given here replaces the usual one",
    "example": "how records become examples",
    "split": "what is held out",
    "checks": "what a check does when it finds something",
    "on-bad": "what happens to records that cannot be used",
    "max-bad": "share of such records above which nothing is published",
    "output": "what is written, and where",
    "budget": "how much may be spent; decides how much is kept",
    "job": "defaults of the fine-tuning job",
}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_NOTHING: Schema = {"const": None}  # `- NAME:` and `- normalise:`, the only places where nothing is a value
_WRITTEN: Schema = {"anyOf": [_SCALAR, {"items": _SCALAR, "type": "array"}]}  # kept as it stands in the file


def schema() -> Schema:
    """Build the schema: draft 2020-12; prompts and training sets of `pen: 1`, and older files."""
    parts: Schema = {}
    kinds = {}
    for name, model in (("Prompt", Definition), ("Dataset", DatasetSpec)):
        kinds[name] = model.model_json_schema(by_alias=True)
        parts |= kinds[name].pop("$defs")
    _variables(kinds["Prompt"], parts)
    for block in (parts["TrainingSpec"], kinds["Dataset"]):
        block["properties"]["job"] = _job()
    for kind in kinds.values():
        for key, value in kind["properties"].items():
            value["description"] = MEANINGS[key]
    for step in parts["Step"]["properties"].values():
        step["anyOf"].append(_NOTHING)
    kinds["Prompt"]["anyOf"] = [{"required": [key]} for key in (*FORMS, "include")]
    parts = kinds | parts
    for part in parts.values():  # a class's docstring is for readers of the code
        part.pop("description", None)
    parts = {name: _tidy(part) for name, part in parts.items()}
    is_dataset = {"properties": {"kind": {"const": "dataset"}}, "required": ["kind"]}
    return {
        "$schema": DRAFT, "title": "pen prompt definition", "type": "object",
        "if": {"required": ["pen"]},
        "then": {"if": is_dataset, "then": {"$ref": "#/$defs/Dataset"}, "else": {"$ref": "#/$defs/Prompt"}},
        "else": {"$ref": "#/$defs/Older"},
        "$defs": {**parts, "Older": _older(parts["Prompt"])},
    }


def text() -> str:
    """Write the schema as the file `prompts/schema.json` holds it."""
    # Two models of one name are told apart by the path of their module, which helps no reader.
    written = json.dumps(schema(), indent=1, ensure_ascii=False)
    return re.sub(r"pen_backend__prompts__(\w)(\w*?)s?__", lambda found: found[1].upper() + found[2], written) + "\n"


def _variables(models: Schema, parts: Schema) -> None:
    """Describe `vars` as files write them: NAME, or NAME: {…}; and texts that YAML takes for something else."""
    variable = parts["Variable"]
    name = variable["properties"].pop("name")
    variable.pop("required", None)
    variable["properties"] |= {
        "default": _WRITTEN, "example": _WRITTEN, "choices": {"items": _SCALAR, "type": "array"}}
    named = {"type": "object", "minProperties": 1, "maxProperties": 1, "propertyNames": {"pattern": name["pattern"]},
             "additionalProperties": {"anyOf": [{"$ref": "#/$defs/Variable"}, _NOTHING]}}
    models["properties"]["vars"] = {"items": {"anyOf": [{"type": "string", "pattern": name["pattern"]}, named]},
                                    "type": "array"}
    parts["PromptTest"]["properties"]["vars"] = {"additionalProperties": _WRITTEN, "type": "object"}


def _job() -> Schema:
    """Describe the job's options from their one table."""
    options = {name.replace("_", "-"): value for name, value in _options(HYPERPARAMETERS).items()}
    return {"additionalProperties": False, "properties": options, "type": "object"}


def _options(table: Mapping[str, Hyperparameter]) -> Schema:
    kinds = {"int": "integer", "float": "number", "text": "string", "choice": "string", "texts": "array",
             "numbers": "array", "mapping": "object"}
    options: Schema = {}
    for option in table.values():
        value: Schema = {"enum": list(option.choices)} if option.choices else {"type": kinds[option.kind]}
        if option.kind in ("int", "float"):
            bounds = {"minimum": option.minimum, "maximum": option.maximum, "exclusiveMinimum": option.above}
            value |= {key: bound for key, bound in bounds.items() if bound is not None}
        if option.inner:
            value |= {"properties": _options(option.inner)}
        options[option.name] = {
            **({"anyOf": [value, {"const": "auto"}]} if option.auto else value), "description": option.meaning}
    return options


def _older(prompt: Schema) -> Schema:
    """Describe files without `pen:`, which never fail for their keys: what is old is marked, with its new name."""
    same = {key: {"description": prompt["properties"][key]["description"]} for key in MEANINGS
            if key in prompt["properties"] and key not in NEWER}
    renamed = {old: {"deprecated": True, "description": f"now {key}"} for old, key in RENAMED.items() if old != key}
    return {"description": "a file of pen.el; `pen: 1` makes it a definition of this version", "type": "object",
            "properties": {**same, **renamed}}


def _tidy(value: Any, *, keys: bool = False) -> Any:
    """Leave out what helps no reader: titles made from keys, and null, which is no value in a file.

    KEYS says that VALUE is a mapping whose keys are a file's own, such as `title`.
    """
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    if keys:
        return {key: _tidy(item) for key, item in value.items()}
    value = {key: item for key, item in value.items() if key != "title" and (key != "default" or _plain(item))}
    members = [member for member in value.get("anyOf", ()) if member != {"type": "null"}]
    if members and members != value["anyOf"]:
        value = {**{key: item for key, item in value.items() if key != "anyOf"},
                 **(members[0] if len(members) == 1 else {"anyOf": members})}
    return {key: _tidy(item, keys=key == "properties") for key, item in value.items()}


def _plain(default: object) -> bool:
    """Say whether a default is worth a reader's time: a word or a number, not an empty text or a whole block."""
    return isinstance(default, bool | int | float) or (isinstance(default, str) and bool(default.strip()))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
