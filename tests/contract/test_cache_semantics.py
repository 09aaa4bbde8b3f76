"""Cache: how long what is kept, and for whom."""

from __future__ import annotations

import pytest

from tests.contract.conftest import Serve
from tests.fake_aws import FakeAws
from tests.running_cache import GET_PARAMETER, GET_SECRET, RunningCache

BOTH = pytest.mark.parametrize(
    ("target", "ttl"),
    [
        (f"{GET_PARAMETER}?name=/a/b", "SSM_PARAMETER_STORE_TTL"),
        (f"{GET_SECRET}?secretId=n", "SECRETS_MANAGER_TTL"),
    ],
)


@BOTH
async def test_two_gets_make_one_call(
    aws: FakeAws, cache: RunningCache, target: str, ttl: str
) -> None:
    """The second one is a hit that says how old it is."""
    first = await cache.get(target)
    cache.clock.advance(12.9)
    second = await cache.get(target)
    assert [first.cache, second.cache, second.headers["Age"]] == ["MISS", "HIT", "12"]
    assert first.body == second.body
    assert len(aws.requests) == 1


@BOTH
async def test_value_is_renewed_after_its_ttl(
    aws: FakeAws, serve: Serve, target: str, ttl: str
) -> None:
    """Before the TTL the old value, after it the new one."""
    cache = await serve(**{ttl: "10"}, DISPATCH_CACHE_TTL_JITTER="0")
    before = await cache.get(target)
    aws.put_parameter("/a/b", "new")
    aws.put_secret("n", "new")
    cache.clock.advance(9.9)
    assert (await cache.get(target)).body == before.body
    cache.clock.advance(0.2)
    renewed = await cache.get(target)
    assert (renewed.cache, b'"new"' in renewed.body) == ("MISS", True)


@BOTH
async def test_ttl_passes_in_a_freeze(aws: FakeAws, serve: Serve, target: str, ttl: str) -> None:
    """The monotonic clock stands still in a frozen sandbox; the wall clock says expired."""
    cache = await serve(**{ttl: "10"})
    await cache.get(target)
    cache.clock.freeze(11)
    assert (await cache.get(target)).cache == "MISS"


@BOTH
async def test_wall_clock_set_back_does_not_keep_values(
    aws: FakeAws, serve: Serve, target: str, ttl: str
) -> None:
    """What either clock calls expired is expired."""
    cache = await serve(**{ttl: "10"})
    await cache.get(target)
    cache.clock.set_back(3600)
    cache.clock.advance(11)
    assert (await cache.get(target)).cache == "MISS"
    assert (await cache.get(target)).cache == "HIT"


@BOTH
@pytest.mark.parametrize("off", ["ttl", "size", "FALSE", "false"])
async def test_cache_switched_off(
    aws: FakeAws, serve: Serve, target: str, ttl: str, off: str
) -> None:
    """TTL 0, size 0 or CACHE_ENABLED=false in any case: every GET goes to AWS."""
    settings = {
        "ttl": {ttl: "0"},
        "size": {"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE": "0"},
    }.get(off, {"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED": off})
    cache = await serve(**settings)
    assert [(await cache.get(target)).cache for _ in range(3)] == ["BYPASS"] * 3
    assert len(aws.requests) == 3


async def test_ttl_above_the_limit_is_limited(aws: FakeAws, serve: Serve) -> None:
    """AWS's 300 s, with one warning that names the variable."""
    cache = await serve(SECRETS_MANAGER_TTL="2700", DISPATCH_CACHE_TTL_JITTER="0")
    assert cache.log.messages == ["configuration"]
    assert "SECRETS_MANAGER_TTL = '2700' is limited to 300" in cache.log.parsed[0]["cause"]
    await cache.secret("secretId=n")
    cache.clock.advance(301)
    assert (await cache.secret("secretId=n")).cache == "MISS"


async def test_limit_of_the_ttl_can_be_raised(aws: FakeAws, serve: Serve) -> None:
    """DISPATCH_CACHE_TTL_LIMIT_SECONDS is ours."""
    cache = await serve(SECRETS_MANAGER_TTL="2700", DISPATCH_CACHE_TTL_LIMIT_SECONDS="3600")
    assert cache.log.lines == []
    await cache.secret("secretId=n")
    cache.clock.advance(301)
    assert (await cache.secret("secretId=n")).cache == "HIT"


@pytest.mark.parametrize("garbage", ["abc", "-1", "1.5", "٣"])
async def test_garbage_settings(serve: Serve, garbage: str) -> None:
    """Default, and a problem that names variable, value and range; it starts all the same."""
    cache = await serve(SECRETS_MANAGER_TTL=garbage)
    (problem,) = cache.problems
    assert str(problem).startswith(f"SECRETS_MANAGER_TTL = {garbage!r} is ignored, using 300")
    assert "whole numbers 0 or more s" in str(problem)
    await cache.secret("secretId=n")
    assert (await cache.secret("secretId=n")).cache == "HIT"


@pytest.mark.parametrize(
    "variable",
    [
        "PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS",
        "SECRETS_MANAGER_TIMEOUT_MILLIS",
        "SECRETS_MANAGER_TTL",
        "DISPATCH_CACHE_MAX_STALE_SECONDS",
        "DISPATCH_CACHE_TTL_LIMIT_SECONDS",
    ],
)
async def test_huge_settings(serve: Serve, variable: str) -> None:
    """What has no documented maximum is bounded where it must be, and serves."""
    cache = await serve(**{variable: "9" * 17})
    assert (await cache.secret("secretId=n")).cache == "MISS"
    assert (await cache.secret("secretId=n")).cache == "HIT"


async def test_size_above_the_limit_is_limited(serve: Serve) -> None:
    """1000 entries at most."""
    cache = await serve(PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE="5000")
    assert cache.config.cache_size == 1000
    assert "is limited to 1000" in str(cache.problems[0])


async def test_recently_read_entry_survives(aws: FakeAws, serve: Serve) -> None:
    """The one that was not *read* for longest is evicted, not the one fetched first."""
    cache = await serve(PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE="2")
    aws.put_secret("m", "m")
    await cache.parameter("name=/a/b")
    await cache.secret("secretId=n")
    await cache.parameter("name=/a/b")
    await cache.secret("secretId=m")
    assert (await cache.parameter("name=/a/b")).cache == "HIT"
    assert (await cache.secret("secretId=n")).cache == "MISS"


async def test_questions_that_differ_share_nothing(aws: FakeAws, cache: RunningCache) -> None:
    """Decryption, selector, stage and version id are all part of the key."""
    targets = [
        f"{GET_PARAMETER}?name=/a/secure",
        f"{GET_PARAMETER}?name=/a/secure&withDecryption=true",
        f"{GET_PARAMETER}?name=/a/secure&version=1",
        f"{GET_PARAMETER}?name=/a/secure&label=Dev",
        f"{GET_PARAMETER}?name=n",
        f"{GET_SECRET}?secretId=n",
        f"{GET_SECRET}?secretId=n&versionStage=AWSCURRENT",
        f"{GET_SECRET}?secretId=n&versionId=AWSCURRENT",
    ]
    aws.put_parameter("n", "parameter of that name")
    bodies = [(await cache.get(target)).body for target in targets]
    assert len(aws.requests) == len(targets)
    again = [await cache.get(target) for target in targets]
    assert [answer.body for answer in again] == bodies
    assert {answer.cache for answer in again} == {"HIT"}
    assert b"plaintext" not in bodies[0]


async def test_traceparent_does_not_split_the_key(aws: FakeAws, cache: RunningCache) -> None:
    """Two traced callers share an entry."""
    for span in ("1", "2"):
        traceparent = f"00-{'a' * 32}-{span * 16}-01"
        assert (await cache.secret("secretId=n", traceparent=traceparent)).status == 200
    assert len(aws.requests) == 1


async def test_entries_expire_at_different_moments(aws: FakeAws, serve: Serve) -> None:
    """Jitter makes a TTL shorter by up to its share, never longer; what is fetched in the same
    second has the same."""
    cache = await serve(DISPATCH_CACHE_TTL_JITTER="0.5", DISPATCH_CACHE_REFRESH_AHEAD="0")
    names = [f"/many/{number}" for number in range(40)]
    for name in names:
        aws.put_parameter(name, "v")
        await cache.parameter(f"name={name}")
        cache.clock.advance(1)
    cache.clock.advance(109)
    asked = len(aws.requests)
    for name in names:
        await cache.parameter(f"name={name}")
    assert len(aws.requests) == asked
    cache.clock.advance(76)
    results = [(await cache.parameter(f"name={name}")).cache for name in names]
    assert {"HIT", "MISS"} == set(results)
