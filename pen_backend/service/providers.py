"""The providers of models: their keys, as Emacs hands them over."""

from pen_backend.errors import BadParamsError
from pen_backend.service.context import Context
from pen_backend.service.registry import rpc


class Providers:
    """What is known of providers."""

    def __init__(self, context: Context) -> None:
        """CONTEXT is shared by all services."""
        self._context = context

    @rpc(inline=True)
    def set_key(self, host: str, key: str | None = None) -> bool:
        """Take the key of HOST, kept in memory only; without KEY there is none.

        The service asks for it by an event when a provider is first needed; all other calls may be waiting for this.
        """
        if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
            raise BadParamsError(f"The key for {host[:100]} has a character that no key has.")
        self._context.keys.give(host.lower(), key)
        return key is not None
