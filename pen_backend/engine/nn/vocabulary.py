"""A model's tokenizer: text to ids and ids to bytes; without torch, so that checking a job stays light.

Reserved tokens inside a text are data, never control. Ids become bytes, not text, because a token may hold a part of
a character; whoever shows them joins bytes first (textstream.py).
"""

import json
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from pen_backend.engine.nn.folder import MAX_TOKENIZER_BYTES, limit_size, read_json, refusal

BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")


class Vocabulary:
    """The tokenizer of a model folder, with the ids that begin, end and pad a text.

    `starts_with_bos` tells whether the model expects every text to begin with `bos`, as its tokenizer says.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        limit_size(directory / "tokenizer.json", MAX_TOKENIZER_BYTES)
        try:
            self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        except Exception as error:  # the library raises bare Exception for anything wrong in the file
            raise refusal(directory, "tokenizer.json is not readable") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        config = read_json(directory / "config.json")
        config = config.get("text_config", config)
        names = read_json(directory / "tokenizer_config.json") if (directory / "tokenizer_config.json").exists() else {}
        self.size: int = config["vocab_size"]
        ends = _as_list(config.get("eos_token_id"))
        if (directory / "generation_config.json").exists():
            ends += _as_list(read_json(directory / "generation_config.json").get("eos_token_id"))
        eos = self._named(names.get("eos_token"))
        if eos is None and not ends:
            raise refusal(directory, "it names no end-of-text token")
        self.eos: int = ends[0] if eos is None else eos
        self.ends: frozenset[int] = frozenset({self.eos, *ends})
        bos = self._named(names.get("bos_token"))
        self.bos: int | None = bos if bos is not None else next(iter(_as_list(config.get("bos_token_id"))), None)
        pad = next(iter(_as_list(config.get("pad_token_id"))), self.eos)
        self.pad: int = pad if pad not in self.ends else min({0, 1, 2, 3} - self.ends, default=0)
        self.starts_with_bos = self.bos is not None and self._tokenizer.encode("a").ids[:1] == [self.bos]
        self._tokenizer.encode_special_tokens = True
        self._encoding = threading.Lock()  # a chat is encoded beside the thread that writes
        added = self._tokenizer.get_added_tokens_decoder()
        self.special: frozenset[int] = frozenset(i for i, token in added.items() if token.special)
        self.reserved: tuple[str, ...] = tuple(token.content for token in added.values() if token.special)
        self._added = {i: token.content.encode() for i, token in added.items()}
        self._longest: int | None = None  # bytes of a token; counted when it is asked for
        self._byte_level = _is_byte_level(json.loads(self._tokenizer.to_str())["decoder"])

    def encode(self, text: str) -> list[int]:
        """Encode a text alone, without the tokens that begin or end a document."""
        with self._encoding:
            return self._tokenizer.encode(text, add_special_tokens=False).ids

    def encode_many(self, texts: list[str]) -> Iterable[list[int]]:
        """Encode many texts at once."""
        with self._encoding:
            encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return (encoding.ids for encoding in encodings)

    def encode_control(self, texts: list[str]) -> list[list[int]]:
        """Encode texts in which reserved tokens are meant: what a chat template writes."""
        with self._encoding:
            self._tokenizer.encode_special_tokens = False
            try:
                return [each.ids for each in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
            finally:
                self._tokenizer.encode_special_tokens = True

    def prompt_ids(self, text: str) -> list[int]:
        """Encode what a model is to continue; nothing at all becomes the beginning of a text."""
        ids = self.encode(text)
        return [self._beginning(), *ids] if self.starts_with_bos or not ids else ids

    def least_tokens(self, text: str) -> int:
        """Count the fewest tokens TEXT can have, without the minutes that encoding megabytes takes; 0 if unknown."""
        if not self._byte_level or self._tokenizer.normalizer is not None:
            return 0
        if self._longest is None:
            self._longest = max(len(self.token_bytes(token)) for token in range(self._tokenizer.get_vocab_size()))
        return -(-len(text.encode()) // self._longest)

    def begins(self, *, has_prompt: bool) -> list[int]:
        """Return what a training example begins with, the same that `prompt_ids` puts before its prompt."""
        return [self._beginning()] if self.starts_with_bos or not has_prompt else []

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes of one token; joined over a text's tokens they are its UTF-8."""
        if token in self._added:
            return self._added[token]
        piece = self._tokenizer.id_to_token(token)
        if piece is None:
            return b""
        if self._byte_level:
            return bytes(_BYTE_OF[character] for character in piece if character in _BYTE_OF)
        if found := BYTE_TOKEN.fullmatch(piece):
            return bytes([int(found[1], 16)])
        return piece.replace("\u2581", " ").encode()

    def _beginning(self) -> int:
        return self.eos if self.bos is None else self.bos

    def _named(self, token: Any) -> int | None:
        name = token.get("content") if isinstance(token, dict) else token
        return self._tokenizer.token_to_id(name) if isinstance(name, str) else None


def _as_list(value: Any) -> list[int]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, int)]


def _is_byte_level(decoder: Any) -> bool:
    """Tell whether pieces are spelled in the byte alphabet of GPT-2."""
    if isinstance(decoder, dict):
        return decoder.get("type") == "ByteLevel" or any(_is_byte_level(part) for part in decoder.get("decoders", []))
    return False


def _byte_alphabet() -> dict[str, int]:
    """Map the characters that GPT-2's tokenizer writes for bytes back to them: printable ones stand for themselves."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


_BYTE_OF = _byte_alphabet()
