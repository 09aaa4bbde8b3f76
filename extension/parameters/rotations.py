"""When secrets are rotated next: an entry of the cache ends then at the latest.

Secrets Manager is asked with DescribeSecret beside the reads, at most once an hour for each secret
and again once its date has passed. No caller waits for it. As a role without the permission it is
not asked again.

Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html:
"The next rotation is scheduled to occur on or before this date"; after a failed rotation it may be
in the past, and then it says nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from math import inf
from typing import NamedTuple

from cachetools import LRUCache

from extension.aws.errors import UpstreamError
from extension.parameters.flights import Flights
from extension.parameters.keys import SecretKey
from extension.process.clock import NS_PER_S, Clock, Instant
from extension.process.log import Log

KNOWN_S = 3600.0
"""How long a schedule is not asked for again: it changes when someone edits the secret."""

OVERDUE_S = 60.0
"""Likewise, once its date has passed."""

DENIED = "AccessDeniedException"

Ask = Callable[[SecretKey], Awaitable[datetime | None]]
"""Asks AWS for the date of the next rotation, None if there is none; raises UpstreamError."""


class _Schedule(NamedTuple):
    """When the next rotation is, in epoch nanoseconds, and when AWS said so."""

    next_ns: float
    asked_at: Instant

    def is_known(self, now: Instant) -> bool:
        """Whether AWS need not be asked again."""
        is_overdue = self.next_ns <= now.wall_ns
        return now.since(self.asked_at) < (OVERDUE_S if is_overdue else KNOWN_S)


class Rotations:
    """The schedules of at most `size` secrets."""

    def __init__(self, ask: Ask, *, size: int, clock: Clock, log: Log) -> None:
        self._ask = ask
        self._clock = clock
        self._log = log
        self._denied: set[str] = set()
        """The roles without the permission; the function's own is the empty one."""
        self._schedules: LRUCache[SecretKey, _Schedule] = LRUCache(maxsize=size)
        self._asking: Flights[None] = Flights()
        self._waiting: Flights[None] = Flights()

    def left_s(self, key: SecretKey) -> float:
        """Return the seconds until the next rotation, as far as is known; else infinity."""
        schedule = self._schedules.get(_secret(key))
        left_s = (schedule.next_ns - self._clock.now().wall_ns) / NS_PER_S if schedule else inf
        return left_s if left_s > 0 else inf

    def watch(self, key: SecretKey, then: Callable[[SecretKey], None]) -> None:
        """Ask for the schedule unless it is known, and call `then` once it is."""
        schedule = self._schedules.get(_secret(key))
        if key.role in self._denied or (schedule and schedule.is_known(self._clock.now())):
            return
        with suppress(UpstreamError):  # too many at once: the next read asks
            self._waiting.begin(key, partial(self._learned, key, then))

    async def _learned(self, key: SecretKey, then: Callable[[SecretKey], None]) -> None:
        """Ask once for all versions of a secret."""
        secret = _secret(key)
        await self._asking.join(secret, partial(self._learn, secret))
        then(key)

    async def _learn(self, secret: SecretKey) -> None:
        date, now = None, self._clock.now()
        try:
            date = await self._ask(secret)
        except UpstreamError as error:
            if error.transient:
                return  # nothing was learned: the next read asks
            if error.code == DENIED and secret.role not in self._denied:
                self._denied.add(secret.role)
                self._log.warning(
                    "rotations are not looked up: allow secretsmanager:DescribeSecret, "
                    "or unset DISPATCH_SECRETS_ROTATION",
                    name=secret.name,
                    **({"role": secret.role} if secret.role else {}),
                )
        next_ns = date.timestamp() * NS_PER_S if date else inf
        self._schedules[secret] = _Schedule(next_ns, now)


def _secret(key: SecretKey) -> SecretKey:
    return key._replace(version_id=None, version_stage=None)
