"""The method table: what may be published, and under which name."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import pytest

from pen_backend.service.registry import AnyFloat, Events, Json, Text, build_registry, methods_hash, rpc
from pen_backend.service.shapes import parse


@dataclass(frozen=True, slots=True)
class Row:
    text: str
    weights: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Node:
    children: "list[Node]"


@dataclass
class Loose:
    text: str


class Things:
    @rpc()
    def show_all(self, path: Path, n_rows: int = 3, side: Literal["train", "valid"] = "train",
                 rows: list[Row] = [], note: str | None = None) -> list[Row]:  # noqa: B006 - only its annotation counts
        """Show the rows."""
        return rows

    @rpc(inline=True)
    def ping(self) -> str:
        """Answer."""
        return "pong"

    @rpc(stream=True)
    def follow(self, name: str, *, events: Events) -> AnyFloat:
        """Follow a thing."""
        return 1.0

    def helper(self) -> int:
        return 1


def test_wire_names_are_noun_and_method_with_dashes() -> None:
    assert list(build_registry({"things": Things()})) == ["things-follow", "things-ping", "things-show-all"]


def test_signature_is_one_line_of_lisp() -> None:
    method = build_registry({"things": Things()})["things-show-all"]
    assert method.signature == (
        "(things-show-all ((:path file required) (:n-rows integer) (:side (member train valid)) "
        "(:rows (list (record (:text string required) (:weights (list number))))) (:note (or string null))) "
        "(list (record (:text string required) (:weights (list number)))))")


def test_events_are_not_on_the_wire() -> None:
    assert [one.name for one in build_registry({"things": Things()})["things-follow"].parameters] == ["name"]


def test_hash_changes_with_the_table() -> None:
    class Fewer:
        ping = Things.ping

    assert methods_hash(build_registry({"things": Things()})) != methods_hash(build_registry({"things": Fewer()}))


@pytest.mark.parametrize("annotation", [
    str, int, float, bool, Path, Text, Json, AnyFloat, int | None, int | str, Literal["a"] | None, Literal["a"] | float,
    bool | None, list[str], list[list[int]], dict[str, int | None], dict[str, Json | str], Row, Row | None,
    list[Row | None]])
def test_permitted_annotation(annotation: object) -> None:
    parse(annotation, "here")


@pytest.mark.parametrize("annotation", [
    object, bytes, set[str], tuple[int, int], dict[int, str], list[str] | None, dict[str, int] | None, list[str] | str,
    Literal[1, 2], Literal["two words"], Literal["nil"], Row | str, Loose, Node, list[Node], Path | str, datetime, list,
    dict, complex, "str"])
def test_refused_annotation_names_the_place(annotation: object) -> None:
    with pytest.raises(TypeError, match="here"):
        parse(annotation, "here")


def test_a_result_may_be_a_time() -> None:
    assert parse(datetime, "here", result=True) != parse(str, "here")


def test_method_without_docstring_is_refused() -> None:
    class Silent:
        @rpc()
        def work(self) -> int:
            return 1

    with pytest.raises(TypeError, match="silent-work: no docstring"):
        build_registry({"silent": Silent()})


def test_reserved_parameter_is_refused() -> None:
    class Greedy:
        @rpc()
        def work(self, deadline: float) -> int:
            """Work."""
            return 1

    with pytest.raises(TypeError, match="deadline"):
        build_registry({"greedy": Greedy()})


def test_stream_without_events_is_refused() -> None:
    class Mute:
        @rpc(stream=True)
        def work(self) -> int:
            """Work."""
            return 1

    with pytest.raises(TypeError, match="events"):
        build_registry({"mute": Mute()})


def test_starred_parameter_is_refused() -> None:
    class Open:
        @rpc()
        def work(self, *names: str) -> int:
            """Work."""
            return 1

    with pytest.raises(TypeError, match="plist key"):
        build_registry({"open": Open()})
