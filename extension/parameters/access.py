"""Which requests are answered: those with a session token that come from this machine.

The token is checked first, before path and method, as in AWS's extension, and in constant time. A
forwarded request or a foreign `Host` came through a proxy or a rebound DNS name (OWASP: server-side
request forgery, DNS rebinding).

A normal function's token is in the environment. Where credentials come from the container endpoint
(SnapStart, Managed Instances) the function's SDK fetches them itself, and so does the extension:
an unknown token makes it fetch them again, at most once a second, before the answer is 401.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache

from extension.parameters.flights import Flights
from extension.parameters.request import Rejection
from extension.process.clock import Clock, Instant

TOKEN_HEADER = "x-aws-parameters-secrets-token"  # noqa: S105  # the header's name, not a token
FORWARDED_HEADERS = frozenset({"forwarded", "via", "x-real-ip"})
FORWARDED_PREFIX = "x-forwarded-"
AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
NEAR = re.compile(
    r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-f:.]+\]"  # an address
    r"|[a-z][a-z0-9_-]*"  # a service of Docker Compose
    r"|(?:[a-z0-9_-]+\.)+internal"  # host.docker.internal, host.containers.internal
)
"""Hosts of requests from containers, outside Lambda. None of them is a name that someone can have
in public DNS and rebind to this machine."""

REMEMBERED_HOSTS = 16
"""A function names one or two; each is no longer than a head may be."""

RENEWAL_INTERVAL_S = 1.0
"""Shortest time between two renewals: wrong tokens must not flood the container endpoint."""

GRACE_S = 3600.0
"""How long a replaced token stays valid: AWS accepts it too until it expires."""

MAX_HELD = 4
"""Most tokens of the container endpoint that are kept."""

ENVIRONMENT = ("AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
CONTAINER = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")

Renew = Callable[[], Awaitable[tuple[str, ...]]]
"""Renews the credentials; returns the latest tokens, newest last; never raises."""

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


def token_of(headers: Mapping[str, str]) -> bytes:
    """Return the token of a request, empty if it has none."""
    return _as_sent(headers.get(TOKEN_HEADER, ""))


def _as_sent(token: str) -> bytes:
    """Return the bytes of a token from a header or a variable, which may be no UTF-8."""
    return token.encode("utf-8", "surrogateescape")


def is_accepted(token: bytes, *, accepted: Iterable[bytes]) -> bool:
    """Compare with every accepted token, in a time that does not depend on their content."""
    matches = [hmac.compare_digest(token, each) for each in accepted if each]
    return any(matches)


def refusal(
    headers: Mapping[str, str], target: str = "/", *, from_near: bool = False
) -> Rejection | None:
    """Return why a request with a valid token is refused, None if it is not.

    `from_near`: requests of containers are expected, which know this machine by other names.
    A target in absolute form contains the host and overrides the header (RFC 9112, 3.2.2).
    """
    if _is_forwarded(tuple(headers)):
        return FORWARDED
    if not _is_here(headers.get("host", ""), from_near=from_near):
        return FOREIGN_HOST
    absolute = AUTHORITY.match(target)
    if absolute and not _is_here(absolute[1], from_near=from_near):
        return FOREIGN_HOST
    return None


@lru_cache(maxsize=REMEMBERED_HOSTS)
def _is_forwarded(names: tuple[str, ...]) -> bool:
    return not FORWARDED_HEADERS.isdisjoint(names) or any(
        name.startswith(FORWARDED_PREFIX) for name in names
    )


@lru_cache(maxsize=REMEMBERED_HOSTS)
def _is_here(host: str, *, from_near: bool) -> bool:
    name = _host_name(host)
    return name in LOCAL_NAMES or (from_near and NEAR.fullmatch(name) is not None)


def _host_name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    if colon and port.isascii() and port.isdigit():
        return name.lower()
    return host.lower()


class Tokens:
    """The session tokens that are accepted, across rotation and SnapStart."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        renew: Renew,
        clock: Clock,
        in_file: Callable[[], list[bytes]] = list,
    ) -> None:
        self._in_file = in_file
        held = (environ.get(name, "").strip() for name in ENVIRONMENT)
        self._fixed = [_as_sent(token) for token in held if token]
        self._renewable = any(environ.get(name, "").strip() for name in CONTAINER)
        self._renew = renew
        self._clock = clock
        self._held: dict[bytes, Instant | None] = {}  # token → when it was replaced
        self._renewed_at: Instant | None = None
        self._renewals: Flights[None] = Flights()

    @property
    def are_known(self) -> bool:
        """Whether any request can have a valid token."""
        return bool(self._fixed or self._renewable or self._in_file())

    def admits_at_once(self, token: bytes) -> bool:
        """Whether a token is valid as far as is known."""
        return is_accepted(token, accepted=self._accepted())

    async def admits(self, token: bytes) -> bool:
        """Whether a token is valid; may ask the container endpoint."""
        if self.admits_at_once(token):
            return True
        if not token or not self._may_renew():
            return False
        await self._renewals.join("tokens", self._fetch)
        return self.admits_at_once(token)

    def _accepted(self) -> list[bytes]:
        fixed = [*self._fixed, *self._in_file()]
        if not self._held:
            return fixed
        now = self._clock.now()
        valid = (
            token
            for token, replaced_at in self._held.items()
            if replaced_at is None or now.since(replaced_at) < GRACE_S
        )
        return [*fixed, *valid]

    def _may_renew(self) -> bool:
        """Whether to renew: a second after the last answer, so that callers share a renewal."""
        if not self._renewable or self._renewed_at is None:
            return self._renewable
        return self._clock.now().since(self._renewed_at) >= RENEWAL_INTERVAL_S

    async def _fetch(self) -> None:
        tokens = [token.encode() for token in await self._renew()]
        self._renewed_at = now = self._clock.now()
        if not tokens:
            return
        *older, newest = tokens
        held = {each: self._held.get(each) or now for each in (*self._held, *older)}
        held.pop(newest, None)
        self._held = {**dict(list(held.items())[1 - MAX_HELD :]), newest: None}
