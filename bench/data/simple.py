"""The straightforward pipeline to the same rows: json, tokenizers one text after the other, jsonlines.

Run it: python bench/data/simple.py INPUT TOKENIZER OUT
"""

import json
import re
import sys
import unicodedata
from hashlib import blake2b
from pathlib import Path

import jsonlines
from tokenizers import Tokenizer

INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f\xad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


def main(source: Path, vocabulary: Path, out: Path) -> None:
    """Read everything, write a row a joke."""
    tokenizer = Tokenizer.from_file(str(vocabulary))
    tokenizer.encode_special_tokens = True
    out.mkdir()
    seen = set()
    tokens, words, chars = {"train": 0, "valid": 0}, 0, 0
    with jsonlines.open(out / "train.jsonl", "w") as train, jsonlines.open(out / "valid.jsonl", "w") as valid:
        for joke in json.loads(source.read_text()):
            text = unicodedata.normalize("NFC", " ".join(text for text in (joke["title"], joke["body"]) if text))
            text = " ".join(text.split())
            if not text.isprintable():
                text = " ".join(INVISIBLE.sub("", text).split())
            key = re.sub(r"[\W_]+", "", text.casefold()) or text
            if not text or key in seen:
                continue
            seen.add(key)
            side = "valid" if place(text) < 0.1 else "train"
            row = ["<joke>", text + "\n"]
            tokens[side] += sum(len(tokenizer.encode(part, add_special_tokens=False).ids) for part in row)
            words += len("".join(row).split())
            chars += len("".join(row))
            (train if side == "train" else valid).write({"data": {"text_list": row, "loss_weights": [0.0, 1.0]}})
    out.with_suffix(".json").write_text(json.dumps({"tokens": tokens, "words": words, "chars": chars}))


def place(text: str) -> float:
    """Say where a text is on the way from held out to trained on, as pen does."""
    key = blake2b(text.encode(), digest_size=16).hexdigest()[:16]
    return int(blake2b(f"split\x000\x00{key}".encode(), digest_size=8).hexdigest(), 16) / 2**64


main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
