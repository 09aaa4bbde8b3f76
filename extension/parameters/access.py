"""Who may ask: the session token, from this machine, under its own name.

PURE. The token comes first, before path and method, as in AWS's extension; it is compared in
constant time. A forwarded request or a foreign `Host` means that somebody's proxy or a rebound
DNS name brought it here (OWASP: server-side request forgery, DNS rebinding).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping

from extension.aws.errors import Rejection

TOKEN_HEADER = "x-aws-parameters-secrets-token"  # noqa: S105  # the header's name, not a token
FORWARDED_HEADERS = frozenset({"x-forwarded-for", "x-forwarded-host", "forwarded", "via"})
AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

UNAUTHORIZED = Rejection(
    status=401,
    code="AccessDeniedException",
    text="bad session token or header key",
    plain=True,
)
FORWARDED = Rejection(
    status=400, code="AccessDeniedException", text="forwarded requests are refused"
)
FOREIGN_HOST = Rejection(
    status=400, code="AccessDeniedException", text="the Host header must name localhost"
)


def given_token(headers: Mapping[str, str]) -> bytes:
    """Return the token of a request, empty when there is none."""
    return headers.get(TOKEN_HEADER, "").encode("utf-8", "surrogateescape")


def is_accepted(given: bytes, *, accepted: Iterable[bytes]) -> bool:
    """Compare with every accepted token, in a time that tells nothing about them."""
    matches = [hmac.compare_digest(given, token) for token in accepted if token]
    return any(matches)


def refusal(headers: Mapping[str, str], target: str = "/") -> Rejection | None:
    """Return why a request with a good token is refused all the same, None if it is not.

    A target in absolute form names the host itself, and replaces the header (RFC 9112, 3.2.2).
    """
    if not FORWARDED_HEADERS.isdisjoint(headers):
        return FORWARDED
    absolute = AUTHORITY.match(target)
    hosts = [headers.get("host", ""), *([absolute[1]] if absolute else [])]
    if any(_host_name(host) not in LOCAL_NAMES for host in hosts):
        return FOREIGN_HOST
    return None


def _host_name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    if colon and port.isascii() and port.isdigit():
        return name.lower()
    return host.lower()
