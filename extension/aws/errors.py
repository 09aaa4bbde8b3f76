"""What can go wrong: a request that is refused, and an upstream call that fails.

PURE: values and their classification; `response` alone turns them into HTTP.
"""

from __future__ import annotations

import re

from extension.process.frozen import Frozen

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
"""Codes by which AWS blames itself or the network, whatever the status."""

OUTDATED = frozenset(
    {
        "InvalidSignatureException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
    }
)
"""Codes that judge a signature or its time, not the caller's rights: a freeze between signing and
sending is enough to get one."""

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
"""The credentials are too old. Those of a container endpoint can be fetched again."""

UNREACHED = frozenset(
    {"ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError", "SSLError"}
)
"""Names of botocore's errors for connections that never came about."""

_TIMED = "SignatureDoesNotMatch"
_ABOUT_TIME = re.compile(
    r"signature (expired|not yet current)|is now earlier than|is still later than|too skewed", re.I
)

TIMEOUT = "RequestTimeout"
UNUSABLE = "InvalidResponse"
BUSY = "TooManyRequests"
NOT_OPEN = "ServiceUnavailable"
"""Codes of our own, for what never became an answer of AWS."""


class SettingError(Exception):
    """A setting without which no client can be built; the text names its variable."""


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
    connection, an outdated signature); false means that AWS understood and said no.
    `reason`: the cause and what to do about it, in our own words and so fit for a log line.
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
    """Judge an answer of AWS by its error code, its text and the HTTP status."""
    if code in THROTTLING or code in BROKEN or is_outdated(code, message=message):
        return True
    return status == 429 or status >= 500


def is_outdated(code: str, *, message: str) -> bool:
    """Whether AWS refused the signature of a request: signed again, it may be accepted."""
    return code in OUTDATED or (code == _TIMED and bool(_ABOUT_TIME.search(message)))
