"""Why AWS was not reached, in words for a log line."""

from __future__ import annotations

import socket
import ssl

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
    UnauthorizedSSOTokenError,
)
from urllib3.exceptions import NewConnectionError, ProxyError

from extension.aws.reasons import (
    AUTHORITIES,
    CONTAINER,
    CREDENTIALS,
    NO_AUTHORITIES,
    NO_CONTAINER,
    NO_NAME,
    NO_PROFILE,
    PROXY,
    ROUTE,
    reason_of,
)

HOST = "ssm.eu-west-1.amazonaws.com"
URL = f"https://{HOST}"


def caused(error: Exception, cause: Exception) -> Exception:
    """Return an error that another one caused."""
    error.__cause__ = cause
    return error


def while_handling(error: Exception, context: Exception) -> Exception:
    """Return an error that was raised while another one was handled."""
    error.__context__ = context
    return error


REFUSED = ConnectionRefusedError(111, "Connection refused")
UNKNOWN_NAME = socket.gaierror(-2, "Name or service not known")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            EndpointConnectionError(endpoint_url=URL, error=REFUSED),
            f"no connection to {HOST}: Connection refused; {ROUTE}",
        ),
        (
            EndpointConnectionError(
                endpoint_url=URL,
                error=caused(NewConnectionError(None, "x"), REFUSED),  # type: ignore[arg-type]
            ),
            f"no connection to {HOST}: Connection refused; {ROUTE}",
        ),
        (
            ConnectTimeoutError(endpoint_url=URL, error=TimeoutError("no address answered")),
            f"no connection to {HOST}: no address answered; {ROUTE}",
        ),
        (ConnectTimeoutError(endpoint_url=URL), f"no connection to {HOST}: it failed; {ROUTE}"),
        (
            while_handling(ConnectTimeoutError(endpoint_url=URL), REFUSED),
            f"no connection to {HOST}: Connection refused; {ROUTE}",
        ),
        (
            caused(while_handling(ConnectTimeoutError(endpoint_url=URL), OSError(1, "x")), REFUSED),
            f"no connection to {HOST}: Connection refused; {ROUTE}",
        ),
        (
            SSLError(endpoint_url=URL, error=ssl.SSLError(1, "CERTIFICATE_VERIFY_FAILED")),
            f"no TLS with {HOST}: CERTIFICATE_VERIFY_FAILED; {AUTHORITIES}",
        ),
        (
            ProxyConnectionError(proxy_url="http://u:pw@proxy", error=ProxyError("pw", REFUSED)),
            f"no connection through the proxy: Connection refused; {PROXY}",
        ),
        (ReadTimeoutError(endpoint_url=URL), f"{HOST} accepts connections and does not answer"),
        (NoCredentialsError(), CREDENTIALS),
        (UnauthorizedSSOTokenError(), "single sign-on has expired: run aws sso login"),
        (CredentialRetrievalError(provider=CONTAINER, error_msg="y"), NO_CONTAINER),
        (CredentialRetrievalError(provider="custom-process", error_msg="y"), NO_PROFILE),
        (
            EndpointConnectionError(
                endpoint_url=URL,
                error=caused(NewConnectionError(None, "x"), UNKNOWN_NAME),  # type: ignore[arg-type]
            ),
            f"no connection to {HOST}: Name or service not known; {NO_NAME}",
        ),
        (ValueError("secret"), ""),
    ],
)
def test_a_reason_has_the_systems_message_and_a_remedy(error: Exception, reason: str) -> None:
    """That of the innermost error, whichever way it is held; no text of a library."""
    assert reason_of(error, host=HOST) == reason


def test_a_variable_that_names_the_host_is_the_remedy() -> None:
    """A route to AWS would not help."""
    error = EndpointConnectionError(endpoint_url=URL, error=REFUSED)
    found = reason_of(error, host=HOST, named_by="AWS_ENDPOINT_URL")
    assert found == f"no connection to {HOST}: Connection refused; AWS_ENDPOINT_URL names it"


class VerificationError(ssl.SSLCertVerificationError):
    """As OpenSSL raises it."""

    verify_message = "self-signed certificate"
    reason = "CERTIFICATE_VERIFY_FAILED"


class ReasonedError(ssl.SSLError):
    """As OpenSSL raises it for other failures."""

    reason = "WRONG_VERSION_NUMBER"


class WrappedError(Exception):
    """An error that holds another one, as urllib3's do."""

    def __init__(self, error: Exception) -> None:
        super().__init__("a text with a password")
        self.reason = error
        self.original_error = error


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (VerificationError(1, "x"), "self-signed certificate"),
        (ReasonedError(1, "x"), "wrong version number"),
        (WrappedError(REFUSED), "Connection refused"),
        (Exception("a text with a password", REFUSED), "Connection refused"),
        (WrappedError(ValueError("secret")), "it failed"),
        (OSError("only a text"), "it failed"),
        (TimeoutError("handshake"), "handshake"),
    ],
)
def test_words_of_the_cause(inner: Exception, words: str) -> None:
    """OpenSSL's own, the system's, or those of our time limits."""
    found = reason_of(SSLError(endpoint_url=URL, error=inner), host=HOST)
    assert found == f"no TLS with {HOST}: {words}; {AUTHORITIES}"


def test_errors_that_cause_each_other_have_an_end() -> None:
    """Each is looked at once."""
    one, other = OSError(1, "first"), OSError(2, "second")
    one.__cause__, other.__cause__ = other, one
    found = reason_of(SSLError(endpoint_url=URL, error=one), host=HOST)
    assert "second" in found


def test_a_file_without_a_certificate_is_the_reason() -> None:
    """OpenSSL has no word for it but the name of its part that reads certificates."""
    error = ssl.SSLError(136, "[X509] PEM lib (_ssl.c:4149)")
    found = reason_of(SSLError(endpoint_url=URL, error=error), host=HOST)
    assert found == NO_AUTHORITIES
