"""Calls to AWS in a few worker threads per service, each call told to the hook and, failed, logged.

A thread cannot be cancelled. When its caller stops waiting the call is marked as abandoned, and
the thread gives up before its next attempt. When a call finds out that its service cannot be
reached, the calls that waited for a thread meanwhile need not find it out again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Protocol

from extension.parameters.answer import Answer
from extension.aws.errors import TIMEOUT, UNREACHED, UpstreamError
from extension.parameters.hooks import GuardedHooks, UpstreamCall
from extension.parameters.keys import Service
from extension.process.clock import Clock
from extension.process.log import Log

LOGGED_NAME = 256
"""Characters of a name in a log line."""


class Call:
    """One call, shared between the event loop and the worker thread.

    The thread counts `attempts` and `throttles` and leaves the `request_id`; the loop sets
    `abandoned` once nobody waits any more.
    """

    def __init__(
        self, *, service: Service, operation: str, name: str, arguments: Mapping[str, object]
    ) -> None:
        self.service = service
        self.operation = operation
        self.name = name
        self.arguments = arguments
        self.attempts = 0
        self.throttles = 0
        self.number = 0
        """Its place in the order in which calls came."""
        self.request_id = ""
        self.abandoned = False


class Source(Protocol):
    """AWS. Every method blocks and is called in a worker thread."""

    def call(self, call: Call) -> Answer:
        """Return the parsed answer, or raise UpstreamError."""

    def session_tokens(self) -> tuple[str, ...]:
        """Renew credentials that come from a container endpoint; return their tokens, newest last.

        Empty for credentials that cannot be renewed; raises UpstreamError.
        """

    def close(self) -> None:
        """Close idle connections; does not block."""


class Calls:
    """Runs calls; at most `threads` to each service at once, the others wait their turn."""

    def __init__(
        self, source: Source, *, threads: int, clock: Clock, hooks: GuardedHooks, log: Log
    ) -> None:
        self._source = source
        self.clock = clock
        self._hooks = hooks
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
            # botocore raises whatever its parsers do when the answer is rubbish.
            code = type(error).__name__
            raise UpstreamError(code, service=call.service, transient=True) from error
        finally:
            call.abandoned = True
            self._tell(
                UpstreamCall(
                    service=call.service,
                    operation=call.operation,
                    name=call.name,
                    started_at=started_at,
                    ended_at=self.clock.now(),
                    attempts=call.attempts,
                    throttles=call.throttles,
                    code=code,
                    request_id=call.request_id,
                    traceparent=traceparent,
                ),
                reason=reason,
            )

    def close(self) -> None:
        """Let the threads go; one that hangs in a call is left behind."""
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)
        self._source.close()

    def _ask(self, call: Call) -> Answer:
        """Ask the source, in a worker thread."""
        number, found = self._unreached.get(call.service, (0, None))
        if found and call.number < number:
            raise UpstreamError(
                found.code, reason=found.reason, service=call.service, transient=True
            )
        try:
            return self._source.call(call)
        except UpstreamError as error:
            if error.code in UNREACHED:
                self._unreached[call.service] = next(self._numbers), error
            raise

    def _tell(self, call: UpstreamCall, *, reason: str) -> None:
        self._hooks.upstream_call(call)
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
