"""PURE: every request that is open, or was lately, in the order in which it was heard of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from extension.telemetry.assembly.held_records import Room
from extension.telemetry.assembly.known import Known
from extension.telemetry.assembly.transitions import AWAITED, Awaited, State

MAX_KNOWN = 1024
"""Requests that may be open at once; one that never ends is let go when so many came after it."""

MAX_CLOSED = 128
"""Requests remembered after their end, so that a delivery that is repeated changes nothing."""


class KnownRequests:
    """Finds a request by its id or by time; `concurrent`: several run at once."""

    def __init__(self, *, concurrent: bool) -> None:
        self._concurrent = concurrent
        self._known: OrderedDict[str, Known] = OrderedDict()
        self.room = Room()
        """What the lines of all of them take."""

    def __iter__(self) -> Iterator[Known]:
        """Go through those that are known now; what is forgotten meanwhile still comes."""
        return iter(list(self._known.values()))

    def find(self, request_id: str) -> Known | None:
        """Return the request of this id."""
        return self._known.get(request_id)

    def add(self, known: Known) -> None:
        """Take one that was not heard of before."""
        self._known[known.request_id] = known

    def current(self, at_ns: int) -> Known | None:
        """Find the invocation that ran, or had run last, at a time; unknown if several run."""
        if self._concurrent:
            return None
        return next(
            (each for each in reversed(self._known.values()) if each.begun_ns <= at_ns), None
        )

    def superseded_by(self, later: Known) -> list[Known]:
        """Return what was still open when a later request began, where one runs at a time."""
        if self._concurrent or later.start is None:
            return []
        began_ns = later.start.time_ns
        return [
            each
            for each in self
            if not each.is_out and each.begun_ns < began_ns and each is not later
        ]

    def open_besides(self, latest: Known) -> list[Known]:
        """Find what is still open besides the latest request."""
        return [each for each in self if not each.is_out and each is not latest]

    def is_running(self, known: Known) -> bool:
        """Tell whether it may be running still, if nobody told its end: the last one, or any."""
        return self._concurrent or known.request_id == next(reversed(self._known))

    def forget_oldest(self) -> list[Known]:
        """Forget what was over long ago; return those that are let go without an end or report."""
        gone: list[Known] = []
        while len(self._known) > MAX_CLOSED and (
            self._oldest.is_out or len(self._known) > MAX_KNOWN
        ):
            gone.append(self._known.pop(self._oldest.request_id))
        for each in gone:
            if each.state is State.CLOSED:
                each.records.take()  # should there be any
        return [each for each in gone if each.state is not State.CLOSED]

    @property
    def _oldest(self) -> Known:
        return next(iter(self._known.values()))

    @property
    def awaited(self) -> Awaited:
        """What is not told yet of anything that is known; what takes longest decides."""
        awaited = {AWAITED[known.state] for known in self._known.values()}
        if "start" in awaited or "end" in awaited:
            return "end"
        return "report" if "report" in awaited else "nothing"

    def awaited_of(self, request_id: str) -> Awaited:
        """What is not told yet of one request."""
        known = self._known.get(request_id)
        return AWAITED[known.state] if known else "start"

    def between(self, began_ns: int) -> Iterator[Known]:
        """Go through those that had ended when a later one began, where one runs at a time."""
        if not self._concurrent:
            for each in self:
                if each.state is State.ENDED and each.begun_ns < began_ns:
                    yield each
