"""PURE: every request that is open, or was lately, in the order in which it was heard of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from extension.telemetry.assembly.held_records import LineBudget
from extension.telemetry.assembly.in_flight import InFlightInvocation
from extension.telemetry.assembly.transitions import AWAITED, Awaited, State

MAX_OPEN = 1024
"""Requests that may be open at once; one that never ends is let go when so many came after it."""

MAX_CLOSED = 128
"""Requests remembered after their end, so that a delivery that is repeated changes nothing."""


class RequestTable:
    """Finds a request by its id or by time; `concurrent`: several run at once."""

    def __init__(self, *, concurrent: bool) -> None:
        self._concurrent = concurrent
        self._requests: OrderedDict[str, InFlightInvocation] = OrderedDict()
        self._unsettled: dict[str, InFlightInvocation] = {}
        """Those of which more may come, and some that were closed since the last look."""
        self.budget = LineBudget()
        """What the lines of all of them take."""

    def __iter__(self) -> Iterator[InFlightInvocation]:
        """Go through those that are known now; what is forgotten meanwhile still comes."""
        return iter(list(self._requests.values()))

    def find(self, request_id: str) -> InFlightInvocation | None:
        """Return the request of this id."""
        return self._requests.get(request_id)

    def add(self, in_flight: InFlightInvocation) -> None:
        """Take one that was not heard of before."""
        self._requests[in_flight.request_id] = in_flight
        self._unsettled[in_flight.request_id] = in_flight

    def current(self, at_ns: int) -> InFlightInvocation | None:
        """Find the invocation that ran, or had run last, at a time; unknown if several run."""
        if self._concurrent:
            return None
        return next(
            (each for each in reversed(self._requests.values()) if each.begun_ns <= at_ns), None
        )

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
        """Tell whether it may be running, if its end was not reported: the last one, or any."""
        return self._concurrent or in_flight.request_id == next(reversed(self._requests))

    def forget_oldest(self) -> list[InFlightInvocation]:
        """Forget what was over long ago; return those that are let go without an end or report."""
        gone: list[InFlightInvocation] = []
        while len(self._requests) > MAX_CLOSED and (
            self._oldest.is_out or len(self._requests) > MAX_OPEN
        ):
            gone.append(self._requests.pop(self._oldest.request_id))
            self._unsettled.pop(gone[-1].request_id, None)
        for each in gone:
            if each.state is State.CLOSED:
                each.records.take()  # should there be any
        return [each for each in gone if each.state is not State.CLOSED]

    @property
    def _oldest(self) -> InFlightInvocation:
        return next(iter(self._requests.values()))

    @property
    def awaited(self) -> Awaited:
        """What is awaited of all requests together; what takes longest decides."""
        awaited = {AWAITED[in_flight.state] for in_flight in self._requests.values()}
        if "start" in awaited or "end" in awaited:
            return "end"
        return "report" if "report" in awaited else "nothing"

    def awaited_of(self, request_id: str) -> Awaited:
        """What is awaited of one request."""
        in_flight = self._requests.get(request_id)
        return AWAITED[in_flight.state] if in_flight else "start"

    def between(self, began_ns: int) -> Iterator[InFlightInvocation]:
        """Go through those that had ended when a later one began, where one runs at a time."""
        if not self._concurrent:
            for each in self._of_which_more_may_come():
                if each.state is State.ENDED and each.begun_ns < began_ns:
                    yield each

    def _of_which_more_may_come(self) -> list[InFlightInvocation]:
        """Return those that are not closed; nothing opens a request again."""
        unsettled = self._unsettled.items()
        self._unsettled = {id_: each for id_, each in unsettled if each.state is not State.CLOSED}
        return list(self._unsettled.values())
