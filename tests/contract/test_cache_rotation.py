"""The rotation of secrets, with DISPATCH_SECRETS_ROTATION: an entry ends then at the latest."""

from __future__ import annotations

import asyncio

import pytest

from extension.process.clock import NS_PER_S
from tests.contract.conftest import Serve
from tests.fake_aws import BROKEN, DENIED, AwsRequest, FakeAws, Fault
from tests.running_cache import RunningCache
from tests.waiting import until


@pytest.fixture
async def cache(serve: Serve) -> RunningCache:
    """A cache that looks rotations up."""
    return await serve(DISPATCH_SECRETS_ROTATION="true", DISPATCH_CACHE_TTL_JITTER="0")


def rotate_in(aws: FakeAws, cache: RunningCache, seconds: float, value: str = "s") -> None:
    """Let the secret be rotated so many seconds from now."""
    at_s = cache.clock.wall_ns / NS_PER_S + seconds
    aws.put_secret("n", value, NextRotationDate=at_s)


async def settled(cache: RunningCache) -> None:
    """Wait until no schedule is being asked for."""
    rotations = cache.parameters._lookup._rotations
    assert rotations is not None
    await until(lambda: not rotations._waiting._tasks)


def described(aws: FakeAws) -> int:
    """How often AWS was asked for a schedule."""
    return aws.operations.count("DescribeSecret")


def denies_describing(asked: AwsRequest) -> Fault | None:
    """Deny what the role of most functions may not do."""
    return DENIED if asked.operation == "DescribeSecret" else None


async def test_entry_ends_at_the_rotation(aws: FakeAws, cache: RunningCache) -> None:
    """Until then it is a hit, and not renewed for nothing; the next GET gets the new value."""
    rotate_in(aws, cache, 100)
    await cache.secret("secretId=n")
    await settled(cache)
    cache.clock.advance(99)
    assert (await cache.secret("secretId=n")).cache == "HIT"
    assert aws.operations == ["GetSecretValue", "DescribeSecret"]
    rotate_in(aws, cache, 86_400, "new")
    cache.clock.advance(1)
    answer = await cache.secret("secretId=n")
    assert (answer.cache, answer.json["SecretString"]) == ("MISS", "new")
    await settled(cache)
    assert described(aws) == 2
    cache.clock.advance(200)
    assert (await cache.secret("secretId=n")).cache == "HIT"


async def test_the_caller_does_not_wait_for_the_schedule(aws: FakeAws, cache: RunningCache) -> None:
    """It is asked for beside the answer."""
    aws.fault = lambda asked: aws.hold() if asked.operation == "GetSecretValue" else None
    assert (await cache.secret("secretId=n")).cache == "MISS"
    await until(lambda: aws.waiting == 1)
    assert (await cache.secret("secretId=n")).cache == "HIT"
    aws.release()
    await settled(cache)


@pytest.mark.parametrize("seconds", [None, -3600, 0, 301])
async def test_other_dates_leave_the_ttl(
    aws: FakeAws, cache: RunningCache, seconds: float | None
) -> None:
    """No rotation, one that is overdue, or one after the TTL."""
    if seconds is not None:
        rotate_in(aws, cache, seconds)
    await cache.secret("secretId=n")
    await settled(cache)
    cache.clock.advance(239)
    assert (await cache.secret("secretId=n")).cache == "HIT"
    cache.clock.advance(62)
    assert (await cache.secret("secretId=n")).cache == "MISS"


async def test_schedule_is_asked_for_once_an_hour(aws: FakeAws, cache: RunningCache) -> None:
    """Reads of the next hour know it."""
    rotate_in(aws, cache, 86_400)
    for _ in range(12):
        await cache.secret("secretId=n")
        await settled(cache)
        cache.clock.advance(301)
    assert described(aws) == 1
    await cache.secret("secretId=n")
    await settled(cache)
    assert described(aws) == 2


async def test_overdue_rotation_is_asked_for_each_minute(aws: FakeAws, cache: RunningCache) -> None:
    """Even where every GET is a refresh."""
    rotate_in(aws, cache, -1)
    for _ in range(6):
        await cache.secret("secretId=n&refresh=true")
        await settled(cache)
        cache.clock.advance(20)
    assert described(aws) == 2


async def test_denied_once_is_one_line_and_off(aws: FakeAws, cache: RunningCache) -> None:
    """Everything else is as without."""
    aws.put_secret("other", "o")
    aws.fault = denies_describing
    for name in ("n", "other", "n"):
        assert (await cache.secret(f"secretId={name}&refresh=true")).status == 200
        await settled(cache)
        cache.clock.advance(4000)
    assert described(aws) == 1
    [line] = cache.log.parsed
    assert line["level"] == "WARN"
    assert "secretsmanager:DescribeSecret" in line["message"]


async def test_failure_is_no_schedule(aws: FakeAws, cache: RunningCache) -> None:
    """AWS is asked again after an hour, and no line is written."""
    aws.fault = lambda asked: BROKEN if asked.operation == "DescribeSecret" else None
    await cache.secret("secretId=n")
    await settled(cache)
    assert (await cache.secret("secretId=n")).cache == "HIT"
    assert cache.log.lines == []


async def test_fixed_version_is_not_rotated(aws: FakeAws, cache: RunningCache) -> None:
    """A rotation makes another version; stages of a secret share a schedule."""
    aws.put_secret("n:AWSPREVIOUS", "old", VersionStages=["AWSPREVIOUS"])
    rotate_in(aws, cache, 100)
    await cache.secret("secretId=n&versionId=b1c367b9-0000-0000-0000-000000000001")
    assert described(aws) == 0
    await asyncio.gather(
        cache.secret("secretId=n"), cache.secret("secretId=n&versionStage=AWSPREVIOUS")
    )
    await settled(cache)
    assert described(aws) == 1
    cache.clock.advance(101)
    assert (await cache.secret("secretId=n&versionStage=AWSPREVIOUS")).cache == "MISS"


async def test_off_by_default(aws: FakeAws, serve: Serve) -> None:
    """No role needs the permission."""
    cache = await serve()
    rotate_in(aws, cache, 100)
    await cache.secret("secretId=n")
    cache.clock.advance(101)
    assert (await cache.secret("secretId=n")).cache == "HIT"
    assert described(aws) == 0
