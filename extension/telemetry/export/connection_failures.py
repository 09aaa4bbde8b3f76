"""How a request fails that gets no answer: what it raises, its cause in words, one more attempt.

A failure is named by its kind, not by its text, which may hold a URL or a header.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable
from contextlib import suppress
from typing import Protocol

import aiohttp

from extension.settings.sdk_variables import CERTIFICATE
from extension.telemetry.export.answers import Answer
from extension.telemetry.export.outcome import GAVE_UP

AUTHORITIES = "may name a PEM file of further authorities"
PROXIES = "check HTTPS_PROXY, http_proxy, ALL_PROXY and NO_PROXY"
NO_HTTP = "answers no HTTP/1.1 (4317 is gRPC, 4318 is HTTP)"
BAD_HTTP = "its answer breaks the rules of HTTP/1.1"
NOT_FOUND = "the host name is not found"
NO_THREAD = "no thread is left; Lambda allows a sandbox 1024"

POST_ERRORS = (aiohttp.ClientError, OSError)
"""What a request that gets no answer raises."""


class NotSignedError(OSError):
    """There are no credentials to sign a request with, at least for now."""


class Attempt(Protocol):
    """One attempt of a request."""

    def __call__(self, *, alone: bool) -> Awaitable[Answer]:
        """Send it over a connection that is kept, or over one of its own."""


async def try_twice(attempt: Attempt) -> Answer:
    """Send once more at once when the connection was dead: it may have slept in a freeze.

    Some servers say so before they close an idle connection, with 408. Where that crosses the next
    request, or was not read before it, it is taken for the answer to that.
    """
    with suppress(aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        answer = await attempt(alone=False)
        if answer.status != GAVE_UP:
            return answer
    return await attempt(alone=True)


def describe_failure(error: Exception, *, certificate: str = CERTIFICATE) -> str:
    """Return an error's name and what is known beside it.

    `certificate` is the variable by which a user names authorities for this request.
    """
    name, detail = type(error).__name__, _detail(error, certificate)
    return f"{name}: {detail}" if detail else name


def _detail(error: Exception, certificate: str) -> str:
    match error:
        case NotSignedError():
            return str(error)
        case RuntimeError() if "thread" in str(error):
            return NO_THREAD
        case aiohttp.ClientConnectorCertificateError():
            wrong = getattr(error.certificate_error, "verify_message", "")
            return f"{wrong}; {certificate} {AUTHORITIES}"
        case aiohttp.ClientConnectorSSLError():
            reason = getattr(error.os_error, "reason", None) or "no TLS"
            return f"{reason.replace('_', ' ').lower()}: does it expect http?"
        case aiohttp.ClientProxyConnectionError():
            return f"the proxy, {os.strerror(error.os_error.errno or 0)}; {PROXIES}"
        case aiohttp.ClientConnectorDNSError():
            return NOT_FOUND
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno or 0
            if number < 0:  # of getaddrinfo, whose numbers have no text here
                return NOT_FOUND
            return os.strerror(number) if number else ""
        case aiohttp.ServerDisconnectedError():
            return "closes the connection without an answer (https? gRPC?)"
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answers status {error.status}; {PROXIES}"
        case aiohttp.ClientResponseError():
            return NO_HTTP if error.message.startswith("Bad status line") else BAD_HTTP
        case aiohttp.ClientPayloadError():
            return "its answer ends early"
    return ""
