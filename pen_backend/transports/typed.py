"""What an error says of a parameter, said of the option by which somebody has typed it."""

import re
from collections.abc import Callable, Sequence

ALIASES = {"epochs": "n_epochs"}  # options that are called otherwise than what they set


def wording(arguments: Sequence[str]) -> Callable[[str], str]:
    """Return what rewrites a line of an error so that it names the options of ARGUMENTS as they stand there.

    A name with an underscore is a parameter wherever it stands. A name that is a word, too, is one only where the line
    begins with it, before what is said of it.
    """
    typed = dict.fromkeys(one.partition("=")[0] for one in arguments if re.match(r"--?[a-z]", one))
    patterns = [(_pattern(flag.lstrip("-").replace("-", "_")), flag) for flag in typed]

    def rewrite(line: str) -> str:
        for pattern, flag in patterns:
            line = pattern.sub(flag, line)
        return line

    return rewrite


def _pattern(name: str) -> re.Pattern[str]:
    name = ALIASES.get(name, name)
    first = rf"(?<=: )(?:{re.escape(name)}|{re.escape(name.replace('_', '-'))})(?=:| must | cannot | is )"
    anywhere = rf"|(?<![\w./-])`?\b{re.escape(name)}\b`?(?![\w/-]|\.\w)" if "_" in name else ""
    return re.compile(first + anywhere)
