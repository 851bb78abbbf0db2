"""What building a training set costs, against the straightforward pipeline and against openai's prepare_data.

Run it: python -m bench data

The input is the file of 194,553 jokes that shared/data/jokes/build_bench_input.py makes; without it one is generated,
and the rows say so. Every arm is a process of its own, imports included, and the arms take turns: a row's value is the
median of the rounds' ratios, its `values` are the rounds. Times are CPU seconds, or of the clock where the row says so;
memory is the most an arm held. The rows that the arms write are compared one by one. Where prepare_data cannot be
installed, its rows are left out. It counts no tokens, and cannot finish the five longest records, which are left out
for both.
"""

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

import pen_backend
from bench import prepare_data
from bench.measured import Cost, measured
from bench.row import Row
from pen_backend.dataset.keys import folded_key

ROOT = Path(__file__).resolve().parents[1]
ARMS = ROOT / "bench/data"
JOKES = Path(os.environ.get("PEN_SHARED", ROOT.parent / "shared")) / "data/jokes/build_bench_input.py"
TOKENIZER = Path(pen_backend.__file__).parent / "engine/base/pen-tiny/tokenizer.json"
ROUNDS = 3
PARTS = (16, 4, 1)  # the parts of the input whose cost a record is compared, each with all duplicates of its texts

Rounds = dict[str, list[Cost]]


def rows() -> list[Row]:
    """Measure everything that this machine has the peers for."""
    with tempfile.TemporaryDirectory(prefix="pen-bench-") as name:
        work = Path(name)
        said = make_input(work)
        costs, parts = run(work)
        compare(work)
        counted = list(of_core(costs, said))
        if costs["prepare_data"]:
            counted += of_prepare(costs, said)
        return [*counted, *of_near(costs, said), *of_growth(costs, parts, said)]


def of_core(costs: Rounds, said: str) -> Iterator[Row]:
    """Compare a build with the straightforward pipeline."""
    simple = f"json, tokenizers, jsonlines{said}"
    yield ratio("data-core-wall", f"wall of {simple}", 0.40, costs["core"], costs["simple"], "wall")
    yield ratio("data-core-cpu", f"CPU of {simple}", None, costs["core"], costs["simple"], "cpu")
    yield absolute("data-core-memory", f"MB{said}", 300, costs["core"])
    yield ratio("data-whole-cpu", f"CPU of {simple}; with near texts", 1.3, costs["whole"], costs["simple"], "cpu")
    yield absolute("data-whole-memory", f"MB; with near texts{said}", 600, costs["whole"])


def of_prepare(costs: Rounds, said: str) -> Iterator[Row]:
    """Compare a build that counts tokens with prepare_data, which does not."""
    for name, key, goal in (("cpu", "cpu", 0.60), ("memory", "peak", 0.35), ("wall", "wall", None)):
        yield ratio(f"data-prepare-{name}", f"{name} of prepare_data, openai 2.34.0{said}", goal, costs["pairs"],
                    costs["prepare_data"], key)


def of_near(costs: Rounds, said: str) -> Iterator[Row]:
    """Compare the join of near texts alone with the same join on sets of strings."""
    for name, key, goal in (("cpu", "cpu", 0.90), ("memory", "peak", 0.35)):
        yield ratio(f"data-near-{name}", f"{name} of the join on sets of strings, at 0.7{said}", goal, costs["near"],
                    costs["strings"], key)


def of_growth(costs: Rounds, parts: Mapping[int, list[tuple[float, int]]], said: str) -> Iterator[Row]:
    """Say how the cost of a record and the memory grow from a part of the input to the whole."""
    each = {part: statistics.median(cpu / records for cpu, records in found) for part, found in parts.items()}
    yield {"name": "data-growth-time", "against": f"the cheapest of 1x, 4x, 16x, CPU a record{said}", "goal": 1.2,
           "ratio": max(each.values()) / min(each.values()), "better": "lower",
           "values": [1e6 * each[part] for part in PARTS]}
    peaks = {part: statistics.median(cost["peak"] for cost in costs["core" if part == 1 else f"part {part}"])
             for part in PARTS}
    records = {part: parts[part][0][1] for part in PARTS}
    further = (peaks[1] - peaks[PARTS[0]]) * 1024 ** 2 / (records[1] - records[PARTS[0]])
    yield {"name": "data-growth-memory", "against": f"bytes a further record; values are MB at 1x, 4x, 16x{said}",
           "goal": None, "ratio": further, "better": "lower", "values": [peaks[part] for part in PARTS]}


def ratio(name: str, against: str, goal: float | None, ours: list[Cost], theirs: list[Cost], key: str) -> Row:
    """Make the row of one comparison: the median of the rounds' ratios."""
    values = [one[key] / other[key] for one, other in zip(ours, theirs, strict=True)]  # type: ignore[literal-required] # one of the three keys
    return {"name": name, "ratio": statistics.median(values), "against": against, "goal": goal, "better": "lower",
            "values": values}


def absolute(name: str, against: str, goal: float, ours: list[Cost]) -> Row:
    """Make the row of a peak."""
    values = [one["peak"] for one in ours]
    return {"name": name, "ratio": statistics.median(values), "against": against, "goal": goal, "better": "lower",
            "values": values}


def run(work: Path) -> tuple[Rounds, dict[int, list[tuple[float, int]]]]:
    """Run every arm in turn, some rounds; return the costs, and what the builds of each part took by themselves."""
    python = sys.executable
    arms = {
        "simple": [python, str(ARMS / "simple.py"), "jokes.json", str(TOKENIZER), "simple"],
        "core": [python, str(ARMS / "ours.py"), "core.yaml", "core"],
        "whole": [python, str(ARMS / "ours.py"), "whole.yaml", "whole"],
        "pairs": [python, str(ARMS / "ours.py"), "pairs.yaml", "pairs"],
        "near": [python, str(ARMS / "near.py"), "texts.jsonl", "0.7", "near.json"],
        "strings": [python, str(ARMS / "strings.py"), "texts.jsonl", "0.7", "strings.json"],
        **{f"part {part}": [python, str(ARMS / "ours.py"), f"part{part}.yaml", f"part{part}"] for part in PARTS[:-1]},
    }
    if (prepare := prepare_data.command("pairs.jsonl")) is not None:
        arms["prepare_data"] = prepare
    costs: Rounds = {name: [] for name in (*arms, "prepare_data")}
    parts: dict[int, list[tuple[float, int]]] = {part: [] for part in PARTS}
    for _ in range(ROUNDS):
        for name, command in arms.items():
            clear(work, name)
            cost = measured(command, work)
            costs[name].append(cost)
            print(f"  {name:12} {cost['cpu']:6.2f} s CPU, {cost['wall']:6.2f} s, {cost['peak']:4.0f} MB",
                  file=sys.stderr, flush=True)
            if name == "core" or name.startswith("part"):
                part = 1 if name == "core" else int(name.removeprefix("part "))
                told = json.loads((work / f"{name.replace(' ', '')}.json").read_text())
                parts[part].append((told["cpu"], told["records"]))
    return costs, parts


def clear(work: Path, name: str) -> None:
    """Remove what an arm has written in the round before."""
    name = name.replace(" ", "")
    shutil.rmtree(work / name, ignore_errors=True)
    for path in (work / f"{name}.json", *(work.glob("*_prepared*") if name == "prepare_data" else ())):
        path.unlink(missing_ok=True)


def make_input(work: Path) -> str:
    """Write the input in every form; say in brackets if it is not the real one."""
    jokes, said = work / "jokes.json", ""
    if JOKES.exists():
        subprocess.run([sys.executable, str(JOKES), str(jokes)], check=True, stdout=sys.stderr)
    else:
        jokes.write_text(json.dumps(list(generated(194_553)), indent=4))
        said = " (generated jokes)"
    records: list[dict[str, str]] = json.loads(jokes.read_text())
    prepare_data.write_rows(records, work / "pairs.jsonl")
    with (work / "texts.jsonl").open("w") as texts:
        distinct = {key(text): text for text in (f"{joke['title']} {joke['body']}" for joke in records)}
        texts.writelines(json.dumps(text) + "\n" for text in distinct.values())
    for part in PARTS[:-1]:
        some = [joke for joke in records if key(joke["title"], " ", joke["body"])[0] % part == 0]  # with all duplicates
        (work / f"jokes{part}.json").write_text(json.dumps(some, indent=4))
        definition = (ARMS / "core.yaml").read_text().replace("jokes.json", f"jokes{part}.json")
        (work / f"part{part}.yaml").write_text(definition)
    for name in ("core", "whole", "pairs"):
        shutil.copy(ARMS / f"{name}.yaml", work)
    return said


def generated(count: int) -> Iterator[dict[str, object]]:
    """Invent records of about the length of jokes, a tenth of them without a body and a tenth twice."""
    words = ["".join(chr(97 + byte % 26) for byte in hashlib.blake2b(b"%d" % n, digest_size=2 + n % 7).digest())
             for n in range(20_000)]
    for number in range(count):
        drawn = hashlib.blake2b(b"joke %d" % (number - number % 10 % 9 // 8), digest_size=64).digest()
        text = [words[int.from_bytes(drawn[at:at + 2], "big") ** 2 % 20_000] for at in range(0, 64, 2)]
        yield {"body": "" if drawn[0] < 26 else " ".join(text[10:]) + ".", "id": f"{number:06x}", "score": drawn[1],
               "title": " ".join(text[:10]) + "?"}


def compare(work: Path) -> None:
    """Compare what the arms have written; a difference is an error."""
    for side in ("train", "valid"):
        with (work / f"core/latest/{side}.jsonl").open() as ours, (work / f"simple/{side}.jsonl").open() as theirs:
            for number, (one, other) in enumerate(zip_longest(ours, theirs), 1):
                assert json.loads(one or "0") == json.loads(other or "1"), f"{side} row {number} differs"
    told = [json.loads((work / f"{name}.json").read_text())["tokens"] for name in ("core", "simple")]
    assert told[0] == told[1], f"pen counts {told[0]} tokens, the straightforward pipeline {told[1]}"
    assert (work / "near.json").read_text() == (work / "strings.json").read_text(), "the pairs of near texts differ"
    if (work / "pairs_prepared.jsonl").exists():
        compare_prepared(work)


def compare_prepared(work: Path) -> None:
    """Compare with prepare_data's rows, whose white space is as it came: as letters and digits they are the same.

    It keeps completions of white space alone. pen drops a pair that joined is the text of an earlier record, also of
    one without a completion.
    """
    with (work / "pairs.jsonl").open() as stream:
        open_ended = {key(row["prompt"]) for row in map(json.loads, stream) if not row["completion"].strip()}
    with (work / "pairs_prepared.jsonl").open() as stream:
        theirs = {key(row["prompt"], row["completion"]) for row in map(json.loads, stream)
                  if row["completion"].removesuffix("+++").strip()}
    ours = set()
    for side in ("train", "valid"):
        with (work / f"pairs/latest/{side}.jsonl").open() as stream:
            ours |= {key(*json.loads(line)["data"]["text_list"]) for line in stream}
    assert ours <= theirs, f"{len(ours - theirs)} rows of ours are none of theirs"
    missing = theirs - ours - open_ended
    assert len(missing) < 20, f"{len(missing)} rows of theirs are none of ours"  # those that hold completion-end


def key(*texts: str) -> bytes:
    """Hash the letters and digits of a row."""
    return folded_key(unicodedata.normalize("NFC", "".join(texts)))
