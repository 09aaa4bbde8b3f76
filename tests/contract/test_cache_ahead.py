"""Renewals ahead: near its expiry an entry is fetched beside the answer, and no caller waits."""

from __future__ import annotations

import asyncio

import pytest

from extension.platform.events import Invoke
from tests.contract.conftest import Serve
from tests.fake_aws import BROKEN, DENIED, NO_BATCHES, RESET, FakeAws, Fault
from tests.running_cache import RunningCache
from tests.waiting import until

STEADY = {"DISPATCH_CACHE_TTL_JITTER": "0"}
"""Each entry lives for 300 s, and is due for renewal after 240 s."""


async def settled(cache: RunningCache) -> None:
    """Wait until no renewal is under way."""
    await until(lambda: not cache.parameters._lookup._ahead._flights._tasks)


async def aged(cache: RunningCache, *, seconds: float) -> None:
    """Read a secret, and let it grow old."""
    assert (await cache.secret("secretId=n")).cache == "MISS"
    cache.clock.advance(seconds)


@pytest.fixture
async def cache(serve: Serve) -> RunningCache:
    """A cache whose entries expire at a known time."""
    return await serve(**STEADY)


async def test_entry_in_its_last_fifth_is_renewed(aws: FakeAws, cache: RunningCache) -> None:
    """The GET that starts it is a hit; the next ones get the new value, with a new TTL."""
    await aged(cache, seconds=241)
    aws.put_secret("n", "new")
    answer = await cache.secret("secretId=n")
    assert (answer.cache, answer.json["SecretString"]) == ("HIT", "s")
    await settled(cache)
    cache.clock.advance(200)
    answer = await cache.secret("secretId=n")
    assert (answer.cache, answer.json["SecretString"]) == ("HIT", "new")
    assert len(aws.requests) == 2


async def test_younger_entry_is_left_alone(aws: FakeAws, cache: RunningCache) -> None:
    """A call too early would be a call too many."""
    await aged(cache, seconds=239)
    assert (await cache.secret("secretId=n")).cache == "HIT"
    await settled(cache)
    assert len(aws.requests) == 1


@pytest.mark.parametrize(("share", "calls"), [("0", 1), ("0.9", 2)])
async def test_share_is_a_setting(aws: FakeAws, serve: Serve, share: str, calls: int) -> None:
    """With 0 nothing is renewed ahead."""
    cache = await serve(**STEADY, DISPATCH_CACHE_REFRESH_AHEAD=share)
    await aged(cache, seconds=31 if share == "0.9" else 299)
    assert (await cache.secret("secretId=n")).cache == "HIT"
    await settled(cache)
    assert len(aws.requests) == calls


async def test_two_thousand_gets_make_one_call(aws: FakeAws, cache: RunningCache) -> None:
    """All of them are hits, though AWS does not answer."""
    await aged(cache, seconds=241)
    aws.hold()
    answers = await asyncio.gather(*(cache.secret("secretId=n") for _ in range(2000)))
    assert {answer.cache for answer in answers} == {"HIT"}
    aws.release()
    await settled(cache)
    answers = await asyncio.gather(*(cache.secret("secretId=n") for _ in range(100)))
    assert {answer.cache for answer in answers} == {"HIT"}
    assert len(aws.requests) == 2


async def test_value_that_expires_meanwhile_is_waited_for(
    aws: FakeAws, cache: RunningCache
) -> None:
    """A GET of the expired value joins a renewal that has just begun."""
    await aged(cache, seconds=299)
    aws.hold()
    await cache.secret("secretId=n")
    await until(lambda: aws.waiting == 1)
    cache.clock.advance(1.5)
    asking = asyncio.create_task(cache.secret("secretId=n"))
    await until(lambda: cache.parameters._server._server.connections.busy)
    aws.release()
    assert (await asking).cache == "MISS"
    assert len(aws.requests) == 2


@pytest.mark.parametrize("fault", [BROKEN, DENIED, RESET], ids=lambda fault: fault.code or "reset")
async def test_failure_does_not_hurt_the_entry(
    aws: FakeAws, cache: RunningCache, fault: Fault
) -> None:
    """It is served until its TTL has passed; then a GET asks AWS as if nothing had been."""
    await aged(cache, seconds=241)
    aws.fault = lambda _: fault
    await cache.secret("secretId=n")
    await settled(cache)
    cache.clock.advance(58)
    assert (await cache.secret("secretId=n")).cache == "HIT"
    await settled(cache)
    aws.fault = None
    cache.clock.advance(2)
    assert (await cache.secret("secretId=n")).cache == "MISS"


async def test_failing_service_is_not_asked_more_often(aws: FakeAws, cache: RunningCache) -> None:
    """Each further attempt is made in half of the time that is left, down to five seconds."""
    await aged(cache, seconds=240)
    aws.fault = lambda _: BROKEN
    for _ in range(59):
        assert (await cache.secret("secretId=n")).cache == "HIT"
        await settled(cache)
        cache.clock.advance(1)
    assert len(aws.requests) == 1 + 3 * 5  # after 240, 270, 285, 293 and 298 s, three attempts each


async def test_refusal_is_asked_for_once(aws: FakeAws, cache: RunningCache) -> None:
    """AWS's no ends the attempts; the GET after the TTL reports it."""
    await aged(cache, seconds=241)
    aws.fault = lambda _: DENIED
    for _ in range(50):
        assert (await cache.secret("secretId=n")).cache == "HIT"
        await settled(cache)
        cache.clock.advance(1)
    assert len(aws.requests) == 2
    cache.clock.advance(10)
    assert (await cache.secret("secretId=n")).status == 400


async def test_freeze_in_the_middle_harms_no_caller(aws: FakeAws, cache: RunningCache) -> None:
    """The connection of the renewal may be dead: a GET after the thaw makes a call of its own."""
    await aged(cache, seconds=241)
    aws.hold()
    await cache.secret("secretId=n")
    await until(lambda: aws.waiting == 1)
    cache.clock.freeze(600)
    cache.clock.advance(0.01)
    asking = asyncio.create_task(cache.secret("secretId=n"))
    await until(lambda: aws.waiting == 2)
    aws.release()
    assert (await asking).cache == "MISS"
    await settled(cache)
    assert (await cache.secret("secretId=n")).cache == "HIT"
    assert len(aws.requests) == 3


async def test_answer_from_before_a_freeze_is_as_old_as_its_question(
    aws: FakeAws, cache: RunningCache
) -> None:
    """AWS may have a newer value by now."""
    await aged(cache, seconds=241)
    aws.hold()
    await cache.secret("secretId=n")
    await until(lambda: aws.waiting == 1)
    cache.clock.freeze(600)
    aws.release()
    await settled(cache)
    aws.put_secret("n", "new")
    answer = await cache.secret("secretId=n")
    assert (answer.cache, answer.json["SecretString"]) == ("MISS", "new")


async def test_failure_after_a_freeze_is_no_outage(aws: FakeAws, cache: RunningCache) -> None:
    """No stale value is served for it, and nothing waits before AWS is asked again."""
    await aged(cache, seconds=241)
    aws.hold()
    await cache.secret("secretId=n")
    await until(lambda: aws.waiting == 1)
    aws.fault = lambda _: RESET
    cache.clock.freeze(600)
    aws.release()
    await settled(cache)
    aws.fault = None
    assert (await cache.secret("secretId=n")).cache == "MISS"


async def test_hanging_renewals_take_no_thread_of_a_get(aws: FakeAws, serve: Serve) -> None:
    """Not even where one call at a time is allowed."""
    cache = await serve(**STEADY, PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS="1")
    aws.put_secret("other", "o")
    await aged(cache, seconds=241)
    aws.hold()
    await cache.secret("secretId=n")
    await until(lambda: aws.waiting == 1)
    asking = asyncio.create_task(cache.secret("secretId=other"))
    await until(lambda: aws.waiting == 2)
    aws.release()
    assert (await asking).cache == "MISS"


async def test_next_does_not_wait_for_a_renewal(aws: FakeAws, cache: RunningCache) -> None:
    """No caller needs it, and a freeze does it no harm."""
    await aged(cache, seconds=241)
    aws.hold()
    await cache.secret("secretId=n")
    await until(lambda: aws.waiting == 1)
    assert await cache.parameters.settle_calls(60.0) == 0.0
    aws.release()


@pytest.mark.parametrize(("left_s", "calls"), [(3, 2), (0.4, 1), (-5, 2)])
async def test_renewal_starts_only_while_the_invocation_has_time(
    aws: FakeAws, cache: RunningCache, left_s: float, calls: int
) -> None:
    """Shortly before its deadline the call would outlive the invocation.

    A deadline that has passed is that of the last one: this GET came before its own INVOKE.
    """
    await aged(cache, seconds=241)
    deadline_ms = round(cache.clock.wall_ns / 1e6 + left_s * 1000)
    cache.parameters.announced(Invoke(request_id="1", deadline_ms=deadline_ms))
    assert (await cache.secret("secretId=n")).cache == "HIT"
    await settled(cache)
    assert len(aws.requests) == calls


async def test_jumps_of_the_wall_clock_make_few_calls(aws: FakeAws, cache: RunningCache) -> None:
    """Set back, the other clock counts; set forward, the value has expired."""
    await aged(cache, seconds=241)
    cache.clock.set_back(3600)
    for _ in range(20):
        assert (await cache.secret("secretId=n")).cache == "HIT"
        await settled(cache)
        cache.clock.advance(1)
    assert len(aws.requests) == 2
    cache.clock.freeze(7200)
    assert (await cache.secret("secretId=n")).cache == "MISS"
    assert (await cache.secret("secretId=n")).cache == "HIT"
    await settled(cache)
    assert len(aws.requests) == 3


async def test_refresh_ends_what_a_renewal_brings(aws: FakeAws, cache: RunningCache) -> None:
    """A refresh that began after the renewal wins, whichever lands first."""
    await aged(cache, seconds=241)
    aws.hold()
    await cache.secret("secretId=n")
    await until(lambda: aws.waiting == 1)
    cache.clock.advance(0.1)
    asking = asyncio.create_task(cache.secret("secretId=n&refresh=true"))
    await until(lambda: aws.waiting == 2)
    aws.release()
    assert (await asking).cache == "REFRESH"
    await settled(cache)
    cache.clock.advance(239.95)
    assert (await cache.secret("secretId=n")).headers["Age"] == "239"
    await settled(cache)
    assert len(aws.requests) == 3


async def test_renewals_share_calls_where_misses_do(aws: FakeAws, serve: Serve) -> None:
    """Ten parameters are one call with DISPATCH_CACHE_BATCH, or one call each once it is denied."""
    cache = await serve(**STEADY, DISPATCH_CACHE_BATCH="on")
    names = [f"/b/{number}" for number in range(10)]
    for name in names:
        aws.put_parameter(name, "v")
    await asyncio.gather(*(cache.parameter(f"name={name}") for name in names))
    assert aws.operations == ["GetParameters"]
    cache.clock.advance(241)
    await asyncio.gather(*(cache.parameter(f"name={name}") for name in names))
    await settled(cache)
    assert aws.operations == ["GetParameters"] * 2
    aws.fault = lambda asked: NO_BATCHES if asked.operation == "GetParameters" else None
    for _ in range(2):
        cache.clock.advance(241)
        await asyncio.gather(*(cache.parameter(f"name={name}") for name in names))
        await settled(cache)
    assert aws.operations == ["GetParameters"] * 3 + ["GetParameter"] * 20
    assert sum("batching is off" in line for line in cache.log.lines) == 1


async def test_calls_per_ttl_are_few(aws: FakeAws, cache: RunningCache) -> None:
    """A GET each ten seconds for an hour makes a quarter more calls than without renewals."""
    for _ in range(360):
        await cache.secret("secretId=n")
        await settled(cache)
        cache.clock.advance(10)
    assert 3600 / 300 <= len(aws.requests) <= 3600 / 240 + 1
