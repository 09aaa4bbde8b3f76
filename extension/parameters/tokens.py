"""The session tokens that callers may show, across rotation and SnapStart.

A normal function's token stands in the environment. Where credentials come from the container
endpoint (SnapStart, Managed Instances) the function's SDK fetches them by itself, and so do we:
on a token that nobody knows they are fetched anew, at most once a second, before the answer is 401.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from extension.parameters.access import is_accepted
from extension.parameters.flights import Flights
from extension.process.clock import Clock, Instant

RENEWAL_INTERVAL_S = 1.0
"""Wrong tokens must not become a flood of credential requests."""

GRACE_S = 3600.0
"""How long a token that was replaced stays good: AWS takes it too until it expires."""

MAX_HELD = 4
"""Tokens held at most."""

ENVIRONMENT = ("AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
CONTAINER = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")

Renew = Callable[[], Awaitable[tuple[str, ...]]]
"""Fetches the credentials anew; returns the tokens of the last ones, newest last; never raises."""


class Tokens:
    """Which tokens are accepted now."""

    def __init__(self, environ: Mapping[str, str], *, renew: Renew, clock: Clock) -> None:
        self._fixed = [
            environ[name].encode() for name in ENVIRONMENT if environ.get(name, "").strip()
        ]
        self._renewable = any(environ.get(name, "").strip() for name in CONTAINER)
        self._renew = renew
        self._clock = clock
        self._held: dict[bytes, Instant | None] = {}  # token → when it was replaced
        self._renewed_at: Instant | None = None
        self._renewals: Flights[None] = Flights()

    async def admits(self, given: bytes) -> bool:
        """Whether this token is a good one; may ask the container endpoint."""
        if is_accepted(given, accepted=self._accepted()):
            return True
        if not given or not self._may_renew():
            return False
        await self._renewals.join("tokens", self._fetch)
        return is_accepted(given, accepted=self._accepted())

    def _accepted(self) -> list[bytes]:
        if not self._held:
            return self._fixed
        now = self._clock.now()
        good = (
            token
            for token, replaced_at in self._held.items()
            if replaced_at is None or now.since(replaced_at) < GRACE_S
        )
        return [*self._fixed, *good]

    def _may_renew(self) -> bool:
        """Whether to ask: once a second, counted from the answer, so that all wait for the same."""
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
