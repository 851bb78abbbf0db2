"""Pre-train a base such as pen-tiny; `make base` runs it.

Run it: python -m pen_backend.engine.pretrain --corpus DIR --out DIR
        python -m pen_backend.engine.pretrain --untrained --like BASE --out DIR    (random weights, the same tokenizer)
"""

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pen_backend.errors import PenError
from pen_backend.files import temporary_name

if TYPE_CHECKING:
    from pen_backend.engine.nn.pretraining import Progress
    from pen_backend.engine.nn.recipe import Recipe


def main(arguments: list[str] | None = None) -> int:
    """Make a base folder and publish it by one rename; return an exit status."""
    options = _parser().parse_args(arguments)
    out: Path = options.out
    if out.exists():
        print(f"{out} exists already; remove it or choose another --out.", file=sys.stderr)
        return 1
    work = temporary_name(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        if options.untrained:
            _untrained(options.like, options.seed, work)
        else:
            _pretrain(options.corpus, options.tokens, options.threads, options.seed, work, _unfinished(out))
        work.replace(out)
        shutil.rmtree(_unfinished(out), ignore_errors=True)
    except PenError as error:
        print(f"pretrain: {error}", file=sys.stderr)
        return error.exit_code
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"Wrote {out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pen_backend.engine.pretrain", description="Pre-train a base.")
    option = parser.add_argument
    option("--corpus", type=Path, help="folder of the public-domain corpus with its MANIFEST.json")
    option("--out", type=Path, required=True, help="folder to write; must not exist")
    option("--tokens", type=int, default=24_000_000, help="training budget in tokens (default: %(default)s)")
    option("--threads", type=int, default=2, help="CPU threads; part of the exact result (default: %(default)s)")
    option("--seed", type=int, default=1, help="seed of weights and order (default: %(default)s)")
    option("--untrained", action="store_true", help="write random weights and train nothing")
    option("--like", type=Path, help="base whose shape and tokenizer --untrained takes over")
    return parser


def _untrained(like: Path, seed: int, out: Path) -> None:
    """Write a base with the shape and tokenizer of LIKE and random weights."""
    from tokenizers import Tokenizer

    from pen_backend.engine.nn.base import Shape, build_model, save_base

    config = json.loads((like / "config.json").read_text())
    shape = Shape(**{name: config[name] for name in Shape.__slots__})
    save_base(build_model(shape, seed=seed), Tokenizer.from_file(str(like / "tokenizer.json")), out)


def _unfinished(out: Path) -> Path:
    """Name the directory of the checkpoints of a base that is not finished yet."""
    return out.with_name(f"{out.name}.unfinished")


def _pretrain(corpus_directory: Path, tokens: int, threads: int, seed: int, out: Path, unfinished: Path) -> None:
    """Read, tokenise, train, measure, save; everything that was decided goes into manifest.json."""
    from pen_backend.engine.nn.base import Shape, build_model, save_base, train_tokenizer
    from pen_backend.engine.nn.corpus import read_corpus
    from pen_backend.engine.nn.pretraining import bits_per_byte, curriculum, train, use_threads
    from pen_backend.engine.nn.recipe import Recipe

    torch_version = use_threads(threads)
    recipe = Recipe(tokens=tokens, seed=seed)
    corpus = read_corpus(corpus_directory)
    _say(f"corpus: {len(corpus.train)} books to train on, {len(corpus.held_out)} held out")
    tokenizer = train_tokenizer(document for book in corpus.train if book.kind != "own" for document in book.documents)
    text = curriculum(corpus, tokenizer, recipe)
    passes = text.passes(recipe)
    _say(f"{recipe.steps} steps; each text is read so often: {passes}")
    model = build_model(Shape(), seed=seed)
    train(model, text, recipe, _report(recipe), root=unfinished)
    held_out = {}
    for kind in ("jokes", "prose"):
        documents = [document for book in corpus.held_out if book.kind == kind for document in book.documents]
        documents = documents[:: max(1, len(documents) // 200)]
        held_out[kind] = round(bits_per_byte(model, iter(documents), tokenizer), 4)
    _say(f"bits per byte on held-out books: {held_out}")
    save_base(model, tokenizer, out)
    _write_manifest(out, {
        "seed": seed, "threads": threads, "tokens": tokens, "torch": torch_version, "passes": passes,
        "corpus": corpus.files, "held_out_books": [book.title for book in corpus.held_out],
        "bits_per_byte": held_out,
    })


def _write_manifest(out: Path, made: dict[str, object]) -> None:
    """Write manifest.json last: how the base was made, and the sha256 of each of its files."""
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())}
    (out / "manifest.json").write_text(json.dumps({"made": made, "files": files}, indent=1) + "\n")


def _report(recipe: "Recipe") -> Callable[["Progress"], None]:
    def say(progress: "Progress") -> None:
        left = (progress.steps - progress.step) * recipe.window * recipe.windows_per_step / progress.tokens_per_second
        _say(f"step {progress.step}/{progress.steps}  loss {progress.loss:.3f}  "
             f"{progress.tokens_per_second:,.0f} tokens/s  {left / 60:.0f} min left")

    return say


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
