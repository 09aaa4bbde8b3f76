"""On a repeated start: answer events while a thread imports what the event loop needs.

Such a start is part of an invocation and has the CPU of the function's memory size: at 128 MB it
takes seconds until the event loop runs. So an invocation is let go after its share of time, whether
or not the loop runs; if it timed out for our sake, the start in the next one would do the same, and
the function would never work again. Each invocation lends such a share, because the sandbox is
frozen between them. Built-in modules only.
"""

from __future__ import annotations

import _socket
import _thread
import time

from extension.platform import early_calls, plain_http
from extension.platform.bootstrap import Start
from extension.platform.first_gets import ANSWER_S, refuse_waiting
from extension.platform.start_mark import lent_s
from extension.platform.survive import is_shutdown
from extension.process.priority import give_way

POLL_S = 0.05
"""While no event comes, the end of the import is looked for so often."""

PAUSE_S = 0.05
"""Between two failed calls."""

RESPONSE_S = 5.0
"""For the rest of a response that has begun."""

LAST_S = 1.0
"""Of the two seconds that SHUTDOWN leaves; the rest is for exporting. Without telemetry there is
nothing to export."""

MAX_KEPT = 100
"""Invocations that telemetry will learn of; of more than that, the last ones."""


def answer_while_importing(start: Start, module: str) -> bool:
    """Import `module`, and answer events until that is done.

    What was let go is kept in `start.let_go`, and the event that has come last in
    `start.held_event`.

    Returns:
        False if SHUTDOWN came too early for the import.
    """
    importing = Import(module)
    while not importing.is_done:
        event = _next_event(start)
        if event is None:
            importing.wait(PAUSE_S if start.pending_next is None else 0.0)
            if _is_nearly_over(start):
                refuse_waiting(start.cache_sockets)
            continue
        began_ns = time.time_ns()  # noqa: TID251  # `clock` imports more
        start.held_event, start.held_ns = event, began_ns
        importing.wait(_patience_s(start, event, now_ns=began_ns))
        if is_shutdown(event):
            return importing.is_done
        if not importing.is_done:  # let it go: /next is requested for the next one
            start.held_event = b""
            let_go_ns = time.time_ns()  # noqa: TID251  # see above
            start.let_go.append((event, began_ns, let_go_ns))
            del start.let_go[:-MAX_KEPT]
    return True


class Import:
    """The import of a module in a thread; what it raises, the next import raises again."""

    def __init__(self, module: str) -> None:
        self.is_done = False
        self._running = _thread.allocate_lock()
        self._running.acquire()
        try:
            _thread.start_new_thread(self._run, (module,))
        except RuntimeError:  # no thread: the next import is the first, and events wait for it
            self._end()

    def wait(self, seconds: float) -> None:
        """Wait for its end, for `seconds` at most."""
        if self._running.acquire(timeout=seconds):
            self._running.release()

    def _run(self, module: str) -> None:
        try:
            give_way()
            __import__(module)
        except BaseException:  # noqa: BLE001, S110  # see above
            pass
        self._end()

    def _end(self) -> None:
        self.is_done = True
        self._running.release()


def _next_event(start: Start) -> bytes | None:
    """Return the next event, None if there is none yet or a call has failed."""
    try:
        if start.pending_next is None:
            early_calls.request_next(start)
        connection = start.pending_next
        assert connection is not None
        if not _has_answer(connection):
            return None
        connection.settimeout(RESPONSE_S)
        response = plain_http.receive(connection)
    except (OSError, ValueError):
        _close(start)
        return None
    _close(start)
    return response.json_object or None if response.status == 200 else None


def _has_answer(connection: _socket.socket) -> bool:
    """Wait a moment for the first byte of a response, or for the end of the connection."""
    connection.settimeout(POLL_S)
    try:
        connection.recv(1, _socket.MSG_PEEK)
    except TimeoutError:
        return False
    return True


def _is_nearly_over(start: Start) -> bool:
    """Return whether the function needs its answers: it may still run, though it was let go."""
    if not start.let_go:
        return False
    now_ns = time.time_ns()  # noqa: TID251  # see above
    return _left_s(start.let_go[-1][0], now_ns=now_ns) < ANSWER_S


def _close(start: Start) -> None:
    """Close the connection on which /next was requested."""
    if start.pending_next is not None:
        start.pending_next.close()
        start.pending_next = None


def _patience_s(start: Start, event: bytes, *, now_ns: int) -> float:
    """Return how long an event may wait for the import."""
    if is_shutdown(event):
        return LAST_S if start.telemetry_socket is not None else 0.0
    timeout_ms = start.mark.timeout_ms if start.mark else 0
    return lent_s(_left_s(event, now_ns=now_ns), timeout_ms=timeout_ms)


def _left_s(event: bytes, *, now_ns: int) -> float:
    """Return the seconds until an event's deadline; without one it has passed long ago."""
    digits = event.partition(b'"deadlineMs"')[2].lstrip(b": \n")[:13]  # json is not built in
    deadline_ms = int(digits) if digits.isdigit() else 0
    return deadline_ms / 1000 - now_ns / 1e9
