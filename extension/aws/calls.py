"""Runs calls to AWS in a few worker threads per place, and reports each of them.

A place is a service in one region, asked as one role: where one does not answer, calls to others go
on. A thread cannot be cancelled. When its caller stops waiting the call is marked as abandoned, and
the thread gives up before its next attempt. When a call finds out that its place cannot be reached,
the calls that waited for a thread meanwhile need not find it out again. While AWS answers those
before it, a call may wait as long as it takes: of many calls at once each has its own time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from extension.aws.call import Answer, Call, CompletedCall, Place, Source
from extension.aws.errors import TIMEOUT, UNREACHED, UpstreamError
from extension.process.clock import Clock
from extension.process.log import Log
from extension.process.waits import TimeLimit

LOGGED_NAME = 256
"""Characters of a name in a log line."""

MOST_PLACES = 24
"""Places whose threads are kept, of those that were asked last: more than `clients` has clients."""


class _Lane:
    """The threads for one place."""

    def __init__(self, place: Place, *, threads: int) -> None:
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix=place.service.name)
        self.unreached: tuple[int, UpstreamError] | None = None
        """The last failure to reach the place, and the number of the next call when it failed."""
        self._waiting: dict[Call, dict[TimeLimit, float]] = {}
        """The limits of calls that wait for a thread, and what was left of them in seconds."""

    def begin_wait(self, call: Call, limits: Sequence[TimeLimit]) -> None:
        """Note a call that waits for a thread."""
        self._waiting[call] = {limit: limit.left_s for limit in limits}

    def end_wait(self, call: Call) -> None:
        """Note that a thread makes a call, or that nothing waits for it any more."""
        self._waiting.pop(call, None)

    def note_answer(self) -> None:
        """Give the calls that wait their whole time again: AWS answers those before them."""
        for limits in self._waiting.values():
            for limit, left_s in limits.items():
                limit.restart(left_s)


class Calls:
    """Runs at most `threads` calls to each place at once; the others wait their turn.

    `report` is called on the event loop with each call that has ended, whatever its outcome; it
    must not raise. A call that failed is logged as well.
    """

    def __init__(
        self,
        source: Source,
        *,
        threads: int,
        clock: Clock,
        report: Callable[[CompletedCall], None],
        log: Log,
    ) -> None:
        self._source = source
        self.clock = clock
        self.region = source.region
        self._report = report
        self._log = log
        self._threads = threads
        self._lanes: OrderedDict[Place, _Lane] = OrderedDict()
        self._numbers = count(1)

    async def run(
        self, call: Call, *, traceparent: str | None, limits: Sequence[TimeLimit] = ()
    ) -> Answer:
        """Return the parsed answer of one call; raises UpstreamError.

        `limits` end the call. What it waits for its turn while AWS answers others does not count.
        """
        started_at = self.clock.now()
        call.number = next(self._numbers)
        code, reason = TIMEOUT, ""  # of a call that is cancelled: only its deadline does that
        lane = self._lane(call.place)
        lane.begin_wait(call, limits)
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(lane.threads, self._ask_in_turn, call, lane, loop)
            code = ""
            return answer
        except UpstreamError as error:
            code, reason = error.code, error.reason
            raise
        except Exception as error:
            # botocore raises whatever its parsers raise for an answer that makes no sense.
            code = type(error).__name__
            raise UpstreamError(code, service=call.service, transient=True) from error
        finally:
            call.abandoned = True
            lane.end_wait(call)
            self._complete(
                CompletedCall(
                    service=call.service.value,
                    operation=call.operation,
                    name=call.name,
                    start_ns=started_at.wall_ns,
                    end_ns=self.clock.now().wall_ns,
                    attempts=call.attempts,
                    throttles=call.throttles,
                    code=code,
                    request_id=call.request_id,
                    region=call.place.region,
                    traceparent=traceparent or "",
                ),
                role=call.place.role,
                reason=reason,
            )

    def _lane(self, place: Place) -> _Lane:
        """Return the threads for a place; those of the place that was asked longest ago end."""
        lane = self._lanes.pop(place, None) or _Lane(place, threads=self._threads)
        self._lanes[place] = lane
        if len(self._lanes) > MOST_PLACES:
            _, oldest = self._lanes.popitem(last=False)
            oldest.threads.shutdown(wait=False)  # calls that wait for one of them are still made
        return lane

    def _ask_in_turn(self, call: Call, lane: _Lane, loop: asyncio.AbstractEventLoop) -> Answer:
        """Ask the source, in a worker thread; the loop learns of it before the next call begins."""
        loop.call_soon_threadsafe(lane.end_wait, call)
        is_answered = False
        try:
            answer = self._ask(call, lane)
            is_answered = True
            return answer
        finally:
            if is_answered or call.request_id:  # a refusal is an answer, too
                loop.call_soon_threadsafe(lane.note_answer)

    def _ask(self, call: Call, lane: _Lane) -> Answer:
        if lane.unreached is not None:
            number, failure = lane.unreached
            if call.number < number:
                raise UpstreamError(
                    failure.code, reason=failure.reason, service=call.service, transient=True
                )
        try:
            return self._source.call(call)
        except UpstreamError as error:
            if error.code in UNREACHED:
                lane.unreached = next(self._numbers), error
            raise

    def _complete(self, call: CompletedCall, *, role: str, reason: str) -> None:
        self._report(call)
        if call.code:
            self._log.error(
                "upstream call failed",
                service=call.service,
                operation=call.operation,
                name=call.name[:LOGGED_NAME],
                code=call.code,
                request_id=call.request_id,
                attempts=call.attempts,
                **({"region": call.region} if call.region else {}),
                **({"role": role} if role else {}),
                **({"reason": reason} if reason else {}),
            )
