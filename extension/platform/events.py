"""The responses of /next, an invocation or the end of the sandbox, and what handles them.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import json
from typing import Any

from extension.process.frozen import Frozen

DEADLINE_RESERVE_S = 0.5
"""The last half second before the function's timeout is left to the function."""


class Invoke(Frozen):
    """An invocation has begun; `deadline_ms` is its timeout in epoch milliseconds."""

    request_id: str
    deadline_ms: int
    function_arn: str = ""
    tracing: str = ""
    """X-Ray's trace header; empty if there is none."""
    received_ns: int = 0
    """When it was received, in epoch nanoseconds, if that was before the event loop ran."""


class Shutdown(Frozen):
    """The sandbox ends at `deadline_ms`; `reason` is spindown, timeout or failure."""

    reason: str
    deadline_ms: int


LambdaEvent = Invoke | Shutdown


class Job:
    """A part of the process that takes part in the life cycle; it overrides what it needs."""

    def announced(self, invoke: Invoke) -> None:
        """Take note of an invocation, before any job does its work."""

    async def invoked(self, invoke: Invoke) -> None:
        """Do the work of an invocation; /next is requested when every job has returned."""

    def invoked_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Learn of an invocation that began at `at_ns`, before the life cycle did."""

    def let_go_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Learn when /next was requested for such an invocation."""

    async def settle_calls(self, within_s: float) -> float:
        """Wait before /next for calls to other services, which a freeze would interrupt.

        Returns the seconds that it took, `within_s` at most.
        """
        return 0.0

    def next_called(self, invoke: Invoke) -> None:
        """Take note that /next is requested: nothing holds the invocation any longer."""

    async def shut_down(self, shutdown: Shutdown) -> None:
        """Do what must be done before the sandbox ends."""


SHUTDOWN_S = 2.0
"""Lambda's limit for external extensions from SHUTDOWN to SIGKILL."""


def plausible_shutdown_s(left_s: float) -> float:
    """Return the seconds left after SHUTDOWN; its deadline may come from another clock."""
    return left_s if 0 < left_s <= SHUTDOWN_S else SHUTDOWN_S


LATEST_MS = 2**53
"""Beyond it JSON's numbers are not exact, and no time is meant."""


class NotAnEventError(ValueError):
    """The response of /next is not an event of the protocol."""


def parse_event(body: bytes, *, received_ns: int = 0) -> LambdaEvent:
    """Return the event in a response of /next.

    A field that cannot be read is absent: the end of the sandbox is one whatever its deadline is.

    Raises:
        NotAnEventError: it is not JSON, or of an unknown type.
    """
    try:
        event: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAnEventError("not JSON") from error
    match event:
        case {"eventType": "INVOKE", "requestId": str(request_id)}:
            return Invoke(
                request_id=request_id,
                deadline_ms=_deadline_ms(event.get("deadlineMs")),
                function_arn=str(event.get("invokedFunctionArn") or ""),
                tracing=_trace_header(event.get("tracing")),
                received_ns=received_ns,
            )
        case {"eventType": "SHUTDOWN"}:
            return Shutdown(
                # Documented in upper case, sent in lower case; AWS's emulator sends mixed case.
                reason=str(event.get("shutdownReason") or "").lower(),
                deadline_ms=_deadline_ms(event.get("deadlineMs")),
            )
    raise NotAnEventError("unknown event type")


def _deadline_ms(value: Any) -> int:
    try:
        deadline_ms = int(value or 0)
    except (ValueError, TypeError, OverflowError):
        return 0
    return deadline_ms if 0 < deadline_ms <= LATEST_MS else 0


def _trace_header(tracing: object) -> str:
    return str(tracing.get("value") or "") if isinstance(tracing, dict) else ""
