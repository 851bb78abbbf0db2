"""Providers' keys: from Emacs if one is connected, else the environment, else the old file; each bound to its host.

Emacs looks in auth-source first, which is why it is asked before anything here is looked at (emacs.md, section 7).
"""

import os
import stat
import threading
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pen_backend import secrets
from pen_backend.secrets import Secret

OPENAI = "api.openai.com"
VARIABLES = ("PEN_API_KEY", "OPENAI_API_KEY")
PATIENCE = 120.0  # seconds that Emacs may take: somebody may have to type a passphrase
KEY_BYTES = 4096

Ask = Callable[[str], bool]
"""Ask the other end for the key of a host; False if nobody is there who could have it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A key, and where it came from, for people."""

    key: Secret
    source: str


class Keys:
    """The keys of this process; kept in memory only, and never shown."""

    def __init__(self, environ: MutableMapping[str, str], *, patience: float = PATIENCE) -> None:
        """Take the keys out of ENVIRON, so that no child inherits them (reliability.md, T22)."""
        self.ask: Ask | None = None
        self.file = Path(environ.get("HOME") or Path.home()) / ".pen" / "openai_api_key"
        self._taken = {name: secrets.take(environ, name) for name in VARIABLES}
        self._patience = patience
        self._given: dict[str, Secret | None] = {}
        self._answered: dict[str, threading.Event] = {}

    def give(self, host: str, key: str | None) -> None:
        """Take the key of HOST that Emacs has found; None: it has found none."""
        self._given[host] = Secret(key) if key else None
        self._answered.setdefault(host, threading.Event()).set()

    def find(self, url: str) -> Found | None:
        """Find the key of the host at URL; waits for Emacs if one is connected and has not been asked."""
        host = host_of(url)
        if host not in self._given and self.ask is not None:
            answered = self._answered.setdefault(host, threading.Event())
            if self.ask(host):
                answered.wait(self._patience)
        if host in self._given:
            key = self._given[host]
            return Found(key, "Emacs") if key else None
        return self.at_hand(host)

    def at_hand(self, host: str) -> Found | None:
        """Find the key of HOST without asking anybody."""
        given = self._given.get(host)
        if given:
            return Found(given, "Emacs")
        # A key is bound to its host: OpenAI's goes to OpenAI and nowhere else (openai-api.md, section 9).
        for name in VARIABLES if host == OPENAI else VARIABLES[:1]:
            key = self._taken[name]
            if key is not None:
                return Found(key, f"the environment ({name})")
        text = self._text() if host == OPENAI else None
        return Found(Secret(text), f"the file {self.file}") if text else None

    def exposed(self) -> bool:
        """Say whether others may read the key's file."""
        try:
            return bool(self.file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
        except OSError:
            return False

    def _text(self) -> str | None:
        try:
            descriptor = os.open(self.file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read(KEY_BYTES).decode("ascii", "ignore").strip() or None


def host_of(url: str) -> str:
    """Name the host of an address, with its port if it has one."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()
