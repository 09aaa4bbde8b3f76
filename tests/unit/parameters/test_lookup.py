"""One key's way through the cache, without network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import repeat

import pytest

from extension.aws.call import Service
from extension.aws.errors import UpstreamError
from extension.parameters.answer import Result
from extension.parameters.lookup import Lookup, Policy
from extension.parameters.request import Key, ParameterKey, Query
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

    async def fetch(self, key: Key, *, traceparent: str | None, batchable: bool) -> bytes:
        """Return this fetch's number once its gate, if any, is open."""
        self.begun += 1
        number = self.begun
        if number in self.gates:
            await self.gates[number].wait()
        if self.error is not None:
            raise self.error
        return str(number).encode()


class Bench:
    """A lookup with everything it needs."""

    def __init__(
        self, *, ttl_s: float = 100, max_stale_s: float = 50, draws: Iterable[float] = repeat(0.0)
    ) -> None:
        drawn = iter(draws)
        self.clock = ManualClock()
        self.upstream = Upstream()
        policy = Policy(
            ttl_s=dict.fromkeys(Service, ttl_s), jitter=0.5, max_stale_s=max_stale_s, size=10
        )
        self.lookup = Lookup(
            policy=policy,
            fetch=self.upstream.fetch,
            clock=self.clock,
            draw=lambda: next(drawn),
            log=Log(clock=self.clock, sink=LogLines()),
        )

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
