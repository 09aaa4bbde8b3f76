"""The last resort: events are answered until SHUTDOWN, and callers are refused."""

from __future__ import annotations

import _socket
import socket
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from extension.platform import plain_http, survive
from extension.platform.bootstrap import Start
from extension.platform.plain_http import RefusedError, Response
from extension.platform.survive import answer_events, stop_listening
from tests.waiting import PATIENCE_S

INVOKE, SHUTDOWN = b'{"eventType":"INVOKE"}', b'{"eventType":"SHUTDOWN"}'
Outcome = int | bytes | Exception
"""A status, an event, or a failure."""


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it waited between two calls."""
    pauses: list[float] = []
    monkeypatch.setattr(survive, "time", SimpleNamespace(sleep=pauses.append))
    return pauses


def answered(monkeypatch: pytest.MonkeyPatch, *outcomes: Outcome) -> bool:
    """Answer events where the API behaves like that, the last way for ever."""
    left = list(outcomes)

    def exchange(*_: object, **__: object) -> Response:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, int):
            return Response(status=outcome, headers={}, body=b"{}")
        return Response(status=200, headers={}, body=outcome)

    monkeypatch.setattr(plain_http, "exchange", exchange)
    start = Start("api:1")
    start.identifier = "a"
    return answer_events(start, {})


GROWING = [0.05, 0.1, 0.2, 0.4, 0.8]


@pytest.mark.parametrize(
    "failure",
    [ConnectionRefusedError(), 403, RefusedError(Response(status=400, headers={}, body=b""))],
)
def test_where_all_is_refused_for_ten_seconds_the_sandbox_is_gone(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float], failure: Outcome
) -> None:
    """The pauses between the calls count: frozen time does not."""
    assert not answered(monkeypatch, failure)
    assert pauses == [*GROWING, *[1.0] * 9]


@pytest.mark.parametrize(
    "failure",
    [
        OSError(),
        ValueError(),
        MemoryError(),
        OverflowError(),
        500,
        429,
        RefusedError(Response(status=500, headers={}, body=b"")),
    ],
)
def test_other_failures_may_pass(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float], failure: Outcome
) -> None:
    """Refusals count from the last of them."""
    refused: list[Outcome] = [403] * 13
    assert answered(monkeypatch, *refused, failure, *refused[:9], SHUTDOWN)
    assert pauses == [*GROWING, *[1.0] * 18]


def test_an_event_shows_that_the_sandbox_lives(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    """What was refused before counts no more."""
    refused: list[Outcome] = [403] * 13
    assert answered(monkeypatch, *refused, INVOKE, *refused, INVOKE, SHUTDOWN)
    assert pauses == [*GROWING, *[1.0] * 8] * 2


def test_next_may_take_as_long_as_the_sandbox_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the call nor the response that was pending has a time limit."""
    limits: list[float | None] = []

    def exchange(*_: object, timeout_s: float | None, **__: object) -> Response:
        limits.append(timeout_s)
        return Response(status=200, headers={}, body=SHUTDOWN)

    class Pending:
        """A connection on which /next was requested."""

        def settimeout(self, value: float | None) -> None:
            limits.append(value)

        def recv(self, _: int) -> bytes:
            return b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n" + INVOKE

        def close(self) -> None:
            limits.append(0)

    monkeypatch.setattr(plain_http, "exchange", exchange)
    start, pending = Start("api:1"), Pending()
    start.identifier = "a"
    start.pending_next = pending  # type: ignore[assignment]
    assert answer_events(start, {})
    assert limits == [None, 0, None]


@pytest.mark.parametrize(("event", "calls"), [(SHUTDOWN, 0), (INVOKE, 1)])
def test_an_end_that_was_announced_is_not_waited_for_again(
    monkeypatch: pytest.MonkeyPatch, event: bytes, calls: int
) -> None:
    """A repeated start may have received SHUTDOWN before something broke."""
    served: list[object] = []

    def exchange(*_: object, **__: object) -> Response:
        served.append(None)
        return Response(status=200, headers={}, body=SHUTDOWN)

    removed: list[str] = []
    monkeypatch.setattr(plain_http, "exchange", exchange)
    start = Start("api:1")
    start.identifier = "a"
    start.held_event = event
    start.mark = SimpleNamespace(remove=lambda: removed.append("mark"))  # type: ignore[assignment]
    assert answer_events(start, {})
    assert (len(served), removed) == (calls, ["mark"])


@pytest.fixture
def listening() -> Iterator[_socket.socket]:
    """A socket that listens."""
    raw = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    with closing(raw):
        raw.bind(("127.0.0.1", 0))
        raw.listen(8)
        yield raw


@pytest.mark.parametrize("part", ["cache", "otlp", "telemetry"])
def test_nothing_listens_any_more(listening: _socket.socket, part: str) -> None:
    """Callers are refused: they would wait for a response that never comes."""
    start = Start("")
    start.listening.add(listening.fileno())
    if part == "telemetry":
        start.telemetry_socket = listening
    else:
        getattr(start, f"{part}_sockets").append(listening)
    where = listening.getsockname()
    stop_listening(start)
    assert start.listening == set()
    assert listening.fileno() == -1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where, timeout=PATIENCE_S)


def test_what_another_part_has_taken_over_is_left_to_it(listening: _socket.socket) -> None:
    """It is refused as well, and the descriptor goes on belonging to its object."""
    start = Start("")
    start.listening.add(listening.fileno())
    where = listening.getsockname()
    stop_listening(start)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where, timeout=PATIENCE_S)
    assert listening.fileno() >= 0
    assert listening.getsockname() == where


def test_a_descriptor_that_is_closed_already_stops_nothing(listening: _socket.socket) -> None:
    """The others are shut down all the same."""
    start: Any = Start("")
    reading, writing = _socket.socketpair()
    with closing(writing):
        gone = reading.fileno()
        reading.close()
        start.listening = {gone, listening.fileno()}
        stop_listening(start)
    assert start.listening == set()
