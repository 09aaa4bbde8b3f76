"""Events of a repeated start are answered while a thread imports the rest."""

from __future__ import annotations

import _socket
import builtins
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from extension.platform import early_calls, first_events, first_gets, plain_http
from extension.platform.bootstrap import Start
from extension.platform.early_calls import request_next
from extension.platform.first_events import Import, answer_while_importing
from extension.process.priority import SWITCH_S, give_way
from tests.doubles import no_thread
from tests.unit.platform.scripted_api import Api, api
from tests.waiting import PATIENCE_S

NOW_MS = 1_800_000_000_000
SHUTDOWN = b'{"eventType":"SHUTDOWN","shutdownReason":"spindown","deadlineMs":1}'
REFUSED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}"


def invoke(name: str = "a", *, left_ms: int = 3000) -> bytes:
    """Return the event of an invocation, as the platform writes it."""
    deadline = NOW_MS + left_ms
    return b'{"eventType":"INVOKE","deadlineMs":%d,"requestId":"%b"}' % (deadline, name.encode())


def answer(event: bytes) -> bytes:
    """Return it as a response."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(event) + event


class Waits:
    """An import that ends in the wait with this number, or never; records how long it may take."""

    def __init__(self, *, ends_in: int | None) -> None:
        self.is_done = False
        self.seconds: list[float] = []
        self._ends_in = ends_in

    def wait(self, seconds: float) -> None:
        """Note a wait."""
        if seconds > 0:
            self.seconds.append(seconds)
            self.is_done = len(self.seconds) == self._ends_in


@contextmanager
def answering(
    patch: pytest.MonkeyPatch, *answers: bytes | None, ends_in: int | None = None
) -> Iterator[tuple[Start, Waits, Api]]:
    """Yield a start that has requested /next, of an API that answers like that."""
    waits = Waits(ends_in=ends_in)
    patch.setattr(first_events, "Import", lambda _: waits)
    clock = SimpleNamespace(time_ns=lambda: NOW_MS * 1_000_000)
    patch.setattr(first_events, "time", clock)
    with api(*answers) as served, socket.socket() as listening:
        start = Start(served.address)
        start.identifier = "a"
        start.telemetry_socket = listening
        request_next(start)
        yield start, waits, served
        if start.pending_next is not None:
            start.pending_next.close()


def test_an_invocation_is_let_go_before_the_import_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It lends half of its time; what was let go is kept for telemetry."""
    events = [invoke("a", left_ms=3000), invoke("b", left_ms=1000)]
    answers = [*map(answer, events), answer(SHUTDOWN)]
    with answering(monkeypatch, *answers) as (start, waits, served):
        assert not answer_while_importing(start, "m")
        assert waits.seconds == [1.5, 0.5, 1.0]
        now_ns = NOW_MS * 1_000_000
        assert start.let_go == [(event, now_ns, now_ns) for event in events]
        assert (start.held_event, start.held_ns) == (SHUTDOWN, now_ns)
    assert len(served.requests) == 3


def test_the_event_that_is_there_when_the_import_is_done_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The life cycle handles it, as if it had received it; /next is not requested for it here."""
    answers = answer(invoke("a")), answer(invoke("b"))
    with answering(monkeypatch, *answers, ends_in=2) as (start, _, served):
        assert answer_while_importing(start, "m")
        assert [event for event, *_ in start.let_go] == [invoke("a")]
        assert (start.held_event, start.pending_next) == (invoke("b"), None)
    assert len(served.requests) == 2


def test_an_event_may_come_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands around the object is not part of it."""
    event = invoke()
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
        len(event),
        event,
    )
    with answering(monkeypatch, chunked, ends_in=1) as (start, _, _):
        assert answer_while_importing(start, "m")
        assert start.held_event == event


def test_shutdown_in_time_is_left_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of its time goes to the import, if need be."""
    with answering(monkeypatch, answer(SHUTDOWN), ends_in=1) as (start, waits, _):
        assert answer_while_importing(start, "m")
        assert (start.held_event, waits.seconds) == (SHUTDOWN, [1.0])


def test_without_telemetry_shutdown_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to export; the start that follows a timeout waits for our end."""
    with answering(monkeypatch, answer(SHUTDOWN)) as (start, waits, _):
        start.telemetry_socket = None
        assert not answer_while_importing(start, "m")
        assert waits.seconds == []


@pytest.mark.parametrize(("left_ms", "are_refused"), [(749, True), (750, False)])
def test_gets_are_refused_before_the_function_times_out(
    monkeypatch: pytest.MonkeyPatch, left_ms: int, *, are_refused: bool
) -> None:
    """It may wait for one: it gets an answer while it has time to use it."""
    refused: list[object] = []
    monkeypatch.setattr(first_events, "POLL_S", 0.001)
    monkeypatch.setattr(first_events, "refuse_waiting", refused.append)
    answers = answer(invoke(left_ms=left_ms)), None
    with answering(monkeypatch, *answers) as (start, waits, _):
        looks = iter([False, False, True])

        def wait(_: float) -> None:
            waits.is_done = bool(start.let_go) and next(looks)

        monkeypatch.setattr(waits, "wait", wait)
        assert answer_while_importing(start, "m")
        assert refused == [start.cache_sockets] * (3 if are_refused else 0)


def test_before_an_invocation_no_get_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is time until its timeout."""
    monkeypatch.setattr(first_events, "POLL_S", 0.001)
    monkeypatch.setattr(first_events, "refuse_waiting", pytest.fail)
    with answering(monkeypatch, None) as (start, waits, _):
        monkeypatch.setattr(waits, "wait", lambda _: setattr(waits, "is_done", True))
        assert answer_while_importing(start, "m")


def test_without_an_event_the_import_is_what_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request for /next stays pending."""
    monkeypatch.setattr(first_events, "POLL_S", 0.001)
    with answering(monkeypatch, None) as (start, waits, _):
        seconds: list[float] = []

        def wait(at_most_s: float) -> None:
            seconds.append(at_most_s)
            waits.is_done = True

        monkeypatch.setattr(waits, "wait", wait)
        assert answer_while_importing(start, "m")
        assert seconds == [0.0]
        assert start.pending_next is not None
        assert start.pending_next.gettimeout() == first_events.POLL_S
        assert start.held_event == b""


@pytest.mark.parametrize("failure", [b"", b"SSH-2.0\r\n\r\n", REFUSED, answer(invoke())[:-1]])
def test_a_failed_call_is_made_again(monkeypatch: pytest.MonkeyPatch, failure: bytes) -> None:
    """Closed, not HTTP, refused, cut off: nothing of it is an event."""
    answers = failure, failure, answer(SHUTDOWN)
    with answering(monkeypatch, *answers) as (start, waits, served):
        assert not answer_while_importing(start, "m")
        assert waits.seconds == [first_events.PAUSE_S, first_events.PAUSE_S, 1.0]
        assert start.let_go == []
    assert len(served.requests) == 3


def test_the_rest_of_a_response_that_has_begun_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For five seconds: giving it up would lose the invocation that it announces."""
    limits: list[float | None] = []
    receive = plain_http.receive

    def noted(connection: _socket.socket) -> plain_http.Response:
        limits.append(connection.gettimeout())
        return receive(connection)

    monkeypatch.setattr(plain_http, "receive", noted)
    with answering(monkeypatch, answer(invoke()), ends_in=1) as (start, _, _):
        assert answer_while_importing(start, "m")
    assert limits == [5.0]


def test_an_api_that_cannot_be_reached_is_tried_until_the_import_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Then it is for the life cycle to report."""
    with answering(monkeypatch, answer(invoke()), ends_in=3) as (start, waits, _):

        def refuse(_: Start) -> None:
            raise ConnectionRefusedError

        monkeypatch.setattr(early_calls, "request_next", refuse)
        assert answer_while_importing(start, "m")
        assert waits.seconds == [1.5, first_events.PAUSE_S, first_events.PAUSE_S]
        assert (start.held_event, start.pending_next) == (b"", None)
        assert len(start.let_go) == 1


def test_a_hundred_invocations_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import that never ends does not fill the memory."""
    events = [invoke(str(number)) for number in range(101)]
    with answering(monkeypatch, answer(events[-1]), answer(SHUTDOWN)) as (start, _, _):
        start.let_go = [(event, 1, 2) for event in events[:-1]]
        answer_while_importing(start, "m")
        assert [event for event, *_ in start.let_go] == events[1:]


def test_the_time_in_which_gets_are_refused_is_not_missed() -> None:
    """Neither by a look for events nor by clients that send nothing."""
    for seconds in (first_events.POLL_S, first_events.PAUSE_S, first_gets.READ_S):
        assert 0 < seconds <= first_gets.ANSWER_S / 10


@pytest.mark.parametrize(
    "event",
    [
        b'{"eventType": "INVOKE", "deadlineMs": %d, "requestId": "a"}',
        b'{"eventType":"INVOKE","requestId":"a","deadlineMs":%d}',
        b'{"eventType":"INVOKE","requestId":"a","deadlineMs" :\n%d\n}',
    ],
)
def test_the_deadline_is_found_in_any_layout(monkeypatch: pytest.MonkeyPatch, event: bytes) -> None:
    """It is not parsed: json is not imported yet."""
    answers = answer(event % (NOW_MS + 2000)), answer(SHUTDOWN)
    with answering(monkeypatch, *answers) as (start, waits, _):
        answer_while_importing(start, "m")
        assert waits.seconds == [1.0, 1.0]


@pytest.mark.parametrize("deadline", [b"", b',"deadlineMs":null', b',"deadlineMs":"soon"'])
def test_without_a_deadline_nothing_is_lent(
    monkeypatch: pytest.MonkeyPatch, deadline: bytes
) -> None:
    """The invocation is let go at once."""
    event = b'{"eventType":"INVOKE","requestId":"a"%b}' % deadline
    with answering(monkeypatch, answer(event), answer(SHUTDOWN)) as (start, waits, _):
        answer_while_importing(start, "m")
        assert waits.seconds == [1.0]
        assert len(start.let_go) == 1


class Gate:
    """What a module waits for, and what it tells."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self.thread = 0


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Gate]:
    """A module `gated` that waits there while it is imported, and a module `broken`."""
    gate = Gate()
    monkeypatch.setattr(builtins, "gate", gate, raising=False)
    (tmp_path / "gated.py").write_text(
        "import threading\n"
        "gate.thread = threading.get_ident()\n"
        "gate.reached.set()\n"
        f"gate.opened.wait({PATIENCE_S})\n"
    )
    (tmp_path / "broken.py").write_text("gate.reached.set()\nraise SystemExit('secret')\n")
    monkeypatch.syspath_prepend(tmp_path)
    interval_s = sys.getswitchinterval()
    yield gate
    gate.opened.set()
    sys.setswitchinterval(interval_s)
    for name in ("gated", "broken"):
        sys.modules.pop(name, None)


def test_a_module_is_imported_in_a_thread(monkeypatch: pytest.MonkeyPatch, gate: Gate) -> None:
    """It has a low priority there, and gives the interpreter to the main thread soon."""
    lowered: list[Callable[[], None]] = []
    monkeypatch.setattr(first_events, "give_way", lambda: lowered.append(give_way))
    importing, states = Import("gated"), []
    assert gate.reached.wait(PATIENCE_S)
    assert lowered == [give_way]
    importing.wait(0.001)
    states.append(importing.is_done)
    gate.opened.set()
    importing.wait(PATIENCE_S)
    states.append(importing.is_done)
    assert states == [False, True]
    assert "gated" in sys.modules
    assert gate.thread != threading.get_ident()
    assert not importing._running.locked()  # and each wait ends at once from then on


def test_what_an_import_raises_is_left_to_the_next_one(
    gate: Gate, capfd: pytest.CaptureFixture[str]
) -> None:
    """The thread ends in silence: the text may hold a secret."""
    importing = Import("broken")
    importing.wait(PATIENCE_S)
    assert (importing.is_done, gate.reached.is_set()) == (True, True)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(SystemExit):
        __import__("broken")


def test_without_a_thread_the_import_is_left_to_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Events wait for it, as they would without this module."""
    monkeypatch.setattr("_thread.start_new_thread", no_thread)
    importing = Import("gated")
    importing.wait(PATIENCE_S)
    assert importing.is_done


def test_a_thread_that_imports_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other threads get the interpreter ten times as soon, and other processes the CPU."""
    interval_s, niceness = sys.getswitchinterval(), []
    monkeypatch.setattr("os.setpriority", lambda *arguments: niceness.append(arguments[1:]))
    try:
        give_way()
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
        assert interval_s / 10 == pytest.approx(SWITCH_S)
    finally:
        sys.setswitchinterval(interval_s)
    assert niceness == [(threading.get_native_id(), 10)]


def test_a_priority_that_cannot_be_changed_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some systems have none per thread."""

    def refuse(*_: object) -> None:
        raise PermissionError

    interval_s = sys.getswitchinterval()
    monkeypatch.setattr("os.setpriority", refuse)
    give_way()
    sys.setswitchinterval(interval_s)
