"""Tokens to text: whole characters only, and nothing that may yet turn out to be a stop text."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pen_backend.engine.nn.generation import Token
from pen_backend.engine.nn.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that may be shown, with the tokens that end in it: (token, offset of its first character)."""

    text: str
    tokens: tuple[tuple[Token, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Held:
    """A token that waits for its last character to be shown; places are counted in this choice's text."""

    token: Token
    start: int
    end: int


class TextStream:
    """Turns one choice's tokens into text that never has to be taken back; `stopped` tells that a stop text came.

    A token may end in the middle of a character, and a stop text may begin in the middle of a token; both wait.
    """

    def __init__(self, vocabulary: Vocabulary, stops: Sequence[str] = (), *, offset: int = 0) -> None:
        self._vocabulary = vocabulary
        self._stops = [stop for stop in stops if stop]
        self._offset = offset
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._text = ""
        self._shown = 0
        self._held: list[_Held] = []
        self.stopped = False

    def feed(self, token: Token) -> Piece:
        """Take the next token; return what can be shown now, perhaps nothing."""
        start = len(self._text)
        if token.id not in self._vocabulary.special:
            self._text += self._decoder.decode(self._vocabulary.token_bytes(token.id))
        self._held.append(_Held(token, start, len(self._text)))
        found = [at for stop in self._stops if (at := self._text.find(stop, self._search_from(stop))) >= 0]
        if found:
            self.stopped = True
            return self._show(min(found), whole=False)
        return self._show(len(self._text) - self._may_begin_stop(), whole=True)

    def finish(self) -> Piece:
        """Return what was held back, once no more tokens come; half a character is left out."""
        return self._show(len(self._text), whole=False) if not self.stopped else Piece("")

    def end(self, token: Token) -> Piece:
        """Return what was held back, and the token that ends the text: it has no text, but a log probability."""
        piece = self.finish()
        return Piece(piece.text, (*piece.tokens, (token, self._offset + len(self._text))))

    def _search_from(self, stop: str) -> int:
        return max(0, self._shown - len(stop) + 1)

    def _may_begin_stop(self) -> int:
        """Count the characters at the end that begin some stop text."""
        longest = max((len(stop) - 1 for stop in self._stops), default=0)
        return next((size for size in range(min(longest, len(self._text) - self._shown), 0, -1)
                     if any(stop.startswith(self._text[-size:]) for stop in self._stops)), 0)

    def _show(self, until: int, *, whole: bool) -> Piece:
        """Show the text up to a place, with the tokens that are complete there, or at the end those begun there."""
        until = max(until, self._shown)
        ready = [held for held in self._held if (held.end <= until if whole else held.start < until)]
        self._held = self._held[len(ready) :]
        piece = Piece(self._text[self._shown : until],
                      tuple((held.token, self._offset + held.start) for held in ready))
        self._shown = until
        return piece


def prompt_pieces(vocabulary: Vocabulary, tokens: Sequence[Token]) -> Piece:
    """Show a prompt's tokens, reserved ones by their names: for echo."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    text, placed = "", []
    for token in tokens:
        placed.append((token, len(text)))
        text += decoder.decode(vocabulary.token_bytes(token.id))
    return Piece(text + decoder.decode(b"", final=True), tuple(placed))


def token_name(vocabulary: Vocabulary, token: int) -> str:
    r"""Name a token as its text, or as bytes:\xNN where it is no whole character."""
    content = vocabulary.token_bytes(token)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in content)


def logprobs_json(vocabulary: Vocabulary, piece: Piece) -> dict[str, Any]:
    """Shape a piece's tokens as the `logprobs` of a completion; a token without condition has null."""
    tokens = [token for token, _ in piece.tokens]
    return {
        "tokens": [token_name(vocabulary, token.id) for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [_top(vocabulary, token) for token in tokens],
        "text_offset": [offset for _, offset in piece.tokens],
    }


def chat_logprobs_json(vocabulary: Vocabulary, piece: Piece) -> dict[str, Any]:
    """Shape a piece's tokens as the `logprobs` of a chat: each with its bytes, and the likeliest in its place."""
    return {"content": [{**_chat_token(vocabulary, token.id, token.logprob),
                         "top_logprobs": [_chat_token(vocabulary, *other) for other in token.top]}
                        for token, _ in piece.tokens], "refusal": None}


def _chat_token(vocabulary: Vocabulary, token: int, logprob: float | None) -> dict[str, Any]:
    return {"token": token_name(vocabulary, token), "logprob": logprob, "bytes": list(vocabulary.token_bytes(token))}


def _top(vocabulary: Vocabulary, token: Token) -> dict[str, float] | None:
    """List the likeliest tokens and the drawn one, likeliest first."""
    if token.logprob is None:
        return None
    entries = dict(token.top) | {token.id: token.logprob}
    return {token_name(vocabulary, i): entries[i] for i in sorted(entries, key=lambda i: -entries[i])}
