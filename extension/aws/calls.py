"""Runs calls to AWS in a few worker threads per service, and reports each of them.

A thread cannot be cancelled. When its caller stops waiting the call is marked as abandoned, and
the thread gives up before its next attempt. When a call finds out that its service cannot be
reached, the calls that waited for a thread meanwhile need not find it out again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from extension.aws.call import Answer, Call, CompletedCall, Service, Source
from extension.aws.errors import TIMEOUT, UNREACHED, UpstreamError
from extension.process.clock import Clock
from extension.process.log import Log

LOGGED_NAME = 256
"""Characters of a name in a log line."""


class Calls:
    """Runs at most `threads` calls to each service at once; the others wait their turn.

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
        self._report = report
        self._log = log
        self._threads = {
            service: ThreadPoolExecutor(threads, thread_name_prefix=service.name)
            for service in Service
        }
        self._numbers = count(1)
        self._unreached: dict[Service, tuple[int, UpstreamError]] = {}
        """The last failure to reach a service, and the number of the next call when it failed."""

    async def run(self, call: Call, *, traceparent: str | None) -> Answer:
        """Return the parsed answer of one call; raises UpstreamError."""
        started_at = self.clock.now()
        call.number = next(self._numbers)
        code, reason = TIMEOUT, ""  # of a call that is cancelled: only its deadline does that
        try:
            threads = self._threads[call.service]
            running = asyncio.get_running_loop().run_in_executor(threads, self._ask, call)
            answer = await running
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
                    traceparent=traceparent or "",
                ),
                reason=reason,
            )

    def _ask(self, call: Call) -> Answer:
        """Ask the source, in a worker thread."""
        number, failure = self._unreached.get(call.service, (0, None))
        if failure and call.number < number:
            raise UpstreamError(
                failure.code, reason=failure.reason, service=call.service, transient=True
            )
        try:
            return self._source.call(call)
        except UpstreamError as error:
            if error.code in UNREACHED:
                self._unreached[call.service] = next(self._numbers), error
            raise

    def _complete(self, call: CompletedCall, *, reason: str) -> None:
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
                **({"reason": reason} if reason else {}),
            )
