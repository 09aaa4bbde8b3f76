"""PURE: how a call to AWS fails, and whether another attempt may succeed."""

from __future__ import annotations

import re

THROTTLING = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""Codes that botocore treats as throttling; a test compares the two lists."""

BROKEN = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
"""Faults of AWS or the network by their error code, whatever the HTTP status."""

OUTDATED = frozenset(
    {
        "InvalidSignatureException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
    }
)
"""Codes that reject a signature or its time, not the caller's rights: a freeze between signing and
sending is enough to cause one."""

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
"""The credentials have expired. Those of a container endpoint can be fetched again."""

DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
"""A permission is missing, of the caller or of a KMS key."""

UNREACHED = frozenset(
    {"ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError", "SSLError"}
)
"""Names of botocore's errors for connections that were never established."""

_TIMED = "SignatureDoesNotMatch"
_ABOUT_TIME = re.compile(
    r"signature (expired|not yet current)|is now earlier than|is still later than|too skewed", re.I
)

TIMEOUT = "RequestTimeout"
UNUSABLE = "InvalidResponse"
BUSY = "TooManyRequests"
NOT_OPEN = "ServiceUnavailable"
"""Codes of our own, where there is no answer of AWS."""


class SettingError(Exception):
    """No client can be built without this setting; the text names its variable."""


class UpstreamError(Exception):
    """A call to AWS failed: AWS refused it, or it could not be reached.

    `transient`: another attempt may succeed (throttling, a fault of the service, a timeout, a
    broken connection, an outdated signature); false means that AWS refused the request.
    `reason`: the cause and its remedy in our own words, which may be logged.
    """

    def __init__(
        self,
        code: str,
        *,
        message: str = "",
        reason: str = "",
        service: str = "",
        request_id: str = "",
        transient: bool = False,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message or reason
        self.reason = reason
        self.service = service
        self.request_id = request_id
        self.transient = transient


def is_transient(code: str, *, status: int, message: str = "") -> bool:
    """Whether another attempt may succeed, by AWS's error code and message and the HTTP status."""
    if code in THROTTLING or code in BROKEN or is_outdated(code, message=message):
        return True
    return status == 429 or status >= 500


def is_outdated(code: str, *, message: str) -> bool:
    """Whether AWS rejected a signature for its time: signed again, the request may be accepted."""
    return code in OUTDATED or (code == _TIMED and bool(_ABOUT_TIME.search(message)))
