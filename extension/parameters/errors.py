"""What can go wrong: a request that is refused, and an upstream call that fails.

PURE: values and their classification; `response` alone turns them into HTTP.
"""

from __future__ import annotations

from extension.frozen import Frozen

THROTTLING = frozenset(
    {
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Codes that botocore treats as throttling."""

BROKEN = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
"""Codes by which AWS says that the fault is its own, whatever the status."""

TIMEOUT = "RequestTimeout"
UNUSABLE = "InvalidResponse"
BUSY = "TooManyRequests"
NOT_OPEN = "ServiceUnavailable"
"""Codes of our own, for what never became an answer of AWS."""


class Rejection(Frozen):
    """A request that is refused without asking AWS.

    `plain`: its exact text is part of the contract, so it is never turned into JSON.
    """

    status: int
    code: str
    text: str
    plain: bool = False


class UpstreamError(Exception):
    """AWS, or the way to it, failed.

    `transient`: another try may succeed (throttling, a fault of the service, a timeout, a broken
    connection); false means that AWS understood and said no.
    """

    def __init__(
        self,
        code: str,
        *,
        message: str = "",
        service: str = "",
        request_id: str = "",
        transient: bool = False,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.service = service
        self.request_id = request_id
        self.transient = transient


def is_transient(code: str, *, status: int) -> bool:
    """Judge an answer of AWS by its error code and HTTP status."""
    return code in THROTTLING or code in BROKEN or status == 429 or status >= 500
