"""The table of methods: what Emacs and the command line may call, made from the services' annotations."""

import hashlib
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pen_backend.service.shapes import AnyFloat, Json, Parameter, Shape, Text, lisp, lisp_parameter, parse

__all__ = ["AnyFloat", "Events", "Json", "Method", "Registry", "Text", "build_registry", "methods_hash", "rpc"]

Function = TypeVar("Function", bound=Callable[..., Any])

RESERVED = frozenset({"then", "else", "deadline"})  # keywords of the generated stubs


class Events(Protocol):
    """Where a streaming method reports to; the transport hands one in as the argument `events`.

    Kinds and their data (link.md, section 8): `delta` index, text · `progress` step, steps, epoch, loss, …, or done,
    total, unit · `log` what, level, text, data. The returned value becomes the `done` event, a PenError the `error`
    event; a method sends neither.
    """

    @property
    def id(self) -> str:
        """The id the caller has been given."""

    @property
    def cancelled(self) -> bool:
        """True once somebody asked to stop; the method then returns what it has, or raises CancelledError."""

    def send(self, kind: str, **data: object) -> None:
        """Report something; waits while the reader is slow and much is unread."""

    def on_cancel(self, function: Callable[[], object]) -> None:
        """Have FUNCTION called once when the request is cancelled; at once if it has been."""


@dataclass(frozen=True, slots=True)
class Options:
    """What annotations cannot say about a method."""

    inline: bool = False
    stream: bool = False


def rpc(*, inline: bool = False, stream: bool = False) -> Callable[[Function], Function]:
    """Publish a method.

    INLINE: runs on the reader's thread; only for methods that take less than 1 ms, with no I/O and no lock.
    STREAM: takes a keyword argument `events: Events`; the caller has an id at once and the rest as events.
    """
    if inline and stream:
        raise TypeError("a streaming method cannot run inline")

    def mark(function: Function) -> Function:
        function.__rpc__ = Options(inline, stream)  # type: ignore[attr-defined] # functions have attributes
        return function

    return mark


@dataclass(frozen=True, slots=True)
class Method:
    """One callable method."""

    name: str
    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    result: Shape
    doc: str
    inline: bool = False
    stream: bool = False

    @property
    def signature(self) -> str:
        """The method's types as Lisp forms, one line; what methods_hash is made of."""
        parameters = " ".join(lisp_parameter(one) for one in self.parameters)
        return f"({self.name} ({parameters}) {lisp(self.result)}{' stream' if self.stream else ''})"


Registry = Mapping[str, Method]


def build_registry(services: Mapping[str, object]) -> Registry:
    """Collect the published methods of SERVICES (noun → instance); TypeError if one may not cross the link."""
    methods: dict[str, Method] = {}
    for noun, service in services.items():
        for attribute in dir(type(service)):
            options = getattr(getattr(type(service), attribute), "__rpc__", None)
            if isinstance(options, Options) and not attribute.startswith("_"):
                name = f"{noun}-{attribute}".replace("_", "-")
                methods[name] = _method(name, getattr(service, attribute), options)
    return dict(sorted(methods.items()))


def methods_hash(registry: Registry) -> str:
    """Return the sha256 of the method table; the generated Lisp holds the same constant."""
    table = "\n".join(registry[name].signature for name in sorted(registry))
    return hashlib.sha256(table.encode()).hexdigest()


def _method(name: str, function: Callable[..., Any], options: Options) -> Method:
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = []
    takes_events = False
    for one in inspect.signature(function).parameters.values():
        if one.kind not in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
            raise TypeError(f"{name}: {one} cannot be a plist key")
        if one.name in RESERVED:
            raise TypeError(f"{name}: {one.name} is a keyword of the stubs")
        if one.name not in hints:
            raise TypeError(f"{name}: {one.name} has no annotation")
        if one.name == "events":  # handed in by the transport, never on the wire
            takes_events = True
            continue
        shape = parse(hints[one.name], f"{name}: {one.name}")
        parameters.append(Parameter(one.name, shape, one.default is inspect.Parameter.empty))
    if takes_events != options.stream:
        raise TypeError(f"{name}: exactly the streaming methods take events")
    if "return" not in hints:
        raise TypeError(f"{name}: the result has no annotation")
    doc = inspect.getdoc(function)
    if not doc:
        raise TypeError(f"{name}: no docstring")
    result = parse(hints["return"], f"{name}: result", result=True)
    return Method(name, function, tuple(parameters), result, doc, options.inline, options.stream)
