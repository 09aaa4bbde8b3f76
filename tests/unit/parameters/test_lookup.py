"""One key's way through the cache, without network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import repeat
from math import inf

import pytest

from extension.aws.call import Service
from extension.aws.errors import UpstreamError
from extension.parameters.answer import Result
from extension.parameters.keys import Key, ParameterKey, SecretKey
from extension.parameters.lookup import Lookup, Policy
from extension.parameters.request import Query
from extension.parameters.rotations import Rotations
from extension.process.clock import NS_PER_S
from extension.process.log import Log
from tests.doubles import LogLines, ManualClock
from tests.waiting import until

KEY = ParameterKey("a")
GET, REFRESH = Query(key=KEY), Query(key=KEY, refresh=True)


class Upstream:
    """Answers with numbers: each fetch takes its number when it begins."""

    def __init__(self) -> None:
        self.begun = 0
        self.error: UpstreamError | None = None
        self.gates: dict[int, asyncio.Event] = {}
        self.batchable: list[bool] = []
        self.traceparents: list[str | None] = []

    async def fetch(self, key: Key, *, traceparent: str | None, batchable: bool) -> bytes:
        """Return this fetch's number once its gate, if any, is open."""
        self.begun += 1
        self.batchable.append(batchable)
        self.traceparents.append(traceparent)
        number = self.begun
        if number in self.gates:
            await self.gates[number].wait()
        if self.error is not None:
            raise self.error
        return str(number).encode()


class Bench:
    """A lookup with everything it needs."""

    def __init__(
        self,
        *,
        ttl_s: float = 100,
        max_stale_s: float = 50,
        draws: Iterable[float] = repeat(0.0),
        size: int = 10,
        ahead: float = 0.0,
        missing_s: float = 0.0,
        rotation_in_s: float | None = None,
    ) -> None:
        drawn = iter(draws)
        self.clock = ManualClock()
        self.upstream = Upstream()
        policy = Policy(
            ttl_s=dict.fromkeys(Service, ttl_s), jitter=0.5, max_stale_s=max_stale_s, size=size,
            ahead=ahead, missing_s=missing_s,
        )  # fmt: skip
        self.lines = LogLines()
        self.bypassed: list[Key] = []
        self.kept: list[tuple[Key, bytes]] = []
        self.gone: list[Key] = []
        self.has_time = True
        self.lookup = Lookup(
            policy=policy,
            fetch=self.upstream.fetch,
            clock=self.clock,
            draw=lambda: next(drawn),
            log=Log(clock=self.clock, sink=self.lines),
            has_time=lambda: self.has_time,
            bypassed=self.bypassed.append,
            kept=lambda key, body: self.kept.append((key, body)),
            gone=self.gone.append,
            rotations=self._rotations(rotation_in_s) if rotation_in_s else None,
        )

    def _rotations(self, in_s: float) -> Rotations:
        """Return rotations that AWS says are all at the same moment."""
        at_s = self.clock.wall_ns / NS_PER_S + in_s

        async def ask(key: SecretKey) -> datetime:
            return datetime.fromtimestamp(at_s, UTC)

        return Rotations(ask, size=10, clock=self.clock, log=Log(clock=self.clock, sink=LogLines()))

    async def get(self, query: Query = GET) -> tuple[Result, bytes]:
        """Return how a query was answered, and with what."""
        served = await self.lookup.get(query)
        return served.result, served.body


@pytest.mark.parametrize(("draw", "lifetime_s"), [(0.0, 100), (0.5, 75), (0.999, 51)])
async def test_jitter_only_shortens(draw: float, lifetime_s: float) -> None:
    """A draw takes up to the jitter's share from the TTL."""
    bench = Bench(draws=[draw])
    await bench.get()
    bench.clock.advance(lifetime_s - 1.1)
    assert bench.lookup.find(GET)
    bench.clock.advance(1.2)
    assert bench.lookup.find(GET) is None


async def test_values_fetched_together_expire_together() -> None:
    """Jitter tells sandboxes apart, not the values of one: a single batch can renew them."""
    bench = Bench(draws=[0.2, 0.8])
    both = GET, Query(key=ParameterKey("b"))
    await asyncio.gather(*map(bench.get, both))
    bench.clock.advance(89)
    assert all(map(bench.lookup.find, both))
    bench.clock.advance(2)
    assert not any(map(bench.lookup.find, both))


async def test_values_fetched_later_have_a_draw_of_their_own() -> None:
    """One draw does not decide for a sandbox's whole life."""
    bench = Bench(draws=[0.8, 0.2])
    await bench.get()
    bench.clock.advance(5)
    later = Query(key=ParameterKey("b"))
    await bench.get(later)
    bench.clock.advance(70)
    assert bench.lookup.find(GET) is None
    assert bench.lookup.find(later)


async def test_a_refresh_overwrites_an_older_call_that_ended_meanwhile() -> None:
    """Which value is newer is decided by when AWS was asked for it, not by when it answered."""
    bench = Bench()
    bench.upstream.gates = {1: asyncio.Event(), 2: asyncio.Event()}
    older = asyncio.create_task(bench.get())
    await until(lambda: bench.upstream.begun == 1)
    bench.clock.advance(1)
    refresh = asyncio.create_task(bench.get(REFRESH))
    await until(lambda: bench.upstream.begun == 2)
    bench.clock.advance(1)
    bench.upstream.gates[1].set()
    assert await older == (Result.MISS, b"1")
    bench.clock.advance(1)
    bench.upstream.gates[2].set()
    assert await refresh == (Result.REFRESH, b"2")
    assert await bench.get() == (Result.HIT, b"2")


async def test_older_call_does_not_overwrite_a_refresh() -> None:
    """A plain GET that began first but lands last keeps its hands off the newer value."""
    bench = Bench()
    gate = bench.upstream.gates[1] = asyncio.Event()
    older = asyncio.create_task(bench.get())
    await until(lambda: bench.upstream.begun == 1)
    bench.clock.advance(1)
    assert await bench.get(REFRESH) == (Result.REFRESH, b"2")
    gate.set()
    assert await older == (Result.MISS, b"1")
    assert await bench.get() == (Result.HIT, b"2")


async def test_plain_get_joins_a_refresh() -> None:
    """Nothing newer could be had."""
    bench = Bench()
    gate = bench.upstream.gates[1] = asyncio.Event()
    refresh = asyncio.create_task(bench.get(REFRESH))
    await until(lambda: bench.upstream.begun == 1)
    plain = asyncio.create_task(bench.get())
    await asyncio.sleep(0)
    gate.set()
    assert await refresh == await plain == (Result.REFRESH, b"1")


async def test_a_refresh_does_not_join_an_older_one() -> None:
    """AWS may have read the value for that before the change that this caller knows about. All that
    came meanwhile share the next one, which begins when the older one has ended."""
    bench = Bench()
    gate = bench.upstream.gates[1] = asyncio.Event()
    older = asyncio.create_task(bench.get(REFRESH))
    await until(lambda: bench.upstream.begun == 1)
    later = [asyncio.create_task(bench.get(REFRESH)) for _ in range(3)]
    await asyncio.sleep(0)
    assert bench.upstream.begun == 1
    gate.set()
    assert await older == (Result.REFRESH, b"1")
    assert await asyncio.gather(*later) == [(Result.REFRESH, b"2")] * 3
    assert await bench.get() == (Result.HIT, b"2")
    assert bench.upstream.begun == 2


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_refresh_that_fails_is_not_repeated_for_those_that_wait(*, is_there: bool) -> None:
    """They would ask a service that has just failed: they get the stale value, or the error."""
    bench = Bench()
    if is_there:
        await bench.get()
    number = bench.upstream.begun + 1
    gate = bench.upstream.gates[number] = asyncio.Event()
    bench.upstream.error = UpstreamError("ThrottlingException", transient=True)
    refreshes = [asyncio.create_task(bench.get(REFRESH))]
    await until(lambda: bench.upstream.begun == number)
    refreshes.append(asyncio.create_task(bench.get(REFRESH)))
    await asyncio.sleep(0)
    gate.set()
    found = await asyncio.gather(*refreshes, return_exceptions=True)
    assert found == ([(Result.STALE, b"1")] if is_there else [bench.upstream.error]) * 2
    assert bench.upstream.begun == number


async def test_refreshes_of_a_key_are_a_second_apart() -> None:
    """From the question to AWS on, whose answer says nothing of what changed after it."""
    bench = Bench()
    gate = bench.upstream.gates[1] = asyncio.Event()
    first = asyncio.create_task(bench.get(REFRESH))
    await until(lambda: bench.upstream.begun == 1)
    bench.clock.advance(0.9)
    gate.set()
    await first
    assert await bench.get(REFRESH) == (Result.HIT, b"1")
    bench.clock.advance(0.1)
    assert await bench.get(REFRESH) == (Result.REFRESH, b"2")


async def test_failing_refresh_serves_what_is_there() -> None:
    """In an outage a refresh gets the value that there is, marked as stale."""
    bench = Bench()
    await bench.get()
    bench.upstream.error = UpstreamError("ThrottlingException", transient=True)
    assert await bench.get(REFRESH) == (Result.STALE, b"1")
    assert await bench.get() == (Result.HIT, b"1")


async def test_refused_refresh_of_a_fresh_value_leaves_it() -> None:
    """The caller of the refresh gets the refusal; until its TTL ends the value is served."""
    bench = Bench()
    await bench.get()
    bench.upstream.error = UpstreamError("AccessDeniedException")
    with pytest.raises(UpstreamError):
        await bench.get(REFRESH)
    assert await bench.get() == (Result.HIT, b"1")


async def test_refused_refresh_of_an_expired_value_ends_it() -> None:
    """AWS's last word is no."""
    bench = Bench()
    await bench.get()
    bench.clock.advance(120)
    bench.upstream.error = UpstreamError("AccessDeniedException")
    with pytest.raises(UpstreamError):
        await bench.get(REFRESH)
    bench.upstream.error = UpstreamError("ThrottlingException", transient=True)
    with pytest.raises(UpstreamError):
        await bench.get()


async def test_nothing_is_kept_without_leave() -> None:
    """`keep=False` neither reads nor writes the cache."""
    bench = Bench()
    await bench.get()
    served = await bench.lookup.get(GET, keep=False)
    assert (served.result, served.body) == (Result.BYPASS, b"2")
    assert await bench.get() == (Result.HIT, b"1")


async def test_back_off_lasts_across_a_freeze_by_wall_time() -> None:
    """A thawed sandbox tries again at once."""
    bench = Bench()
    await bench.get()
    bench.clock.advance(110)
    bench.upstream.error = UpstreamError("x", transient=True)
    assert (await bench.get())[0] is Result.STALE
    bench.upstream.error = None
    assert (await bench.get())[0] is Result.STALE
    bench.clock.freeze(6)
    assert (await bench.get())[0] is Result.MISS


@pytest.mark.parametrize(
    ("ttl_s", "size", "keeps"), [(100, 10, True), (0, 10, False), (100, 0, False), (0.5, 1, True)]
)
async def test_what_is_cached(ttl_s: float, size: int, keeps: bool) -> None:
    """A TTL of zero or a cache without entries means that every GET asks AWS, alone."""
    bench = Bench(ttl_s=ttl_s, size=size)
    assert (await bench.get())[0] is (Result.MISS if keeps else Result.BYPASS)
    assert (await bench.get())[0] is (Result.HIT if keeps else Result.BYPASS)
    assert bench.bypassed == ([] if keeps else [KEY, KEY])
    assert bench.kept == ([(KEY, b"1")] if keeps else [])
    assert bench.upstream.batchable == ([True] if keeps else [False, False])


async def test_a_get_names_the_span_of_its_caller() -> None:
    """In each call to AWS that it causes; a refresh does not wait to be combined with others."""
    bench = Bench()
    await bench.lookup.get(GET, traceparent="of a get")
    await bench.lookup.get(REFRESH, traceparent="of a refresh")
    await bench.lookup.get(GET, traceparent="of none", keep=False)
    assert bench.upstream.traceparents == ["of a get", "of a refresh", "of none"]
    assert bench.upstream.batchable == [True, False, False]


async def test_finding_needs_no_call() -> None:
    """Nothing is found where nothing is kept, or where the query asks for AWS."""
    bench = Bench()
    assert bench.lookup.find(GET) is None
    await bench.get()
    assert bench.lookup.find(GET) is not None
    assert bench.lookup.find(GET, keep=False) is None
    assert bench.lookup.find(REFRESH) is None
    assert bench.upstream.begun == 1


async def test_a_refresh_is_repeated_after_a_second() -> None:
    """Before that the refreshed value is a hit, for retries must not flood AWS."""
    bench = Bench()
    assert await bench.get(REFRESH) == (Result.REFRESH, b"1")
    bench.clock.advance(0.9)
    assert await bench.get(REFRESH) == (Result.HIT, b"1")
    bench.clock.advance(0.1)
    assert await bench.get(REFRESH) == (Result.REFRESH, b"2")


async def test_a_value_that_a_plain_get_fetched_is_refreshed_at_once() -> None:
    """Its caller may not know about the change."""
    bench = Bench()
    await bench.get()
    assert await bench.get(REFRESH) == (Result.REFRESH, b"2")


async def test_aws_is_left_alone_for_five_seconds_after_a_stale_answer() -> None:
    """Then the next GET asks again; each answer says how old its value is."""
    bench = Bench()
    await bench.get()
    bench.clock.advance(110)
    bench.upstream.error = UpstreamError("x", transient=True)
    served = await bench.lookup.get(GET)
    assert (served.result, served.body, served.age_s) == (Result.STALE, b"1", 110)
    bench.clock.advance(4.9)
    assert (await bench.get())[0] is Result.STALE
    assert bench.upstream.begun == 2
    bench.clock.advance(0.1)
    await bench.get()
    assert bench.upstream.begun == 3
    [line] = [each for each in bench.lines.parsed if each["age_s"] == 110]
    assert line["message"] == "serving a stale value"


@pytest.mark.parametrize(("max_stale_s", "age_s"), [(0, 50), (0, 110), (50, 150)])
async def test_without_a_stale_value_the_error_is_the_answer(
    max_stale_s: float, age_s: float
) -> None:
    """Where stale values are not wanted, a fresh one does not answer a refresh that failed."""
    bench = Bench(max_stale_s=max_stale_s)
    await bench.get()
    bench.clock.advance(age_s)
    bench.upstream.error = UpstreamError("x", transient=True)
    with pytest.raises(UpstreamError):
        await bench.get(REFRESH)


NOT_FOUND = UpstreamError("ParameterNotFound")


async def test_what_aws_does_not_have_is_known_for_a_while() -> None:
    """A refresh asks nevertheless, and a value that is there then is served."""
    bench = Bench(missing_s=10)
    bench.upstream.error = NOT_FOUND
    for seconds in (0, 9.9, 0.1):
        bench.clock.advance(seconds)
        with pytest.raises(UpstreamError):
            await bench.get()
    assert bench.upstream.begun == 2
    bench.upstream.error = None
    assert await bench.get(REFRESH) == (Result.REFRESH, b"3")
    bench.lookup._cache.discard(KEY)
    assert await bench.get() == (Result.MISS, b"4")


async def test_a_value_that_aws_no_longer_has_is_removed() -> None:
    """Once its TTL is over; and that it is gone is known from then on."""
    bench = Bench(missing_s=10)
    await bench.get()
    bench.upstream.error = NOT_FOUND
    with pytest.raises(UpstreamError):
        await bench.get(REFRESH)
    assert bench.gone == []
    bench.clock.advance(100)
    for _ in range(2):
        with pytest.raises(UpstreamError):
            await bench.get()
    assert bench.gone == [KEY]
    assert bench.upstream.begun == 3


async def test_a_value_is_renewed_in_the_last_part_of_its_time() -> None:
    """Beside the hit, whose caller does not wait; the new value counts from the question on."""
    bench = Bench(ahead=0.2)
    await bench.get()
    bench.clock.advance(79.9)
    assert await bench.get() == (Result.HIT, b"1")
    assert bench.upstream.begun == 1
    bench.clock.advance(0.1)
    gate = bench.upstream.gates[2] = asyncio.Event()
    served = bench.lookup.find(GET, traceparent="of the hit")
    assert served is not None
    assert (served.result, served.body, served.age_s) == (Result.HIT, b"1", 80)
    await until(lambda: bench.upstream.begun == 2)
    bench.clock.advance(1)
    gate.set()
    await until(lambda: not bench.lookup._ahead._flights.under_way(KEY))
    served = bench.lookup.find(GET)
    assert served is not None
    assert (served.body, served.age_s) == (b"2", 1)
    assert bench.upstream.traceparents == [None, "of the hit"]
    assert bench.upstream.batchable == [True, True]


async def test_a_renewal_is_no_refresh() -> None:
    """A caller that knows of a change asks AWS, however short ago the value was renewed."""
    bench = Bench(ahead=0.2)
    await bench.get()
    bench.clock.advance(80)
    await bench.get()
    await until(lambda: not bench.lookup._ahead._flights.under_way(KEY))
    assert await bench.get() == (Result.HIT, b"2")
    assert await bench.get(REFRESH) == (Result.REFRESH, b"3")
    assert await bench.get(REFRESH) == (Result.HIT, b"3")


async def test_there_is_time_unless_something_says_otherwise() -> None:
    """Where nothing freezes there is always time to renew a value ahead."""
    bench = Bench(ahead=0.2)
    lookup = Lookup(
        policy=bench.lookup._policy,
        fetch=bench.upstream.fetch,
        clock=bench.clock,
        draw=lambda: 0.0,
        log=Log(clock=bench.clock, sink=bench.lines),
    )
    await lookup.get(GET)
    bench.clock.advance(80)
    assert lookup.find(GET)
    await until(lambda: bench.upstream.begun == 2)


async def test_without_time_or_beside_a_refresh_nothing_is_renewed_ahead() -> None:
    """The call would be cut by a freeze, or be made twice."""
    bench = Bench(ahead=0.2)
    await bench.get()
    bench.clock.advance(80)
    bench.has_time = False
    await bench.get()
    bench.has_time = True
    gate = bench.upstream.gates[2] = asyncio.Event()
    refresh = asyncio.create_task(bench.get(REFRESH))
    await until(lambda: bench.upstream.begun == 2)
    assert bench.lookup.find(GET)
    gate.set()
    assert await refresh == (Result.REFRESH, b"2")
    assert bench.upstream.begun == 2
    assert not bench.lookup._ahead._flights.under_way(KEY)


async def test_a_renewal_that_fails_leaves_the_value() -> None:
    """Half of the time that is left passes before the next attempt."""
    bench = Bench(ahead=0.2)
    await bench.get()
    bench.upstream.error = UpstreamError("x", transient=True)
    asked = []
    for seconds in (80, 9.9, 0.1):
        bench.clock.advance(seconds)
        assert await bench.get() == (Result.HIT, b"1")
        await until(lambda: not bench.lookup._ahead._flights.under_way(KEY))
        asked.append(bench.upstream.begun)
    assert asked == [2, 2, 3]


async def test_a_get_joins_a_young_renewal() -> None:
    """The entry has expired meanwhile; one call is for both."""
    bench = Bench(ahead=0.2)
    await bench.get()
    bench.clock.advance(99)
    gate = bench.upstream.gates[2] = asyncio.Event()
    await bench.get()
    await until(lambda: bench.upstream.begun == 2)
    bench.clock.advance(1)
    asking = asyncio.create_task(bench.get())
    await asyncio.sleep(0)
    gate.set()
    assert await asking == (Result.MISS, b"2")
    assert bench.upstream.begun == 2


async def test_a_renewal_that_fails_after_the_expiry_changes_nothing() -> None:
    """The value is stale then, and no failure of its own is noted."""
    bench = Bench(ahead=0.2)
    await bench.get()
    bench.clock.advance(90)
    gate = bench.upstream.gates[2] = asyncio.Event()
    await bench.get()
    await until(lambda: bench.upstream.begun == 2)
    bench.clock.advance(20)
    bench.upstream.error = UpstreamError("x", transient=True)
    gate.set()
    await until(lambda: not bench.lookup._ahead._flights.under_way(KEY))
    entry = bench.lookup._cache.find(KEY, now=bench.clock.now())
    assert entry is not None
    assert entry.entry.ahead_s == 80


def test_plain_policies() -> None:
    """Neither renewals ahead nor what is missing, unless they are wanted."""
    policy = Policy(ttl_s=dict.fromkeys(Service, 100.0), jitter=0.5, max_stale_s=0, size=1)
    assert (policy.ahead_s(100), policy.missing_s) == (inf, 0)
    assert policy.lifetime_s(KEY, draw=0.5) == 75


@pytest.mark.parametrize(
    ("key", "in_s", "fresh_s"),
    [
        (SecretKey("s"), 50, 50),
        (SecretKey("s", version_stage="AWSCURRENT"), 50, 50),
        (SecretKey("s"), 150, 100),
        (SecretKey("s", version_id="v"), 50, 100),
        (ParameterKey("s"), 50, 100),
    ],
)
async def test_a_secret_is_fresh_until_its_rotation(key: Key, in_s: float, fresh_s: float) -> None:
    """A version has no other value after it, and parameters have none."""
    bench, query = Bench(rotation_in_s=in_s, ahead=0.2), Query(key)
    await bench.get(query)
    rotations = bench.lookup._rotations
    assert rotations is not None
    await until(lambda: not rotations._waiting._tasks)
    bench.clock.advance(fresh_s - 0.1)
    bench.has_time = False
    assert await bench.get(query) == (Result.HIT, b"1")
    bench.clock.advance(0.2)
    assert await bench.get(query) == (Result.MISS, b"2")


async def test_a_secret_that_is_about_to_be_rotated_is_not_renewed_ahead() -> None:
    """The value that would be fetched before ends with it, too."""
    bench, query = Bench(rotation_in_s=90, ahead=0.2), Query(SecretKey("s"))
    await bench.get(query)
    rotations = bench.lookup._rotations
    assert rotations is not None
    await until(lambda: not rotations._waiting._tasks)
    bench.clock.advance(85)
    assert await bench.get(query) == (Result.HIT, b"1")
    assert not bench.lookup._ahead._flights.under_way(SecretKey("s"))
    assert bench.upstream.begun == 1


async def test_a_refreshed_value_is_no_longer_fresh_than_any_other() -> None:
    """Its TTL may be shorter than the time between two refreshes."""
    bench = Bench(ttl_s=0.5)
    await bench.get(REFRESH)
    bench.clock.advance(0.7)
    assert await bench.get() == (Result.MISS, b"2")
