"""PURE: every request that is open, or was lately, in the order in which they began.

INVOKE announces them in this order. An event of the platform that comes late is put before what
began later: it may be all that is known of its request.

An id may stand for several invocations: Lambda tries an asynchronous one again, under its id and
usually in the same sandbox. Each attempt is a request of its own; times distinguish them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile

from extension.telemetry.assembly.held_records import LineBudget
from extension.telemetry.assembly.in_flight import InFlightInvocation
from extension.telemetry.assembly.transitions import AWAITED, Awaited, State
from extension.telemetry.reading.events import Report, RuntimeDone, Start

MAX_OPEN = 1024
"""Requests that may be open at once; of more, the oldest is let go: it may never end."""

MAX_CLOSED = 128
"""Requests that are remembered, their end included, so that a delivery that is repeated changes
nothing. Where several run at once these are `MAX_OPEN`: hundreds may end in the five seconds in
which an SDK gathers its spans of them."""


Told = Start | RuntimeDone | Report
"""The platform's events about a request."""


class RequestTable:
    """Finds a request by its id or by time; `concurrent`: several run at once."""

    def __init__(self, *, concurrent: bool) -> None:
        self._concurrent = concurrent
        self._max_remembered = MAX_OPEN if concurrent else MAX_CLOSED
        self._requests: dict[InFlightInvocation, None] = {}
        self._attempts: dict[str, list[InFlightInvocation]] = {}
        """Those of each id, the latest at the end."""
        self._unsettled: dict[InFlightInvocation, None] = {}
        """Those of which more may come, and some that were closed since the last look."""
        self.budget = LineBudget()
        """What the lines of all of them take."""

    def __iter__(self) -> Iterator[InFlightInvocation]:
        """Go through those that are known now; what is forgotten meanwhile still comes."""
        return iter([*self._requests])

    def find(self, request_id: str) -> InFlightInvocation | None:
        """Return the request of this id, of several attempts the latest."""
        attempts = self._attempts.get(request_id)
        return attempts[-1] if attempts else None

    def find_at(self, request_id: str, at_ns: int) -> InFlightInvocation | None:
        """Return the request of this id, of several attempts the one that ran at a time."""
        attempts = self._attempts.get(request_id, ())
        began = (each for each in reversed(attempts) if each.begun_ns <= at_ns)
        return next(began, None) or next(iter(attempts), None)

    def find_told(self, event: Told) -> InFlightInvocation | None:
        """Return the request that an event of the platform is about, None for a new attempt.

        One that has the event already, as it is repeated then; else the latest that lacks it, and
        has begun by then if that is known. Only a start begins an attempt.
        """
        attempts = self._attempts.get(event.request_id, ())
        if not attempts:
            return None
        if repeated := next((each for each in attempts if _has(each, event)), None):
            return repeated
        lacking = [each for each in reversed(attempts) if _may_take(each, event)]
        if isinstance(event, Start):
            return lacking[0] if lacking else None
        begun = [each for each in lacking if each.start and each.start.time_ns <= event.time_ns]
        return next(iter(begun or lacking), attempts[-1])

    def has_attempts(self, request_ids: Iterable[str]) -> bool:
        """Return whether several attempts have one of these ids."""
        return any(len(self._attempts.get(each, ())) > 1 for each in request_ids)

    def add(self, in_flight: InFlightInvocation) -> None:
        """Take one that was not heard of before, or one more attempt."""
        self._requests[in_flight] = self._unsettled[in_flight] = None
        self._attempts.setdefault(in_flight.request_id, []).append(in_flight)

    def put_in_order(self, in_flight: InFlightInvocation) -> None:
        """Put one that was heard of late before those that began after it."""
        others = (each for each in reversed(self._requests) if each is not in_flight)
        later = [*takewhile(lambda each: each.begun_ns > in_flight.begun_ns, others)]
        for each in reversed(later):
            del self._requests[each]
            self._requests[each] = None

    def current(self, at_ns: int) -> InFlightInvocation | None:
        """Find the invocation that ran, or had run last, at a time; unknown if several run."""
        if self._concurrent:
            return None
        begun = (each for each in reversed(self._requests) if each.begun_ns <= at_ns)
        return next((each for each in begun if not each.was_over_before(at_ns)), None)

    def superseded_by(self, later: InFlightInvocation) -> list[InFlightInvocation]:
        """Return what was still open when a later request began, where one runs at a time."""
        if self._concurrent or later.start is None:
            return []
        began_ns = later.start.time_ns
        return [
            each
            for each in self._of_which_more_may_come()
            if not each.is_out and each.begun_ns < began_ns and each is not later
        ]

    def open_besides(self, latest: InFlightInvocation) -> list[InFlightInvocation]:
        """Find what is still open besides the latest request."""
        unsettled = self._of_which_more_may_come()
        return [each for each in unsettled if not each.is_out and each is not latest]

    def is_running(self, in_flight: InFlightInvocation) -> bool:
        """Return whether it may be running, if its end was not reported: the last one, or any."""
        return self._concurrent or in_flight is next(reversed(self._requests))

    def forget_oldest(self) -> list[InFlightInvocation]:
        """Forget what was over long ago; return those that are let go without an end or report.

        One that is open stays, however many have ended since it began.
        """
        gone: list[InFlightInvocation] = []
        while len(self._requests) > self._max_remembered:
            over = next((each for each in self._requests if each.is_out), None)
            if over is None and len(self._requests) <= MAX_OPEN:
                break
            gone.append(over or next(iter(self._requests)))
            self._forget(gone[-1])
        for each in gone:
            if each.state is State.CLOSED:
                each.records.take()  # should there be any
        return [each for each in gone if each.state is not State.CLOSED]

    def _forget(self, in_flight: InFlightInvocation) -> None:
        del self._requests[in_flight]
        self._unsettled.pop(in_flight, None)
        attempts = self._attempts[in_flight.request_id]
        attempts.remove(in_flight)
        if not attempts:
            del self._attempts[in_flight.request_id]

    @property
    def awaited(self) -> Awaited:
        """What is awaited of all requests together; what takes longest decides."""
        awaited = {AWAITED[in_flight.state] for in_flight in self._requests}
        if "start" in awaited or "end" in awaited:
            return "end"
        return "report" if "report" in awaited else "nothing"

    def awaited_of(self, request_id: str) -> Awaited:
        """What is awaited of one request, of several attempts the latest."""
        in_flight = self.find(request_id)
        return AWAITED[in_flight.state] if in_flight else "start"

    def between(self, began_ns: int) -> Iterator[InFlightInvocation]:
        """Go through those that had ended when a later one began, where one runs at a time."""
        if not self._concurrent:
            for each in self._of_which_more_may_come():
                if each.state is State.ENDED and each.begun_ns < began_ns:
                    yield each

    def _of_which_more_may_come(self) -> list[InFlightInvocation]:
        """Return those that are not closed; nothing opens a request again."""
        unsettled = [each for each in self._unsettled if each.state is not State.CLOSED]
        self._unsettled = dict.fromkeys(unsettled)
        return unsettled


def _known(in_flight: InFlightInvocation, event: Told) -> Told | None:
    """Return what is known of a request of an event's kind."""
    match event:
        case Start():
            return in_flight.start
        case RuntimeDone():
            return in_flight.done
    return in_flight.report


def _has(in_flight: InFlightInvocation, event: Told) -> bool:
    """Return whether the platform has sent this very event before."""
    known = _known(in_flight, event)
    return known is not None and known.time_ns == event.time_ns


def _may_take(in_flight: InFlightInvocation, event: Told) -> bool:
    """Return whether a request lacks such an event, and was not over before it if it is a start."""
    end = in_flight.done or in_flight.report
    was_over = isinstance(event, Start) and end is not None and end.time_ns < event.time_ns
    return _known(in_flight, event) is None and not was_over
