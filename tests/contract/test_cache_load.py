"""Load: callers are queued, not refused, and a hit needs nothing but the cache."""

from __future__ import annotations

import asyncio

from tests.contract.conftest import Serve
from tests.fake_aws import FakeAws
from tests.running_cache import RunningCache
from tests.waiting import PATIENCE_S, until


async def test_more_callers_than_connections_are_queued(aws: FakeAws, cache: RunningCache) -> None:
    """Twenty keys at once: three calls upstream at a time, everybody is answered."""
    for number in range(20):
        aws.put_parameter(f"/many/{number}", str(number))
    aws.hold()
    callers = [asyncio.create_task(cache.parameter(f"name=/many/{n}")) for n in range(20)]
    await until(lambda: aws.waiting == 3)
    assert (await cache.get("/ping")).status == 200
    assert aws.waiting == 3
    aws.release()
    values = [answer.json["Parameter"]["Value"] for answer in await asyncio.gather(*callers)]
    assert values == [str(number) for number in range(20)]


async def test_connections_are_counted_per_service(aws: FakeAws, serve: Serve) -> None:
    """Parameters that hang do not hold up secrets."""
    cache = await serve(PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS="1")
    aws.hold()
    parameter = asyncio.create_task(cache.parameter("name=/a/b"))
    secret = asyncio.create_task(cache.secret("secretId=n"))
    await until(lambda: aws.waiting == 2)
    aws.release()
    assert [(await parameter).status, (await secret).status] == [200, 200]


async def test_hit_is_served_while_every_slot_hangs(aws: FakeAws, cache: RunningCache) -> None:
    """Six calls hang, and a cached value comes as if nothing were."""
    await cache.parameter("name=/a/b")
    aws.hold()
    hanging = [asyncio.create_task(cache.parameter(f"name=/x/{n}")) for n in range(3)]
    hanging += [asyncio.create_task(cache.secret(f"secretId=x{n}")) for n in range(3)]
    await until(lambda: aws.waiting == 6)
    assert (await cache.parameter("name=/a/b")).cache == "HIT"
    assert not any(task.done() for task in hanging)
    aws.release()
    await asyncio.gather(*hanging)


async def test_slot_is_free_again_after_a_timeout(aws: FakeAws, serve: Serve) -> None:
    """A call given up at its deadline leaves its thread soon: later GETs are served."""
    cache = await serve(SECRETS_MANAGER_TIMEOUT_MILLIS="3000")
    aws.hold()
    await asyncio.gather(*(cache.secret(f"secretId=x{n}") for n in range(6)))
    aws.release()
    await until_served(cache)


async def until_served(cache: RunningCache) -> None:
    """Ask until the answer is a value."""
    async with asyncio.timeout(PATIENCE_S):
        while (await cache.secret("secretId=n")).status != 200:
            pass
