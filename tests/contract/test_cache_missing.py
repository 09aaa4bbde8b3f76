"""What AWS does not have, with DISPATCH_CACHE_NEGATIVE_TTL: it is not asked again at once."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.conftest import Serve
from tests.fake_aws import BROKEN, DENIED, FakeAws, Fault
from tests.running_cache import GET_PARAMETER, GET_SECRET, RunningCache
from tests.waiting import until


@pytest.fixture
async def cache(serve: Serve) -> RunningCache:
    """A cache that keeps such an answer for ten seconds."""
    return await serve(DISPATCH_CACHE_NEGATIVE_TTL="10")


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (f"{GET_SECRET}?secretId=nope", "ResourceNotFoundException"),
        (f"{GET_PARAMETER}?name=nope", "ParameterNotFound"),
    ],
)
async def test_missing_value_is_asked_for_once(
    aws: FakeAws, cache: RunningCache, target: str, code: str
) -> None:
    """The kept answer is the same, and says that it is one; after its time AWS is asked."""
    first = await cache.get(target)
    cache.clock.advance(9)
    second = await cache.get(target)
    assert (second.status, second.body) == (first.status, first.body)
    assert second.headers["x-amzn-errortype"] == first.headers["x-amzn-errortype"] == code
    assert "X-Cache" not in first.headers
    assert (second.cache, second.headers["Age"]) == ("HIT", "9")
    assert len(aws.requests) == 1
    cache.clock.advance(1)
    assert "X-Cache" not in (await cache.get(target)).headers
    assert len(aws.requests) == 2


async def test_kept_answer_as_json(cache: RunningCache) -> None:
    """Headers and body say what the first answer said."""
    target = f"{GET_SECRET}?secretId=nope"
    first = await cache.get(target, Accept="application/json")
    second = await cache.get(target, Accept="application/json")
    assert second.json == first.json
    assert second.json["error"]["code"] == "ResourceNotFoundException"
    assert second.cache == "HIT"


async def test_by_default_each_get_asks(aws: FakeAws, serve: Serve) -> None:
    """As AWS's extension does."""
    cache = await serve()
    for _ in range(3):
        await cache.secret("secretId=nope")
    assert len(aws.requests) == 3


async def test_refresh_asks_again(aws: FakeAws, cache: RunningCache) -> None:
    """A caller that has just made the secret need not wait; the plain GETs get it, too."""
    await cache.secret("secretId=late")
    aws.put_secret("late", "here")
    assert (await cache.secret("secretId=late")).status == 400
    assert (await cache.secret("secretId=late&refresh=true")).cache == "REFRESH"
    assert (await cache.secret("secretId=late")).cache == "HIT"
    assert len(aws.requests) == 2


@pytest.mark.parametrize("fault", [DENIED, BROKEN], ids=lambda fault: fault.code)
async def test_other_errors_are_not_kept(aws: FakeAws, cache: RunningCache, fault: Fault) -> None:
    """A permission may be granted at any moment."""
    aws.fault = lambda _: fault
    assert (await cache.secret("secretId=n")).status == 400
    aws.fault = None
    assert (await cache.secret("secretId=n")).cache == "MISS"


async def test_deleted_secret_is_served_until_its_ttl(aws: FakeAws, cache: RunningCache) -> None:
    """A refresh that finds nothing does not end a fresh value; the GET after the TTL does."""
    await cache.secret("secretId=n")
    del aws.secrets["n"]
    assert (await cache.secret("secretId=n&refresh=true")).status == 400
    assert (await cache.secret("secretId=n")).cache == "HIT"
    cache.clock.advance(301)
    assert (await cache.secret("secretId=n")).status == 400
    assert (await cache.secret("secretId=n")).cache == "HIT"
    assert len(aws.requests) == 3


async def test_other_stages_are_other_values(aws: FakeAws, cache: RunningCache) -> None:
    """That one stage is missing says nothing of the others."""
    await cache.secret("secretId=nope&versionStage=AWSPENDING")
    aws.put_secret("nope", "s")
    assert (await cache.secret("secretId=nope&versionStage=AWSCURRENT")).status == 200


async def test_jumps_of_the_clock_do_not_keep_it_longer(aws: FakeAws, cache: RunningCache) -> None:
    """After a freeze AWS is asked, and a clock that is set back does not prolong it."""
    await cache.secret("secretId=nope")
    cache.clock.freeze(60)
    await cache.secret("secretId=nope")
    cache.clock.set_back(3600)
    cache.clock.advance(11)
    await cache.secret("secretId=nope")
    assert len(aws.requests) == 3


async def test_it_is_as_old_as_the_question_before_a_freeze(
    aws: FakeAws, cache: RunningCache
) -> None:
    """Someone may have created it meanwhile."""
    aws.hold()
    asking = asyncio.create_task(cache.secret("secretId=nope"))
    await until(lambda: aws.waiting == 1)
    cache.clock.freeze(600)
    aws.release()
    assert (await asking).status == 400
    aws.put_secret("nope", "s")
    assert (await cache.secret("secretId=nope")).status == 200


async def test_a_crowd_of_missing_names_is_bounded(aws: FakeAws, serve: Serve) -> None:
    """As many as the cache has entries; values are not displaced by them."""
    cache = await serve(
        DISPATCH_CACHE_NEGATIVE_TTL="60", PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE="5"
    )
    await cache.secret("secretId=n")
    await asyncio.gather(*(cache.secret(f"secretId=nope{number}") for number in range(20)))
    assert len(cache.parameters._lookup._missing._refusals) == 5
    assert (await cache.secret("secretId=n")).cache == "HIT"
