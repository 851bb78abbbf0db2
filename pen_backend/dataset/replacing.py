"""Replace names, phone numbers, e-mail addresses, links and given patterns in texts, counted."""

import contextlib
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import orjson

from pen_backend.dataset.names import Names, Span
from pen_backend.dataset.phones import Phones
from pen_backend.errors import Finding
from pen_backend.prompts.training import Anonymise
from pen_backend.words import count

CAPITALISED_SHOWN = 50
_CAPITALISED_KNOWN = 100_000
_ONE = {"people": "person", "phones": "phone", "emails": "email", "urls": "url", "numbers": "number"}
_LIMITS = ("Not found: names that are no author's and not listed under `names`, nicknames, misspellings, places, and "
           "descriptions that lead to a person.")
_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"(?:(?:https?|ftp)://|(?<!\w)www\.)[^\s<>\"]*[^\s<>\".,;:!?)\]'}]", re.IGNORECASE)
# A word with a capital letter that does not begin a sentence; what is below "a" in ASCII and a letter is a capital.
_CAPITALISED = re.compile(r"(?<=[\w,;] )[^\W\d_a-z][\w'\u2019-]*[^\W_]")

Find = Callable[[str], Iterable[Span]]


class Replacements:
    """What is replaced in texts, and how often it was; PEOPLE maps names to what stands for them."""

    def __init__(self, spec: Anonymise, people: Mapping[str, str], own: Sequence[str] = ()) -> None:
        self._names = Names(people)
        self._people = len(set(people.values()))
        self._has_key = spec.people == "pseudonym" and spec.key is not None
        phones = Phones(own) if spec.phone == "mask" else None
        self._kinds: list[tuple[str, Find]] = []
        if spec.email == "mask":
            self._kinds.append(("emails", _found(_EMAIL, "[email]", "@")))
        if spec.url == "mask":
            self._kinds.append(("urls", _found(_URL, "[url]")))
        self._kinds += [("numbers", _found(re.compile(one.regex), one.as_)) for one in spec.numbers]
        if people:
            self._kinds.append(("people", self._names.find))
        if phones is not None:
            self._kinds.append(("phones", lambda text: ((*span, "[phone]") for span in phones.find(text))))
        self._counts: Counter[str] = Counter(dict.fromkeys(("people", "phones", "emails", "urls", "numbers"), 0))
        self._capitalised: Counter[str] = Counter()
        described = [spec.model_dump(mode="json"), dict(people), list(own), phones.version if phones else None]
        self.identity = hashlib.sha256(orjson.dumps(described, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def text(self, text: str) -> str:
        """Replace what is found in a text and count it; a text that is a name as a whole becomes its pseudonym."""
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)  # the two spellings of é are one letter of one name
        if meaning := self._names.whole(text):
            self._counts["people"] += 1
            return meaning
        taken: list[Span] = []
        covered = bytearray(len(text))
        for kind, find in self._kinds:
            for start, end, instead in find(text):
                if start < end and 1 not in covered[start:end]:
                    covered[start:end] = b"\1" * (end - start)
                    taken.append((start, end, instead))
                    self._counts[kind] += 1
        self._remember_capitalised(text, covered)
        if not taken:
            return text
        pieces, done = [], 0
        for start, end, instead in sorted(taken):
            pieces += [text[done:start], instead]
            done = end
        return "".join([*pieces, text[done:]])

    def plain(self, value: object) -> object:
        """Replace in what the manifest says about the build, without counting it; names and the key's place go."""
        with self.uncounted():
            return self._value(_without_people(value))

    @contextlib.contextmanager
    def uncounted(self) -> Iterator[None]:
        """Replace without counting, for as long as this lasts."""
        counts, seen = self._counts.copy(), self._capitalised.copy()
        try:
            yield
        finally:
            self._counts, self._capitalised = counts, seen

    def findings(self, sources: Iterable[str]) -> Iterator[Finding]:
        """Say what was replaced, what cannot be found, and which SOURCES have a person in the name of their file."""
        counts = ", ".join(count(number, _ONE[kind], kind) for kind, number in self._counts.items())
        yield Finding("anonymised", f"replaced: {counts}. {_LIMITS.removesuffix('.')}", level="note", hint=(
            f"{count(len(self._shown), 'capitalised word')} left as written, listed in report.txt: read them"
            if self._capitalised else None))
        for name in sources:
            if any(self._names.find(name)):
                yield Finding("anonymised", "the name of the file holds the name of a person, and is in the manifest",
                              where=name, level="warning", hint="rename the file")

    def summary(self) -> dict[str, object]:
        """Return what report.json says: replacements by kind, people, and capitalised words that were left."""
        return {"replaced": dict(self._counts), "people_known": self._people, "key": self._has_key,
                "not_found": _LIMITS, "capitalised": self._shown}

    @property
    def _shown(self) -> list[str]:
        ordered = sorted(self._capitalised.items(), key=lambda pair: (-pair[1], pair[0]))
        return [word for word, _ in ordered[:CAPITALISED_SHOWN]]

    def _remember_capitalised(self, text: str, covered: bytearray) -> None:
        for found in _CAPITALISED.finditer(text):
            word = found[0].removesuffix("'s").removesuffix("\u2019s")
            known = word in self._capitalised or len(self._capitalised) < _CAPITALISED_KNOWN
            if known and word[0].isupper() and not covered[found.start()]:
                self._capitalised[word] += 1

    def _mapping(self, values: Mapping[str, object]) -> Mapping[str, object]:
        return {key: self._value(value) for key, value in values.items()}

    def _value(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return [self._value(each) for each in value]
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, int) and not isinstance(value, bool) and value > 999_999:
            text = str(value)  # a telephone number that a table or JSON has as a number
            return value if (new := self.text(text)) == text else new
        return value


def _found(pattern: re.Pattern[str], instead: str, sign: str = "") -> Find:
    """Return the function that finds a pattern, in texts that hold SIGN at all."""
    return lambda text: ([(found.start(), found.end(), instead) for found in pattern.finditer(text)]
                         if sign in text else ())


def _without_people(value: object) -> object:
    """Leave out what must be in no manifest: listed names, and where the key is."""
    if isinstance(value, Mapping):
        return {key: _without_people(each) for key, each in value.items()
                if not (key in ("names", "key") and "people" in value)}
    return [_without_people(each) for each in value] if isinstance(value, list) else value
