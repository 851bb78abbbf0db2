"""Typed dispatch without a process: what arrives as what, what is refused, and how events leave."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from pen_backend.errors import BadParamsError, DataError, InternalError, PenError
from pen_backend.service.registry import AnyFloat, Events, Json, Text, build_registry, rpc
from pen_backend.service.shapes import parse
from pen_backend.transports.epc_codec import Symbol, decode, loads
from pen_backend.transports.pool import Pool
from pen_backend.transports.readers import reader
from pen_backend.transports.rpc import Dispatcher, envelope
from pen_backend.transports.streams import HELD, Stream
from pen_backend.transports.writers import result
from tests.transports.pipes import fields


@dataclass(frozen=True, slots=True)
class Row:
    text: str
    weight: float = 1.0
    tags: list[str] = field(default_factory=list)


def read(annotation: object, text: str) -> Any:
    """Read Lisp text as a value of an annotation."""
    return reader(parse(annotation, "test"))(loads(text), ":x")


@pytest.mark.parametrize(("annotation", "text", "value"), [
    (bool, "t", True), (bool, "nil", False), (bool, ":false", False), (bool | None, "nil", None),
    (bool | None, ":false", False), (bool | None, "t", True), (str | None, "nil", None), (str | None, ":null", None),
    (int, "1", 1), (int, str(2 ** 80), 2 ** 80), (float, "1", 1.0), (float, "1.5", 1.5),
    (AnyFloat, "1.0e+INF", math.inf),
    (int | float, "1", 1), (int | float, "1.5", 1.5), (int | str, '"1"', "1"), (str, '"a\n\0"', "a\n\0"),
    (Literal["train", "valid"], "train", "train"), (Literal["a"] | str, "a", "a"), (Literal["a"] | str, '"b"', "b"),
    (Literal["a"] | None, "nil", None), (list[int], "nil", []), (list[int], "[]", []), (list[int], "[1 2]", [1, 2]),
    (list[list[int]], "((1) nil)", [[1], []]), (dict[str, int], "nil", {}), (dict[str, int], '(("a b" 1))', {"a b": 1}),
    (dict[str, bool | None], '(("a" nil))', {"a": None}), (Path, '"/tmp/x"', Path("/tmp/x")), (Json, '"null"', "null"),
    (Row, '(:text "a" :tags ("b"))', Row("a", 1.0, ["b"])), (Row | None, "nil", None),
    (list[Row], '((:text "a") (:weight 2 :text "b"))', [Row("a"), Row("b", 2.0)]),
    (Text, '"größe"', "größe"), (str, '"\udc80"', "\udc80"),
])
def test_lisp_becomes_the_declared_type(annotation: object, text: str, value: object) -> None:
    result = read(annotation, text)
    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize(("annotation", "text", "message"), [
    (int, "nil", ":x must be an integer, got nil."), (int, "1.5", ":x must be an integer, got a number."),
    (int, "t", ":x must be an integer, got t."), (str, "abc", ":x must be a string, got the symbol abc."),
    (str, "nil", ":x must be a string, got nil."), (float, '"1"', ":x must be a number, got a string."),
    (float, "0.0e+NaN", ":x must be a finite number, got a number that is not finite."),
    (bool, "1", ":x must be t or nil"),
    (Literal["train", "valid"], "trian", ":x must be one of train, valid, got the symbol trian."),
    (Literal["train"], '"train"', ":x must be one of train, got a string."), (list[int], "1", ":x must be a list"),
    (list[int], "(1 nil)", r":x\[1\] must be an integer, got nil."),
    (dict[str, int], '("a" 1)', "lists \\(KEY VALUE\\)"),
    (dict[str, int], '(("a" 1) ("a" 2))', "a key twice"), (dict[str, int], "((a 1))", "strings for keys"),
    (Path, '"relative"', "absolute"), (Path, '"/a\0"', "NUL"), (Row, '(:text "a" :wieght 1)', "no argument :wieght"),
    (Row, "nil", ":x: Row needs :text."), (Row, '(:text "a" :text "b")', "given twice"),
    (Row, '("text" "a")', "takes keywords"),
    (Row, '(:text)', "takes a plist"), (str | None, "1", ":x must be a string"), (Row | None, "1", "takes a plist"),
])
def test_what_does_not_fit_is_named(annotation: object, text: str, message: str) -> None:
    with pytest.raises(BadParamsError, match=message):
        read(annotation, text)


def test_the_nearest_name_is_the_hint() -> None:
    with pytest.raises(BadParamsError) as caught:
        read(Row, '(:text "a" :wieght 1)')
    assert caught.value.hint == "Did you mean :weight?"


def test_text_for_a_file_names_the_position_of_a_raw_byte() -> None:
    with pytest.raises(DataError, match="position 3"):
        read(Text, '"ab\udc80"')


@pytest.mark.parametrize(("annotation", "value", "text"), [
    (bool, False, "nil"), (bool | None, False, ":false"), (bool | None, None, "nil"), (bool, True, "t"), (int, 2, "2"),
    (float, 2, "2.0"), (float, 0.1, "0.1"), (AnyFloat, math.nan, "0.0e+NaN"), (int | float, 2, "2"),
    (str, 'a"\\', '"a\\"\\\\"'),
    (Literal["a", "b"], "b", "b"), (list[int], [], "nil"), (list[int], [1], "(1)"), (dict[str, int], {}, "nil"),
    (dict[str, int | None], {"a b": None}, '(("a b" nil))'), (Path, Path("/tmp/a b"), '"/tmp/a b"'),
    (Row, Row("x", 0.5, ["y"]), '(:text "x" :weight 0.5 :tags ("y"))'), (Row | None, None, "nil"),
    (str, "\udc80", '"\udc80"'), (datetime, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), '"2026-01-02T03:04:05Z"'),
])
def test_a_result_becomes_lisp(annotation: object, value: object, text: str) -> None:
    assert result(parse(annotation, "test", result=True), "test")(value) == text


@pytest.mark.parametrize(("annotation", "value", "message"), [
    (int, {1}, "expected int, got set at its result"), (int, True, "expected int, got bool"),
    (list[Row], [Row("a"), Row(b"b")], r"expected str, got bytes at \[1\].text"),  # type: ignore[arg-type] # the point
    (dict[str, int], {"secret": None}, r"expected int, got NoneType at \[0\]"),
    (Literal["a"], "b", "expected a, got str"),
    (list[str], ["a", "\ud800"], r"lone surrogate \(character 1\) at \[1\]"), (Row, "x", "expected Row, got str"),
    (datetime, datetime(2026, 1, 2), "datetime with a zone"),  # noqa: DTZ001 - a naive one is refused
])
def test_what_has_no_form_is_an_internal_error_with_its_path(annotation: object, value: object, message: str) -> None:
    with pytest.raises(InternalError, match=message):
        result(parse(annotation, "test", result=True), "test")(value)


def test_every_error_of_the_tree_has_an_envelope() -> None:
    for one in PenError.__subclasses__():
        told: Any = loads(envelope(one("It is so.", hint="Do this.", where="a:1"), 7))
        name, plist = told
        assert name == "pen-error"
        assert fields(plist) == {"kind": one.kind, "message": "It is so.", "hint": "Do this.", "where": "a:1", "log": 7}


def test_an_envelope_hides_secrets_and_odd_characters() -> None:
    text = envelope(DataError("key sk-abcdefghijklmnop \ud800"))
    assert "sk-abc" not in text
    text.encode()


class Service:
    """Methods that report from where they run."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.begun = threading.Semaphore(0)

    @rpc(inline=True)
    def inline(self) -> str:
        """Name the thread."""
        return threading.current_thread().name

    @rpc()
    def pooled(self) -> str:
        """Name the thread."""
        return threading.current_thread().name

    @rpc()
    def wait(self) -> bool:
        """Wait to be released."""
        self.begun.release()
        return self.release.wait(60)

    @rpc(stream=True)
    def flood(self, count: int, size: int, *, events: Events) -> int:
        """Send COUNT deltas of SIZE characters."""
        for _ in range(count):
            events.send("delta", index=0, text="x" * size)
        return count

    @rpc(stream=True)
    def drip(self, count: int, *, events: Events) -> float:
        """Send COUNT short deltas, one every other millisecond; return how long that took."""
        begin = time.monotonic()
        for _ in range(count):
            events.send("delta", index=0, text="x")
            time.sleep(0.002)
        return time.monotonic() - begin

    @rpc(stream=True)
    def logs(self, count: int, *, events: Events) -> int:
        """Send COUNT log lines and newest progress."""
        for number in range(count):
            events.send("log", what="text", text=str(number))
            events.send("progress", done=number, total=count, unit="lines")
        return count

    @rpc(stream=True)
    def steps(self, count: int, *, events: Events) -> int:
        """Send the progress of COUNT steps."""
        for step in range(1, count + 1):
            events.send("progress", step=step, steps=count, loss=float(step), valid_loss=None, tokens=10 * step)
        return count

    @rpc(stream=True)
    def wrong(self, *, events: Events) -> int:
        """Send what cannot be sent."""
        events.send("log", text=object())
        return 1


class Wire:
    """Collects frames; can be held up as a pipe that nobody reads."""

    def __init__(self) -> None:
        self.service = Service()
        self.flow = threading.Event()
        self.flow.set()
        self.replies = threading.Event()  # may wait alone
        self.replies.set()
        self._frames: list[Any] = []
        self._came = threading.Condition()
        self.dispatcher = Dispatcher(build_registry({"s": self.service}), self._write, pid=1,
                                     calls=Pool("call", 2, 1), streams=Pool("stream", 2, 1))

    def _write(self, data: bytes) -> None:
        self.flow.wait(60)
        if data[6:].startswith(b"(return "):
            self.replies.wait(60)
        with self._came:
            self._frames.append(decode(data[6:]))
            self._came.notify_all()

    def until(self, found: Callable[[list[Any]], Any], seconds: float = 60.0) -> Any:
        """Wait until FOUND says something of the frames."""
        with self._came:
            assert self._came.wait_for(lambda: found(self._frames), seconds), self._frames[-3:]
            return found(self._frames)

    def answer(self, uid: int) -> Any:
        """Wait for the answer of a call."""
        return self.until(lambda frames: next((one for one in frames if one[0] != "call" and one[1] == uid), None))

    def events(self) -> list[tuple[int, str, dict[str, Any]]]:
        """Wait for the end of the only request and return its events."""
        self.until(lambda frames: any(one[0] == "call" and one[3][2] in ("done", "error") for one in frames))
        return [(one[3][1], one[3][2], fields(one[3][3])) for one in self._frames if one[0] == "call"]

    def produced(self) -> None:
        """Wait until all was said, though none of it may be sent."""
        deadline = time.monotonic() + 60
        while not any(stream._ended for stream in self.dispatcher._flusher._streams.values()):
            assert time.monotonic() < deadline
            time.sleep(0.005)


@pytest.fixture
def wire() -> Iterator[Wire]:
    one = Wire()
    yield one
    one.flow.set()
    one.service.release.set()


def test_inline_methods_run_on_the_callers_thread(wire: Wire) -> None:
    wire.dispatcher.call(1, "s-inline", None)
    wire.dispatcher.call(2, "s-pooled", None)
    assert wire.answer(1)[2] == threading.current_thread().name
    assert wire.answer(2)[2].startswith("call-")


def test_beyond_the_queue_is_busy_at_once(wire: Wire) -> None:
    for uid in range(1, 5):
        wire.dispatcher.call(uid, "s-wait", None)
    assert fields(wire.answer(4)[2][1])["kind"] == "busy"


def test_a_waiting_call_can_be_cancelled_a_running_one_not(wire: Wire) -> None:
    for uid in range(1, 4):
        wire.dispatcher.call(uid, "s-wait", None)
    assert all(wire.service.begun.acquire(timeout=60) for _ in range(2))
    wire.dispatcher.call(9, "pen-cancel", [Symbol(":call"), 3])
    assert wire.answer(9)[2] is True
    assert fields(wire.answer(3)[2][1])["kind"] == "cancelled"
    assert not wire.dispatcher.cancel(None, 1)


def test_no_event_leaves_before_the_reply(wire: Wire) -> None:
    wire.replies.clear()
    caller = threading.Thread(
        target=wire.dispatcher.call, args=(1, "s-flood", [Symbol(":count"), 3, Symbol(":size"), 1]))
    caller.start()
    wire.produced()
    with wire._came:
        assert not wire._came.wait(0.1)
    wire.replies.set()
    caller.join(60)
    assert [kind for _, kind, _ in wire.events()] == ["delta", "done"]
    assert wire.until(lambda frames: frames[0][0]) == "return"


def test_short_deltas_leave_thirty_times_a_second(wire: Wire) -> None:
    wire.dispatcher.call(1, "s-drip", [Symbol(":count"), 100])
    events = wire.events()
    frames = [data["text"] for _, kind, data in events if kind == "delta"]
    assert "".join(frames) == 100 * "x"
    assert len(frames) <= events[-1][2]["value"] / 0.030 + 2  # the first at once, and the last before the end


def test_a_kilobyte_leaves_at_once(wire: Wire) -> None:
    stream = Stream("req-1", wire.dispatcher._flusher)  # which does not know it, so nobody else sends for it
    stream.open()
    stream.send("delta", text="x")
    stream.take(100.0)
    stream.send("delta", text="x" * 1023)
    assert stream.due(100.0) == pytest.approx(100.030)
    stream.send("delta", text="x")
    assert stream.due(100.0) == 100.0


def test_eight_calls_run_and_sixty_four_wait() -> None:
    service = Service()
    sent: list[bytes] = []
    dispatcher = Dispatcher(build_registry({"s": service}), sent.append, pid=1)
    for uid in range(72):
        dispatcher.call(uid, "s-wait", None)
    assert sent == []
    dispatcher.call(72, "s-wait", None)
    service.release.set()
    answer: Any = decode(sent[0][6:])
    assert (answer[0], answer[1], fields(answer[2][1])["kind"]) == ("return-error", 72, "busy")
    dispatcher.close()


def test_deltas_merge_while_the_wire_is_blocked_and_the_producer_waits(wire: Wire) -> None:
    wire.dispatcher.call(1, "pen-hello", [Symbol(":protocol"), 1])
    wire.flow.clear()
    caller = threading.Thread(
        target=wire.dispatcher.call, args=(2, "s-flood", [Symbol(":count"), 300, Symbol(":size"), 10_000]))
    caller.start()
    deadline = time.monotonic() + 60
    while max((one._held for one in wire.dispatcher._flusher._streams.values()), default=0) <= HELD:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert max(one._held for one in wire.dispatcher._flusher._streams.values()) <= HELD + 10_000
    wire.flow.set()
    caller.join(60)
    events = wire.events()
    assert [sequence for sequence, _, _ in events] == list(range(len(events)))
    sizes = [len(data["text"]) for _, kind, data in events if kind == "delta"]
    assert sum(sizes) == 3_000_000
    assert sizes[0] > HELD  # what came meanwhile is one event


def call_while_blocked(wire: Wire, method: str, count: int) -> None:
    """Call a streaming method of COUNT events; nothing leaves before its last one was made."""
    wire.flow.clear()
    caller = threading.Thread(target=wire.dispatcher.call, args=(1, method, [Symbol(":count"), count]))
    caller.start()
    wire.produced()
    wire.flow.set()
    caller.join(60)


def test_a_blocked_wire_keeps_the_newest_logs_and_counts_the_rest(wire: Wire) -> None:
    call_while_blocked(wire, "s-logs", 1500)
    events = wire.events()
    logs = [data for _, kind, data in events if kind == "log"]
    assert len(logs) == 1000
    assert (logs[0]["text"], logs[0]["dropped"], logs[-1]["text"]) == ("500", 500, "1499")
    assert [data["done"] for _, kind, data in events if kind == "progress"] == [1499]


def test_the_newest_progress_has_the_points_of_those_it_replaces(wire: Wire) -> None:
    call_while_blocked(wire, "s-steps", 300)
    (_, kind, data), (_, last, _) = wire.events()
    assert (kind, last, data["step"]) == ("progress", "done", 300)
    points = [dict(zip((str(key) for key in one[::2]), one[1::2], strict=True)) for one in data["points"]]
    assert points == [{":step": step, ":loss": float(step), ":tokens": 10 * step} for step in range(1, 300)]


def test_an_event_that_cannot_be_sent_ends_the_request(wire: Wire) -> None:
    wire.dispatcher.call(1, "s-wrong", None)
    (_, kind, data), = wire.events()
    assert (kind, data["kind"]) == ("error", "internal")


def test_another_protocol_is_refused_with_both_versions(wire: Wire) -> None:
    wire.dispatcher.call(1, "pen-hello", [Symbol(":protocol"), 2, Symbol(":client"), "9.9"])
    error = fields(wire.answer(1)[2][1])
    assert error["kind"] == "version"
    assert "9.9" in error["message"]
    assert "pen-install-backend" in error["hint"]


@pytest.mark.parametrize("name", ["s-release", "s-__init__", "s.inline", "release", "pen-nothing", "inline"])
def test_only_published_names_are_callable(wire: Wire, name: str) -> None:
    wire.dispatcher.call(1, name, None)
    assert fields(wire.answer(1)[2][1])["kind"] == "not-found"
