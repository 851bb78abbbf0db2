"""The same join of near texts on sets of strings, with a dictionary of counts.

Run it: python bench/data/strings.py TEXTS THRESHOLD OUT    (TEXTS are JSON lines)
"""

import json
import math
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

WORD = re.compile(r"\w+")


def triples(text: str) -> frozenset[str]:
    """Return a text's word triples; a shorter text is one, one without words has none."""
    words = WORD.findall(text.casefold())
    return frozenset(" ".join(words[at:at + 3]) for at in range(max(len(words) - 2, 1))) if words else frozenset()


def main(source: Path, threshold: float, out: Path) -> None:
    """Order every text's triples from rare to common, and compare texts that meet in a prefix of them."""
    with source.open() as stream:
        texts = [triples(json.loads(line)) for line in stream]
    counts = Counter(triple for text in texts for triple in text)
    there: defaultdict[str, list[int]] = defaultdict(list)
    found = []
    for index in sorted(range(len(texts)), key=lambda index: len(texts[index])):
        text = texts[index]
        length = len(text) - math.ceil(threshold * len(text) - 1e-9) + 1
        prefix = sorted(text, key=lambda triple: (counts[triple], triple))[:length] if text else []
        for other in {other for triple in prefix for other in there[triple]}:
            if len(texts[other]) >= threshold * len(text) - 1e-9:
                common = len(text & texts[other])
                if common / (len(text) + len(texts[other]) - common) >= threshold:
                    found.append((min(index, other), max(index, other)))
        for triple in prefix:
            there[triple].append(index)
    out.write_text(json.dumps(sorted(found)))


main(Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))
