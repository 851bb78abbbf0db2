"""Everything that needs torch: tokens with weights, batches, loss, training, checkpoints, generation.

Training, in the order data goes:
spec.py         the order a trainer works to: spec.json
folder.py       a model's folder, judged before anything in it is loaded
vocabulary.py   a model's tokenizer: text to ids, ids to bytes
rendering.py    chat templates that models bring, in a process of its own
chat.py         messages of a chat as segments of text
tokenise.py     examples to tokens with exact weights
data.py         a job's data file, every refusal with its line
preferences.py  pairs of answers
batches.py      which examples a step trains on: length buckets
windows.py      the same for windows of equal length
plan.py         which of the two a job has
memory.py       how much memory training takes
check.py        what can be said of a job without torch: check.json
device.py       where numbers are computed, and how precisely
models.py       load a model folder, and write one
attention.py    attention for training on a CPU in bf16
adapters.py     LoRA adapters as PEFT folders
loss.py         the one loss
dpo.py          the one of preferences
references.py   what a model favoured before
optimiser.py    AdamW and its schedule
totals.py       sums over batches, and the figures they make
ranks.py        several processes that train one model
run.py          everything the loop works with, loaded
trainer.py      the loop
validation.py   loss, accuracy and classes on held-out examples
classes.py      the classes of a job
classification.py  how well they are told
best.py         the best evaluation so far
samples.py      completions while training
checkpoints.py  checkpoints on disk
resume.py       a run's whole state as files, and back
journal.py      events.jsonl
reporting.py    what a run tells
results.py      what a finished job leaves beside its model
outcome.py      exit codes and error.json

Inference:
requests.py     what a worker is asked for
loaded.py       the models a worker holds
sampling.py     draw tokens
generation.py   choices in the making, and what takes them a token further
llama.py        the weights of models of Llama's kind
halves.py       matrices that are read at half the cost
cache.py        what has been read of each row, in slots
loras.py        adapters of rows that share a step
slots.py        such a model as a decoder over slots
padded.py       any model as a decoder, by the library's forward
textstream.py   tokens to whole characters, stop texts held back
answers.py      one request: its rows, and the events that tell of them
batching.py     rows of many requests in the steps of a decoder

The base: base.py (its shape), corpus.py (its texts), recipe.py (its numbers), curriculum.py (what each step reads),
pretraining.py (its loop).
"""
