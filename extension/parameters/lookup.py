"""Looks a key up: a fresh value from memory, else one call to AWS, else a stale value.

A value that is about to expire is served from memory, too, and renewed beside that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Protocol

from extension.aws.call import Service
from extension.aws.errors import TIMEOUT, UpstreamError
from extension.parameters.ahead import RenewalsAhead, postponed
from extension.parameters.answer import Result, Served, region_of_body
from extension.parameters.cache import AgedEntry, Cache, Entry, Jitter
from extension.parameters.flights import CallerWaits, Flights
from extension.parameters.keys import Key, SecretKey
from extension.parameters.missing import Missing
from extension.parameters.request import Query
from extension.process.clock import NEW, Clock, Instant
from extension.process.frozen import Frozen
from extension.process.log import Log
from extension.process.waits import watch_for_freeze

if TYPE_CHECKING:
    from extension.parameters.rotations import Rotations

REFRESH_INTERVAL_S = 1.0
"""Shortest time between refreshes of a key: retries with refresh=true must not flood AWS. It counts
from the question on: the answer says nothing of a change after it."""

BACK_OFF_S = 5.0
"""How long AWS is not asked after a stale answer, so an outage does not slow down every GET."""

AHEAD_SHARE = 0.5
"""The share of a caller's time that it waits for a renewal ahead at most, before a call of its own.
"""


class Fetch(Protocol):
    """Asks AWS; `batchable`: the call may wait a moment to be combined with others."""

    async def __call__(self, key: Key, *, traceparent: str | None, batchable: bool) -> bytes:
        """Return the body, or raise UpstreamError."""


class Policy(Frozen):
    """What is cached and for how long; with a TTL of 0 a service's values are not cached.

    `ahead`: the last share of an entry's TTL, in which a GET has it renewed; 0: never.
    `missing_s`: how long it is known that AWS has no such value; 0: every GET asks.
    """

    ttl_s: Mapping[Service, float]
    jitter: float
    max_stale_s: float
    size: int
    ahead: float = 0.0
    missing_s: float = 0.0

    def keeps(self, key: Key) -> bool:
        """Whether the cache is used for a key."""
        return self.size > 0 and self.ttl_s[key.service] > 0

    def lifetime_s(self, key: Key, *, draw: float) -> float:
        """Return the TTL of a new entry; a draw in [0, 1) shortens it by up to `jitter` of it."""
        return self.ttl_s[key.service] * (1 - self.jitter * draw)

    def ahead_s(self, lifetime_s: float) -> float:
        """Return the age from which on an entry with this TTL is renewed ahead."""
        return lifetime_s * (1 - self.ahead) if self.ahead else inf


class Lookup:
    """Answers queries; `kept` is called when a body is cached, `gone` when an entry is removed.

    `bypassed` is called with the key of each body that was fetched without the cache. Renewals
    ahead use `fetch_ahead`, and start only while `has_time` returns true. `waits` bounds how long
    a caller waits. `rotations`, if wanted, end entries of secrets.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        fetch: Fetch,
        fetch_ahead: Fetch | None = None,
        has_time: Callable[[], bool] = lambda: True,
        waits: CallerWaits | None = None,
        clock: Clock,
        draw: Callable[[], float],
        log: Log,
        kept: Callable[[Key, bytes], None] = lambda *_: None,
        gone: Callable[[Key], None] = lambda _: None,
        bypassed: Callable[[Key], None] = lambda _: None,
        rotations: Rotations | None = None,
    ) -> None:
        self._policy = policy
        self._cache = Cache(size=policy.size, max_stale_s=policy.max_stale_s, gone=gone)
        self._kept = kept
        self._bypassed = bypassed
        self._fetch = fetch
        self._fetch_ahead = fetch_ahead or fetch
        self._has_time = has_time
        self._waits = waits or CallerWaits(lambda: inf, clock=clock)
        self._clock = clock
        self._jitter = Jitter(draw)
        self._log = log
        self._flights: Flights[Served] = Flights()
        self._ahead = RenewalsAhead(clock=clock)
        self._missing = Missing(ttl_s=policy.missing_s, size=policy.size)
        self._rotations = rotations

    async def get(
        self, query: Query, *, traceparent: str | None = None, keep: bool = True
    ) -> Served:
        """Return the body for a query; raises UpstreamError if AWS fails and nothing is cached.

        Without `keep` the cache is neither read nor written.
        """
        key = query.key
        keep = keep and self._policy.keeps(key)
        if keep and (served := self.find(query, traceparent=traceparent)):
            return served
        ask = self._shared if keep else self._alone
        try:
            async with self._waits.one():
                return await ask(query, traceparent)
        except TimeoutError:
            message = "no answer in the time that the invocation leaves"
            error = UpstreamError(TIMEOUT, message=message, service=key.service, transient=True)
        if keep:
            return self._stale(key, error)
        raise error

    async def _alone(self, query: Query, traceparent: str | None) -> Served:
        """Return AWS's answer for this caller only."""
        body = await self._fetch(query.key, traceparent=traceparent, batchable=False)
        self._bypassed(query.key)
        return _fetched(body, Result.BYPASS)

    async def _shared(self, query: Query, traceparent: str | None) -> Served:
        """Return AWS's answer to a call that is under way, else to a call that others can join."""
        key, now = query.key, self._clock.now()
        if query.refresh:
            return await self._refreshed(key, traceparent)
        self._missing.check(key, now=now)
        if self._flights.under_way((key, True)):
            return await self._flights.result((key, True))  # nothing newer could be had
        ahead_s = self._waits.at_most_s() * AHEAD_SHARE
        if renewed := await self._ahead.join(key, now=now, at_most_s=ahead_s):
            return renewed
        return await self._join(key, refresh=False, traceparent=traceparent)

    async def _refreshed(self, key: Key, traceparent: str | None) -> Served:
        """Return the answer to a call that begins now or later.

        One that is under way, plain or a refresh, may return what was there before the change that
        the caller knows about. If a refresh fails, those that wait for its end do not try again.
        """
        if self._flights.under_way((key, True)):
            older = await self._flights.result((key, True))
            if older.result is Result.STALE:
                return older
        return await self._join(key, refresh=True, traceparent=traceparent)

    async def _join(self, key: Key, *, refresh: bool, traceparent: str | None) -> Served:
        return await self._flights.join(
            (key, refresh), lambda: self._renew(key, refresh=refresh, traceparent=traceparent)
        )

    def find(
        self, query: Query, *, traceparent: str | None = None, keep: bool = True
    ) -> Served | None:
        """Return the body if no call to AWS is needed for it; what is not cached is not found."""
        if not keep:
            return None
        key, now = query.key, self._clock.now()
        cached = self._cache.find(key, now=now)
        if cached is None:
            return None
        result = _at_once(cached, now=now, refresh=query.refresh)
        if result is None:
            return None
        if cached.is_due:
            self._renew_ahead(key, now=now, traceparent=traceparent)
        return _kept(cached, result)

    async def _renew(self, key: Key, *, refresh: bool, traceparent: str | None) -> Served:
        started = self._clock.now()
        body, failure = b"", None
        with watch_for_freeze(clock=self._clock) as watch:
            try:
                body = await self._fetch(key, traceparent=traceparent, batchable=not refresh)
            except UpstreamError as error:
                failure = error
        now = self._clock.now()
        # AWS may have answered before the freeze: then the answer is as old as the question.
        said_at = started if watch.was_frozen else now
        if failure is not None:
            return self._stale(key, failure, said_at=said_at)
        self._store(key, body, refresh=refresh, started=started, fetched_at=said_at)
        result = Result.REFRESH if refresh else Result.MISS
        return _fetched(body, result, age_s=now.since(said_at))

    def _renew_ahead(self, key: Key, *, now: Instant, traceparent: str | None) -> None:
        """Begin to renew an entry, unless it is being fetched, or the invocation ends too soon."""
        is_fetched = any(self._flights.under_way((key, refresh)) for refresh in (False, True))
        if not is_fetched and self._has_time():
            renew = partial(self._renewed_ahead, key, started=now, traceparent=traceparent)
            self._ahead.begin(key, renew, now=now)

    async def _renewed_ahead(
        self, key: Key, *, started: Instant, traceparent: str | None
    ) -> Served | None:
        try:
            body = await self._fetch_ahead(key, traceparent=traceparent, batchable=True)
        except UpstreamError as error:
            self._log.debug("renewal ahead failed", name=key.name, code=error.code)
            cached = self._cache.find(key, now=self._clock.now())
            if cached is not None and cached.fresh:
                self._cache.store(key, postponed(cached, error))
            return None
        # There may be a freeze between AWS's answer and now: the value is as old as the question.
        self._store(key, body, refresh=False, started=started, fetched_at=started)
        return _fetched(body, Result.MISS)

    def _store(
        self, key: Key, body: bytes, *, refresh: bool, started: Instant, fetched_at: Instant
    ) -> None:
        """Store a body, unless a call that began later has stored a newer one."""
        newest = self._cache.find(key, now=self._clock.now())
        if newest and newest.entry.asked_at.monotonic_ns > started.monotonic_ns:
            return
        lifetime_s = self._policy.lifetime_s(key, draw=self._jitter.at(fetched_at))
        entry = Entry(
            body=body,
            asked_at=started,
            fetched_at=fetched_at,
            ttl_s=lifetime_s,
            refreshed=refresh,
            ahead_s=self._policy.ahead_s(lifetime_s),
            region=region_of_body(body),
        )
        self._cache.store(key, entry)
        self._missing.forget(key)
        self._kept(key, body)
        if self._rotations is not None and isinstance(key, SecretKey) and not key.version_id:
            self._end_at_rotation(key)
            self._rotations.watch(key, self._end_at_rotation)

    def _end_at_rotation(self, key: SecretKey) -> None:
        """Shorten an entry's TTL to the next rotation, as far as that is known.

        It is not renewed ahead then: a value that is fetched before the rotation ends with it, too.
        """
        cached = self._cache.find(key, now=self._clock.now())
        if cached is not None and self._rotations is not None:
            ttl_s = cached.age_s + self._rotations.left_s(key)
            if ttl_s < cached.entry.ttl_s:
                self._cache.store(key, cached.entry._replace(ttl_s=ttl_s, ahead_s=inf))

    def _stale(self, key: Key, error: UpstreamError, *, said_at: Instant | None = None) -> Served:
        """Return the stale value if that is allowed; a refusal by AWS discards an expired one.

        `said_at`: when AWS said so, unless it is now.
        """
        now = self._clock.now()
        cached = self._cache.find(key, now=now)
        if cached is None or self._policy.max_stale_s == 0:
            self._missing.note(key, error, now=said_at or now)
            raise error
        if not error.transient:
            if not cached.fresh:
                self._cache.discard(key)
                self._missing.note(key, error, now=said_at or now)
            raise error
        if not _backs_off(cached.entry, now=now):  # else another caller has said so just now
            self._cache.store(key, cached.entry._replace(failed_at=now))
            age_s = round(cached.age_s)
            self._log.warning("serving a stale value", name=key.name, code=error.code, age_s=age_s)
        return _kept(cached, Result.STALE)


def _fetched(body: bytes, result: Result, *, age_s: float = 0.0) -> Served:
    return Served(body, result, age_s, region_of_body(body))


def _kept(cached: AgedEntry, result: Result) -> Served:
    entry = cached.entry
    return NEW(Served, (entry.body, result, cached.age_s, entry.region))


def _at_once(cached: AgedEntry, *, now: Instant, refresh: bool) -> Result | None:
    """Return how an entry answers a query without AWS, None if AWS must be asked."""
    entry = cached.entry
    if refresh and entry.refreshed and now.since(entry.asked_at) < REFRESH_INTERVAL_S:
        return Result.HIT
    if cached.fresh and not refresh:
        return Result.HIT
    return Result.STALE if _backs_off(entry, now=now) else None


def _backs_off(entry: Entry, *, now: Instant) -> bool:
    """Whether an attempt to renew an entry has failed a moment ago."""
    return entry.failed_at is not None and now.since(entry.failed_at) < BACK_OFF_S
