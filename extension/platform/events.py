"""What /next answers with: an invocation has begun, or the sandbox ends.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import json
from typing import Any

from extension.process.frozen import Frozen

DEADLINE_RESERVE_S = 0.5
"""The last half second before the function's timeout is the user's alone."""


class Invoke(Frozen):
    """An invocation has begun; `deadline_ms` is its timeout in epoch milliseconds."""

    request_id: str
    deadline_ms: int
    function_arn: str = ""
    tracing: str = ""
    """X-Ray's header, if there is one."""


class Shutdown(Frozen):
    """The sandbox ends at `deadline_ms`; `reason` is spindown, timeout or failure."""

    reason: str
    deadline_ms: int


LambdaEvent = Invoke | Shutdown


SHUTDOWN_S = 2.0
"""What Lambda gives external extensions from SHUTDOWN to SIGKILL."""


def plausible_shutdown_s(left_s: float) -> float:
    """Return the time left after SHUTDOWN; its deadline may be told by another clock than ours."""
    return left_s if 0 < left_s <= SHUTDOWN_S else SHUTDOWN_S


class NotAnEventError(ValueError):
    """The answer of /next is none of the events that the protocol knows."""


def parse_event(body: bytes) -> LambdaEvent:
    """Return the event in the answer of /next.

    Raises:
        NotAnEventError: it is not JSON or of no known type.
    """
    try:
        told: Any = json.loads(body)
        match told:
            case {"eventType": "INVOKE", "requestId": str(request_id)}:
                return Invoke(
                    request_id=request_id,
                    deadline_ms=int(told.get("deadlineMs") or 0),
                    function_arn=str(told.get("invokedFunctionArn") or ""),
                    tracing=_trace_header(told.get("tracing")),
                )
            case {"eventType": "SHUTDOWN"}:
                return Shutdown(
                    # Documented in upper case, sent in lower case, and mixed by the emulator.
                    reason=str(told.get("shutdownReason") or "").lower(),
                    deadline_ms=int(told.get("deadlineMs") or 0),
                )
    except (ValueError, TypeError) as error:
        raise NotAnEventError("not JSON, or a field of a wrong type") from error
    raise NotAnEventError("an event of unknown type")


def _trace_header(tracing: object) -> str:
    return str(tracing.get("value") or "") if isinstance(tracing, dict) else ""
