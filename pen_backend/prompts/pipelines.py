"""Shell pipelines that prompts of pen.el name, and the filters of pen that stand for them: tables, nothing is run."""

from collections.abc import Mapping, Sequence

_ITEMS = r"sed '/^- /s/- //p' | sed '/^-/d'"
_WORDS = r"sed -n '/^[a-zA-Z0-9 _-]\+$/p'"
_COUNTS = (1, 2, 3, 5, 10, 20, 30, 50, 100)

PIPELINES: Mapping[str, Sequence[object]] = {
    **dict.fromkeys(("cat", "awk 1", "awk1"), ()),
    **dict.fromkeys(("uniqnosort", "awk '!seen[$0]++'", "awk '!a[$0]++'", "uniq | uniqnosort"), ("uniq",)),
    **dict.fromkeys(("sed 's/- //' | uniqnosort", "sed 's/^- //' | uniqnosort"), ("unbullet", "uniq")),
    **dict.fromkeys(("sed 's/- //'", "sed 's/^- //'"), ("unbullet",)),
    f"{_ITEMS} | uniqnosort": ("unbullet", "uniq"),
    f"{_ITEMS} | {_WORDS} | uniqnosort": ("unbullet", "plain-lines", "uniq"),
    f"head -n 30 | {_ITEMS} | {_WORDS} | uniqnosort": ({"first": 30}, "unbullet", "plain-lines", "uniq"),
    **{f"head -{n}{count}": ({"first": count},) for count in _COUNTS for n in ("", "n ")},
    **{f"pen-s join {quote}{text}{quote}": ({"join": text},)
       for text in ("", " ", ",", ", ", ";", "; ", " and ") for quote in "'\""},
    r"sed 's/\s\+/ /g' | pen-s join ' '": ("squeeze", {"join": " "}),
    **dict.fromkeys((r"sed 's/\s\+/ /g'", "sed 's/ +/ /g'", r"sed 's/ \+/ /g'", "tr -s ' '"), ("squeeze",)),
    r"sed 's/,/\n/g'": ({"split": ","},),
    r"sed 's/, /\n/g'": ({"split": ", "},),
    "sed 's/^Output: //'": ({"strip-prefix": "Output: "},),
    **dict.fromkeys(("tr '[:lower:]' '[:upper:]'", "tr a-z A-Z", "tr 'a-z' 'A-Z'"), ("upcase",)),
    **dict.fromkeys(("tr '[:upper:]' '[:lower:]'", "tr A-Z a-z", "tr 'A-Z' 'a-z'"), ("downcase",)),
    "pen-c ascify": ("ascii",),
    **dict.fromkeys(("pen-pretty-paragraph", "fmt", "fold -s"), ("fill",)),
    **dict.fromkeys((r"tr '\n' ' '", r"sed -z 's/\n/ /g'", "paste -sd ' '"), ("one-line",)),
    **dict.fromkeys(("chomp", "pen-s chomp"), ("strip",)),
}

# Signs in any other pipeline that tell which filter its author may want. They choose the words of a hint, nothing else.
_SIGNS: Mapping[str, str] = {
    "uniq": "uniq", "- //": "unbullet", "join": "{join: TEXT}", "head": "{first: NUMBER}", "upper": "upcase",
    "lower": "downcase", "asci": "ascii", "pretty": "fill", "fmt": "fill", "fold": "fill", r"\n/\\n": "one-line",
    "clean": "strip", r"\s\+$": "strip", r"\s\+/ ": "squeeze", "^ *": "lines", r"/\n/g": "{split: TEXT}",
    "a-zA-Z": "plain-lines",
}


def stand_in(pipeline: str) -> Sequence[object] | None:
    """Return what stands for a pipeline, compared as a whole, its spaces collapsed; None if it is unknown."""
    return PIPELINES.get(" ".join(pipeline.split()))


def meant(pipeline: str) -> list[str]:
    """Guess which filters the author of an unknown pipeline wants, in its order; maybe none."""
    found = sorted((pipeline.index(sign), name) for sign, name in _SIGNS.items() if sign in pipeline)
    return list(dict.fromkeys(name for _, name in found))
