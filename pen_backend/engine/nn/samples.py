"""Completions while training, so that one sees what the model has learned; drawn so that training does not notice."""

from collections.abc import Sequence

import torch

from pen_backend.engine.nn.batches import pick
from pen_backend.engine.nn.generation import Options, Row, Token, generate
from pen_backend.engine.nn.padded import PaddedDecoder
from pen_backend.engine.nn.run import Run
from pen_backend.engine.nn.sampling import Sampling
from pen_backend.engine.nn.textstream import TextStream, prompt_pieces


def due_samples(run: Run) -> None:
    """Write the sample events that are due at the run's step."""
    wanted = run.spec.completions
    if wanted is None or run.step % wanted.every or not run.ranks.first:
        return
    prompts = sample_prompts(run)
    vocabulary = run.vocabulary
    options = Options(Sampling(wanted.temperature, seed=run.spec.seed), vocabulary.ends)
    rows = [Row(ids, i, run.step, wanted.max_tokens, options) for i, ids in enumerate(prompts)]
    run.loss.eval()
    devices = [run.device.torch] if run.device.name.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        generate(PaddedDecoder(run.model, vocabulary.pad), rows, step=run.stop.check)
    for row in rows:
        ended = row.tokens[-1].id in vocabulary.ends
        stream = TextStream(vocabulary)
        pieces = [stream.feed(token) for token in row.tokens[: -1 if ended else None]]
        completion = "".join(piece.text for piece in (*pieces, stream.finish()))
        run.journal.write("sample", completion, step=run.step, data={
            "step": run.step, "index": row.prompt, "completion": completion,
            "prompt": prompt_pieces(vocabulary, [Token(i) for i in row.prompt_ids if i != vocabulary.bos]).text,
            "finish_reason": "stop" if ended else "length"})


def sample_prompts(run: Run) -> list[Sequence[int]]:
    """Choose what samples start from: the job's prompts, else those of examples drawn by seed, held out if possible."""
    wanted = run.spec.completions
    assert wanted is not None  # noqa: S101 - the caller has asked
    room = run.model.config.get_text_config().max_position_embeddings - wanted.max_tokens
    if wanted.prompts:
        given = [run.vocabulary.prompt_ids(prompt)[-room:] for prompt in wanted.prompts]
        return [given[i % len(given)] for i in range(max(wanted.count, len(given)))]
    examples = (run.valid or run.train).examples
    chosen = pick(len(examples), wanted.count, run.spec.seed, "samples")
    return [examples[i].prompt.tolist()[-room:] or run.vocabulary.prompt_ids("") for i in chosen]
