"""What the caller of an invocation gets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.clock import milliseconds
from simulator.telemetry.platform_report import platform_status

if TYPE_CHECKING:
    from simulator.errors import Failure
    from simulator.invocation import Invocation, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the caller of an invocation gets, and how long it took.

    Attributes:
        status: "success"; "error" when the function raised or a process ended; "timeout";
            "failure" when the platform itself is to blame.
        payload: The function's answer, or the error as JSON.
        error: The parsed error: errorType, errorMessage, maybe stackTrace.
        cold_start: Whether the invocation waited for an init or is the first one after it.
        duration_ms: From handing the event out to the end of the function's answer, or to the
            reset when there was none.
        after_response_ms: From then until runtime and extensions had asked for the next event.
    """

    request_id: str
    status: Status
    payload: bytes
    error: dict[str, Any] | None
    cold_start: bool
    duration_ms: float
    after_response_ms: float


def build_answer(
    invocation: Invocation, failure: Failure | None, *, init_error: bytes | None, ended_ns: int
) -> Answer:
    """Return the answer; one the function gave before a failure still counts."""
    status: Status
    if invocation.response is not None:
        payload = invocation.response
        status = "error" if invocation.is_error else "success"
        answered_ns = invocation.response_ended_ns
    else:
        assert failure is not None
        payload = init_error or _failure_payload(invocation, failure)
        status, answered_ns = platform_status(failure), ended_ns
    return Answer(
        request_id=invocation.request_id,
        status=status,
        payload=payload,
        error=None if status == "success" else _parse_error(payload),
        cold_start=invocation.cold_start,
        duration_ms=milliseconds(answered_ns - invocation.started_ns),
        after_response_ms=milliseconds(ended_ns - answered_ns),
    )


def _failure_payload(invocation: Invocation, failure: Failure) -> bytes:
    body = {
        "errorType": failure.error_type,
        "errorMessage": f"RequestId: {invocation.request_id} Error: {failure.message}",
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _parse_error(payload: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(payload)
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"errorMessage": payload.decode("latin-1")}
