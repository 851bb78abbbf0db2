import pytest

from pen_backend.prompts.training import DEFAULT_STEPS, TrainingSpec
from tests.prompts.files import SHORT, define, say

FULL = SHORT + """\
training:
  seed: 7
  sources:
  - {id: reddit, reader: jokes, path: data/reddit.json.gz, where: {score: {min: 10}, kind: {in: [pun, 1]}}, terms: x}
  - {id: notes, reader: org, path: puns.org, unit: heading, select: {tag: train, skip-todo: true},
     fields: {a: heading, b: [heading, body]}}
  - {id: held, reader: jsonl, path: test.jsonl, side: valid, limit: 5, encoding: latin-1}
  - {reader: text, text: "one\\ntwo", unit: line}
  steps:
  - normalise
  - normalise: {unicode: NFC, invisible: strip, space: collapse, newlines: space}
  - anonymise: {people: pseudonym, phone: mask, key: private/key.json, numbers: [{regex: '[0-9]{5}', as: N}]}
  - filter: {field: joke, chars: [10, 600], words-file: swears.txt, script: latin}
  - dedupe: {exact: casefold, near: 0.7, keep: {max: score}}
  - dedupe: {keep: first}
  - sample: {n: 100}
  - relabel: {old: new}
  example: {build: continuation, items: joke, group-by: {opening: 3}, count: [2, 8], share: [0.3, 0.7],
            loss-weights: [0.3, 0.7], max-tokens: 2048, min-tokens: {a: 3}, overlong: truncate, gap: 6h}
  split: {valid: {share: 0.2, most: 1000}, by: [group, near], near: 0.5, stratify: label}
  checks: {leak: error, class-min: {do: warn, limit: 100}, first-token: off}
  on-bad: skip
  max-bad: 0.5
  output: {dir: build/puns, format: prompt-completion, lossy: zero-one, shard-mb: 1}
  budget: {amount: 10, model: davinci, epochs: 4}
  job: {model: pen-tiny, n-epochs: auto, batch-size: 2, learning-rate-multiplier: 1, snapshots-every: 15}
"""


def training(text: str) -> TrainingSpec:
    found = define(text).training
    assert found is not None
    return found


def test_the_whole_block_is_read() -> None:
    spec = training(FULL)
    assert spec.sources[0].where["kind"].in_ == ("pun", 1)
    assert spec.sources[1].fields == {"a": ("heading",), "b": ("heading", "body")}
    assert spec.sources[1].select.skip_todo
    assert [step.name for step in spec.steps] == ["normalise", "normalise", "anonymise", "filter", "dedupe", "dedupe",
                                                  "sample", "relabel"]
    assert spec.steps[4].dedupe is not None
    assert spec.steps[4].dedupe.keep is not None
    assert spec.steps[4].dedupe.keep.max == "score"
    assert spec.steps[5].dedupe is not None
    assert spec.steps[5].dedupe.keep is None
    assert spec.example.loss_weights == (0.3, 0.7)
    assert spec.split.valid.most == 1000
    assert spec.checks["first-token"].do == "off"
    assert spec.checks["class-min"].limit == 100
    assert spec.hyperparameters == {"model": "pen-tiny", "n_epochs": "auto", "batch_size": 2,
                                    "learning_rate_multiplier": 1, "snapshots_every": 15}


def test_defaults_are_those_of_the_contract() -> None:
    spec = training(SHORT + "training: {}\n")
    assert spec.steps == DEFAULT_STEPS
    assert [step.name for step in spec.steps] == ["normalise", "dedupe"]
    assert spec.example.build == "row"
    assert spec.split.valid.share == 0.1
    assert spec.split.by == ("near",)
    assert (spec.on_bad, spec.max_bad, spec.seed) == ("quarantine", 0.01, 0)
    assert (spec.output.format, spec.output.lossy, spec.output.shard_mb) == ("text-list", "error", 256)


def test_columns_are_mapped_to_the_items_of_a_continuation_too() -> None:
    spec = training(SHORT + "training: {sources: [{path: a, fields: {joke: [title, body]}}], "
                    "example: {build: continuation, items: joke}}")
    assert spec.sources[0].fields == {"joke": ("title", "body")}


def test_a_share_alone_says_how_much_is_held_out() -> None:
    assert training(SHORT + "training: {split: {valid: 0.25}}").split.valid.share == 0.25


@pytest.mark.parametrize(("block", "message"), [
    ("sources: [{reader: joke, path: a}]", "sources[0].reader: expected 'auto', 'jokes'"),
    ("sources: [{reader: jokes}]", "training.sources[0]: a source has either a path or a text"),
    ("sources: [{reader: jokes, path: a, text: b}]", "a source has either a path or a text"),
    ("sources: [{reader: jokes, path: a, unit: line}]", "'unit' belongs to reader org or text, not to 'jokes'"),
    ("sources: [{reader: text, path: a, unit: heading}]", "reader text reads line, paragraph, file, got 'heading'"),
    ("sources: [{path: a, encoding: utf-9}]", "'utf-9' is not an encoding"),
    ("sources: [{path: a, sha256: abc}]", "sources[0].sha256: expected 64 hexadecimal digits, got 'abc'"),
    ("sources: [{path: a, fields: {bb: x}}]", "sources[0].fields: 'bb' is not a variable; did you mean 'b'?"),
    ("sources: [{path: a, where: {s: {minimum: 1}}}]", "unknown key 'minimum'; did you mean 'min'?"),
    ("steps: [{normalize: {}}]", "unknown key 'normalize'; did you mean 'normalise'?"),
    ("steps: [{normalise: {}, dedupe: {}}]", "training.steps[0]: a step has one key, its name, got 2"),
    ("steps: [{normalise: {newline: keep}}]", "unknown key 'newline'; did you mean 'newlines'?"),
    ("steps: [{dedupe: {near: 70}}]", "training.steps[0].dedupe.near: expected a number from 0 to 1, got 70"),
    ("steps: [{dedupe: {keep: last}}]", "training.steps[0].dedupe.keep: expected a mapping, got 'last'"),
    ("steps: [{sample: {}}]", "sample takes either n or share"),
    ("steps: [{filter: {chars: [9, 1]}}]", "training.steps[0].filter.chars: [9, 1] is empty"),
    ("steps: [{filter: {chars: 9}}]", "training.steps[0].filter.chars: expected two whole numbers [LOW, HIGH], got 9"),
    ("steps: [{anonymise: {numbers: [{regex: '(', as: x}]}}]", "regex: not a regular expression"),
    ("example: {loss-weights: 0.3}", "training.example.loss-weights: expected a list of numbers, got 0.3"),
    ("example: {group-by: {opening: 0}}", "training.example.group-by: expected a field's name or {opening: N}"),
    ("example: {build: continuation, count: [1, 8]}", "a continuation needs at least 2 items"),
    ("example: {share: [0.7, 0.3]}", "training.example.share: [0.7, 0.3] is empty"),
    ("example: {gap: six}", "training.example.gap: expected a duration such as 30s, 2m, 6h or 1d, got 'six'"),
    ("example: {min-tokens: {zz: 3}}", "training.example.min-tokens: 'zz' is not a variable"),
    ("split: {valid: 2}", "training.split.valid.share: expected a number from 0 to 1, got 2"),
    ("split: {by: near}", "training.split.by: expected a list, got 'near'"),
    ("checks: {leek: error}", "unknown key 'leek'; did you mean 'leak'?"),
    ("checks: {leak: loud}", "training.checks.leak.do: expected 'off', 'warn' or 'error', got 'loud'"),
    ("output: {format: csv}", "training.output.format: expected 'text-list', "),
    ("budget: {amount: 10}", "training.budget: key 'epochs' is missing"),
    ("steps: [{}]", "training.steps[0]: a step has one key, its name, got none"),
    ("job: {n-epoch: 3}", "unknown key 'n-epoch'; did you mean 'n-epochs'?"),
    ("job: {n_epochs: 3}", "unknown key 'n_epochs'; did you mean 'n-epochs'?"),
    ("job: {batch-size: 0}", "training.job.batch-size: expected a whole number from 1 to 256 or auto, got 0"),
    ("separator: x", "unknown key 'separator'"),
])
def test_a_wrong_block_is_one_sentence(block: str, message: str) -> None:
    found = say(SHORT + f"training: {{{block}}}")
    assert any(message in one for one in found), found
    assert all(one.startswith("t.yaml:7:") for one in found)
