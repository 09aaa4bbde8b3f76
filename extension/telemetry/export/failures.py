"""What went wrong with a POST that got no answer, by the kind of the error, never by its text."""

from __future__ import annotations

import os

import aiohttp

NO_HTTP = "answers no HTTP/1.1 (4317 is gRPC, 4318 is HTTP)"


def describe_failure(error: Exception) -> str:
    """Return an error's name and what is known beside it."""
    name, detail = type(error).__name__, _detail(error)
    return f"{name}: {detail}" if detail else name


def _detail(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return str(getattr(error.certificate_error, "verify_message", ""))
        case aiohttp.ClientConnectorSSLError():
            return str(getattr(error.os_error, "reason", None) or "no TLS")
        case aiohttp.ClientConnectorDNSError():
            return "the host name is not found"
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            return os.strerror(number) if number else ""
        case aiohttp.ServerDisconnectedError():
            return "closes the connection without an answer"
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answers status {error.status}"
        case aiohttp.ClientResponseError():
            return NO_HTTP
    return ""
