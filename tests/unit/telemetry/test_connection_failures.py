"""What a line says of a request that got no answer, and what is tried again."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from extension.settings.sdk_variables import CERTIFICATE
from extension.telemetry.export.answers import Answer
from extension.telemetry.export.connection_failures import (
    AUTHORITIES,
    BAD_HTTP,
    NO_HTTP,
    NO_THREAD,
    PROXIES,
    NotSignedError,
    describe_failure,
    try_twice,
)

KEY = ConnectionKey("h", 443, True, True, None, None, None)
CLOSES = "closes the connection without an answer (https? gRPC?)"
REFUSED = OSError(errno.ECONNREFUSED, "refused")
INFO: Any = type("Info", (), {"real_url": "http://secret@h"})()


def of_tls(reason: str | None) -> ssl.SSLError:
    """Return an error of OpenSSL."""
    error = ssl.SSLError(1, "x")
    error.reason = reason  # type: ignore[assignment]
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (NotSignedError("no credentials"), "NotSignedError: no credentials"),
        (RuntimeError("can't start new thread"), f"RuntimeError: {NO_THREAD}"),
        (RuntimeError("secret"), "RuntimeError"),
        (aiohttp.ClientConnectorCertificateError(KEY, ValueError("x")),
         f"ClientConnectorCertificateError: ; {CERTIFICATE} {AUTHORITIES}"),
        (aiohttp.ClientConnectorSSLError(KEY, of_tls("WRONG_VERSION_NUMBER")),
         "ClientConnectorSSLError: wrong version number: does it expect http?"),
        (aiohttp.ClientConnectorSSLError(KEY, of_tls(None)),
         "ClientConnectorSSLError: no tls: does it expect http?"),
        (aiohttp.ClientProxyConnectionError(KEY, REFUSED),
         f"ClientProxyConnectionError: the proxy, Connection refused; {PROXIES}"),
        (aiohttp.ClientProxyConnectionError(KEY, OSError()),
         f"ClientProxyConnectionError: the proxy, Success; {PROXIES}"),
        (aiohttp.ClientConnectorDNSError(KEY, REFUSED),
         "ClientConnectorDNSError: the host name is not found"),
        (aiohttp.ClientConnectorError(KEY, REFUSED), "ClientConnectorError: Connection refused"),
        (aiohttp.ClientConnectorError(KEY, OSError()), "ClientConnectorError"),
        (aiohttp.ServerDisconnectedError(), f"ServerDisconnectedError: {CLOSES}"),
        (aiohttp.ClientHttpProxyError(INFO, (), status=407),
         f"ClientHttpProxyError: the proxy answers status 407; {PROXIES}"),
        (aiohttp.ClientResponseError(INFO, (), message="Bad status line: x"),
         f"ClientResponseError: {NO_HTTP}"),
        (aiohttp.ClientResponseError(INFO, (), message="Invalid header"),
         f"ClientResponseError: {BAD_HTTP}"),
        (aiohttp.ClientPayloadError("x"), "ClientPayloadError: its answer ends early"),
        (aiohttp.ClientConnectorError(KEY, socket.gaierror(socket.EAI_NONAME, "x")),
         "ClientConnectorError: the host name is not found"),
        (ValueError("http://secret@h"), "ValueError"),
    ],
)  # fmt: skip
def test_a_failure_is_named_with_what_to_do_about_it(error: Exception, text: str) -> None:
    """Never with the text of a library's error, which may hold the URL."""
    assert describe_failure(error) == text


def test_a_variable_for_authorities_is_that_of_the_request() -> None:
    """The bucket of AWS is not trusted by what the endpoint is trusted by."""
    error = aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError("x"))
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE may name" in describe_failure(error)
    assert "; AWS_CA_BUNDLE may name" in describe_failure(error, certificate="AWS_CA_BUNDLE")


@pytest.mark.parametrize(
    ("error", "tries"),
    [(aiohttp.ServerDisconnectedError(), 2), (aiohttp.ClientOSError(), 2), (ValueError(), 1)],
)
async def test_a_connection_that_died_is_tried_once_more(error: Exception, tries: int) -> None:
    """Over one of its own, for others may have died with it; what fails again fails."""
    tried: list[bool] = []

    async def post(*, alone: bool) -> Answer:
        tried.append(alone)
        if len(tried) == 1:
            raise error
        return Answer(status=200)

    if tries == 2:
        assert await try_twice(post) == Answer(status=200)
    else:
        with pytest.raises(ValueError, match=r"^$"):
            await try_twice(post)
    assert tried == [False, True][:tries]


@pytest.mark.parametrize(
    ("statuses", "final"), [([408, 200], 200), ([408, 408], 408), ([409], 409), ([407], 407)]
)
async def test_a_connection_that_the_server_gave_up_is_one_that_died(
    statuses: list[int], final: int
) -> None:
    """408 is its last word on an idle connection, and no answer to this request."""
    tried: list[bool] = []

    async def post(*, alone: bool) -> Answer:
        tried.append(alone)
        return Answer(status=statuses[len(tried) - 1])

    assert (await try_twice(post)).status == final
    assert tried == [False, True][: len(statuses)]
