"""How many tokens a CPU-second trains, against transformers.Trainer and TRL, and how that grows.

Run it: python -m bench training

All arms train the packaged base on the same examples, one joke each; see bench/trainers.py. Each is a process of its
own, as it would be in use, and they take turns. Ratios are of the medians of the rounds. The roof is what bare bf16
products of the model's shapes reach in the same run. Collections that are not on this machine are left out.
"""

import gzip
import json
import os
import re
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import trl
from bench.arms import Rates, measure
from bench.row import Row
from bench.trainers import operations, our_rates, roof_rates, their_rates, trl_rates

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "pen_backend/engine/base/pen-tiny"
JOKES = Path(os.environ.get("PEN_SHARED", ROOT.parent / "shared")) / "data/jokes/taivop_stupidstuff.json.gz"
PUNS = ROOT / "prompts/puns.org"
ROUNDS = 5
LENGTHS = (32, 128, 512, 2048)
SIZES = {"5.8 M": (256, 688, 6, 4), "21 M": (512, 1376, 6, 8), "60 M": (768, 2048, 8, 12)}
"""Parameters with a vocabulary of 4,096: hidden and inner size, layers, heads."""
DEFAULT, HALF, PACKED = "Trainer, its defaults (batch 8, padded, fp32)", "Trainer, bf16, padded", "TRL, best packing"
BUCKETS, WINDOWS, ROOF = "buckets", "windows of 512", "roof"
GOALS = {DEFAULT: 7.0, HALF: 3.0, PACKED: 1.5}
ROOF_GOAL = 0.35
Found = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Case:
    """One data set on a number of threads, how many steps each arm trains in a round, and the goals."""

    name: str
    texts: Sequence[str]
    threads: int
    our_steps: int
    their_steps: int
    goals: bool


def rows() -> list[Row]:
    """Measure both data sets on one and two threads, and how rates grow with lengths and sizes."""
    cases = [Case("jokes", jokes(), threads, 2, 4, goals=True) for threads in (1, 2) if JOKES.exists()]
    cases += [Case("puns", puns(), threads, 3, 12, goals=False) for threads in (1, 2)]
    packages = trl.folder()
    found = [row for case in cases for row in of_case(case, run_case(case, packages))]
    return [*found, *of_lengths(), *of_sizes()]


def jokes() -> list[str]:
    """Read the collection without the jokes that have no body."""
    with gzip.open(JOKES) as stream:
        return [joke["body"] for joke in json.load(stream) if joke["body"].strip()]


def puns() -> list[str]:
    """Read the puns shipped with pen, the items of an org file."""
    return re.findall(r"^- (.+)$", PUNS.read_text(), re.MULTILINE)


def run_case(case: Case, packages: Path | None) -> Found:
    """Measure all arms of a case."""
    with tempfile.TemporaryDirectory() as name:
        folder = write(Path(name), case.texts)
        arms: dict[str, Rates] = {
            BUCKETS: partial(our_rates, folder, BASE, case.our_steps, "tokens", case.threads),
            WINDOWS: partial(our_rates, folder, BASE, case.our_steps, "windows", case.threads),
            DEFAULT: partial(their_rates, folder, BASE, case.their_steps, bf16=False),
            HALF: partial(their_rates, folder, BASE, case.their_steps, bf16=True),
            ROOF: partial(roof_rates, BASE, case.threads)}
        if packages:
            arms[PACKED] = partial(trl_rates, folder, BASE, 6, packages)
        return measure(arms, threads=case.threads, rounds=ROUNDS)


def of_case(case: Case, found: Found) -> Iterator[Row]:
    """Compare pen's two ways to make batches with the others, and with the roof."""
    where = f"training {case.name}, {case.threads} thread{'s' * (case.threads > 1)}"
    for way in (BUCKETS, WINDOWS):
        goals = GOALS if case.goals and way == BUCKETS else {}
        for peer in (DEFAULT, HALF, PACKED):
            if peer in found:
                yield compared(f"{where}: {way} / {peer.split(',')[0]}{' bf16' * (peer == HALF)}", peer,
                               found[way], found[peer], goals.get(peer))
        yield share(f"{where}: {way}, share of the roof", found[way], found[ROOF], operations(BASE),
                    ROOF_GOAL if goals else None)
    for arm, values in found.items():
        if arm != ROOF:
            yield Row(name=f"{where}: {arm}", ratio=statistics.median(values), against="tokens a CPU-second",
                      goal=None, better="higher", values=list(values))


def compared(name: str, peer: str, ours: Sequence[float], theirs: Sequence[float], goal: float | None) -> Row:
    """Divide medians; the values are the ratios of the rounds."""
    return Row(name=name, ratio=statistics.median(ours) / statistics.median(theirs), against=peer, goal=goal,
               better="higher", values=[one / other for one, other in zip(ours, theirs, strict=True)])


def share(name: str, ours: Sequence[float], roof: Sequence[float], per_token: float, goal: float | None) -> Row:
    """Say which share of the operations of bare products training reaches, those of a token's weights counted."""
    top = statistics.median(roof)
    return Row(name=name, ratio=statistics.median(ours) * per_token / top, goal=goal, better="higher",
               against=f"bare bf16 products, {top / 1e9:.0f} GFLOP a CPU-second",
               values=[one * per_token / other for one, other in zip(ours, roof, strict=True)])


def of_lengths() -> Iterator[Row]:
    """Train texts of one length each: attention grows with it."""
    with tempfile.TemporaryDirectory() as name:
        arms: dict[str, Rates] = {ROOF: partial(roof_rates, BASE, 1)}
        for length in LENGTHS:
            folder = Path(name) / str(length)
            folder.mkdir()
            arms[str(length)] = partial(our_rates, write(folder, of_length(length)), BASE, 1, "tokens", 1)
        found = measure(arms, threads=1, rounds=3)
    for length in LENGTHS:
        yield share(f"training texts of {length} tokens, 1 thread: share of the roof", found[str(length)],
                    found[ROOF], operations(BASE), None)


def of_length(length: int) -> list[str]:
    """Make texts of so many tokens of the packaged vocabulary, end-of-text included, for some batches."""
    from pen_backend.engine.nn.vocabulary import Vocabulary

    vocabulary = Vocabulary(BASE)
    word = " the"
    assert len(vocabulary.encode(word * 3)) == 3
    return [word * (length - len(vocabulary.prompt_ids("")) - 1)] * (8 * 4096 // length)


def of_sizes() -> Iterator[Row]:
    """Train random models of several sizes on the same texts."""
    with tempfile.TemporaryDirectory() as name:
        folder = write(Path(name), of_length(256))
        for size, shape in SIZES.items():
            model = make_model(Path(name) / size.replace(" ", "-"), *shape)
            found = measure({ROOF: partial(roof_rates, model, 1),
                             BUCKETS: partial(our_rates, folder, model, 1, "tokens", 1)}, threads=1, rounds=3)
            yield share(f"training {size} parameters, 1 thread: share of the roof", found[BUCKETS], found[ROOF],
                        operations(model), None)


def make_model(path: Path, hidden: int, inner: int, layers: int, heads: int) -> Path:
    """Write a random model of a size with the packaged tokenizer."""
    from tokenizers import Tokenizer

    from pen_backend.engine.nn.base import Shape, build_model, save_base

    shape = Shape(hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads)
    path.mkdir()
    save_base(build_model(shape, seed=1), Tokenizer.from_file(str(BASE / "tokenizer.json")), path)
    return path


def write(folder: Path, texts: Sequence[str]) -> Path:
    """Write a training file into a folder."""
    (folder / "train.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return folder
