"""Flights and refreshes: one call for all who ask at once, and a new value on demand."""

from __future__ import annotations

import asyncio

import pytest

from tests.fake_aws import DENIED, FakeAws
from tests.running_cache import GET_SECRET, RunningCache
from tests.waiting import until


async def test_promotion_of_a_secret(aws: FakeAws, cache: RunningCache) -> None:
    """After a rotation a refresh of the current stage gives the new version."""
    aws.put_secret("n:AWSPENDING", "new", VersionId="v2", VersionStages=["AWSPENDING"])
    await cache.secret("secretId=n&versionStage=AWSCURRENT")
    assert (await cache.secret("secretId=n&versionStage=AWSPENDING")).json["VersionId"] == "v2"
    aws.put_secret("n:v1", "s", VersionId="v1", VersionStages=["AWSPREVIOUS"])
    aws.put_secret("n", "new", VersionId="v2", VersionStages=["AWSCURRENT"])
    promoted = await cache.secret("secretId=n&versionStage=AWSCURRENT&refresh=true")
    assert (promoted.cache, promoted.json["VersionId"]) == ("REFRESH", "v2")
    old = await cache.secret("secretId=n&versionId=v1")
    assert old.json["VersionStages"] == ["AWSPREVIOUS"]


async def test_concurrent_cold_gets_make_one_call(aws: FakeAws, cache: RunningCache) -> None:
    """Fifty callers of one key share a flight."""
    aws.hold()
    callers = [asyncio.create_task(cache.secret("secretId=n")) for _ in range(50)]
    await until(lambda: aws.waiting == 1)
    aws.release()
    answers = await asyncio.gather(*callers)
    assert {answer.status for answer in answers} == {200}
    assert len(aws.requests) == 1


async def test_failure_of_a_flight_goes_to_all(aws: FakeAws, cache: RunningCache) -> None:
    """Everybody who waited gets the error; the next GET tries again."""
    aws.hold()
    aws.faults.append(DENIED)
    callers = [asyncio.create_task(cache.secret("secretId=n")) for _ in range(10)]
    await until(lambda: aws.waiting == 1)
    aws.release()
    assert {answer.status for answer in await asyncio.gather(*callers)} == {400}
    assert (await cache.secret("secretId=n")).cache == "MISS"


async def test_first_caller_may_leave(aws: FakeAws, cache: RunningCache) -> None:
    """A disconnect of the one that began the flight harms no other, and the value is kept."""
    aws.hold()
    _, writer = await asyncio.open_connection(cache.host, cache.port)
    writer.write(
        f"GET {GET_SECRET}?secretId=n HTTP/1.1\r\nHost: localhost\r\n"
        f"X-Aws-Parameters-Secrets-Token: {cache.token}\r\n\r\n".encode()
    )
    await until(lambda: aws.waiting == 1)
    second = asyncio.create_task(cache.secret("secretId=n"))
    writer.close()
    aws.release()
    assert (await second).status == 200
    assert (await cache.secret("secretId=n")).cache == "HIT"
    assert len(aws.requests) == 1


async def test_errors_are_not_cached(aws: FakeAws, cache: RunningCache) -> None:
    """A parameter made after the first try is found at the second."""
    assert (await cache.parameter("name=/late")).status == 400
    aws.put_parameter("/late", "here")
    assert (await cache.parameter("name=/late")).status == 200


@pytest.mark.parametrize("spelled", ["refresh=true", "refreshNow=true", "refresh=1"])
async def test_refresh_goes_to_aws_and_resets_the_ttl(
    aws: FakeAws, cache: RunningCache, spelled: str
) -> None:
    """Also as the Secrets Manager agent spells it."""
    await cache.secret("secretId=n")
    cache.clock.advance(200)
    aws.put_secret("n", "new")
    refreshed = await cache.secret(f"secretId=n&{spelled}")
    assert (refreshed.cache, refreshed.json["SecretString"]) == ("REFRESH", "new")
    cache.clock.advance(200)
    later = await cache.secret("secretId=n")
    assert (later.cache, later.headers["Age"]) == ("HIT", "200")


async def test_refreshes_of_one_key_are_a_second_apart(aws: FakeAws, cache: RunningCache) -> None:
    """A retry loop with refresh=true does not flood AWS; a first fetch does not count."""
    await cache.secret("secretId=n")
    results = [(await cache.secret("secretId=n&refresh=true")).cache for _ in range(4)]
    assert results == ["REFRESH", "HIT", "HIT", "HIT"]
    cache.clock.advance(1)
    assert (await cache.secret("secretId=n&refresh=true")).cache == "REFRESH"
    assert len(aws.requests) == 3


async def test_a_refresh_storm_makes_two_calls_at_most(aws: FakeAws, cache: RunningCache) -> None:
    """Of fifty refreshes at once those that come while the first is under way share the next."""
    await cache.secret("secretId=n")
    aws.hold()
    callers = [asyncio.create_task(cache.secret("secretId=n&refresh=true")) for _ in range(50)]
    await until(lambda: aws.waiting == 1)
    aws.release()
    assert {answer.cache for answer in await asyncio.gather(*callers)} <= {"REFRESH", "HIT"}
    assert len(aws.requests) <= 1 + 2


async def test_refresh_does_not_take_the_answer_of_an_older_call(
    aws: FakeAws, cache: RunningCache
) -> None:
    """A call that began before the refresh may bring the old value; it does not win either."""
    aws.hold()
    older = asyncio.create_task(cache.secret("secretId=n"))
    await until(lambda: aws.waiting == 1)
    refresh = asyncio.create_task(cache.secret("secretId=n&refresh=true"))
    await until(lambda: aws.waiting == 2)
    aws.release()
    assert {(await older).cache, (await refresh).cache} <= {"MISS", "REFRESH"}
    assert len(aws.requests) == 2
