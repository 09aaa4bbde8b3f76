"""Stale: what is served while AWS fails, and what never is."""

from __future__ import annotations

import pytest

from tests.contract.conftest import Serve
from tests.fake_aws import BROKEN, DENIED, RESET, THROTTLED, FakeAws, Fault
from tests.running_cache import RunningCache

TROUBLE = [THROTTLED, BROKEN, Fault(status=503, body=b""), RESET]


@pytest.mark.parametrize("fault", TROUBLE, ids=["throttled", "500", "503", "reset"])
async def test_expired_value_is_served_while_aws_fails(
    aws: FakeAws, cache: RunningCache, fault: Fault
) -> None:
    """Stale within an hour past the TTL, with a marker and a warning; beyond that an error."""
    fresh = await cache.secret("secretId=n")
    aws.fault = lambda _: fault
    cache.clock.advance(400)
    stale = await cache.secret("secretId=n")
    assert (stale.status, stale.cache, stale.body) == (200, "STALE", fresh.body)
    assert stale.headers["Age"] == "400"
    assert "serving a stale value" in cache.log.messages
    cache.clock.advance(3600)
    assert (await cache.secret("secretId=n")).status == 400


async def test_stale_on_timeout(aws: FakeAws, serve: Serve) -> None:
    """An upstream that hangs counts as trouble."""
    cache = await serve(SECRETS_MANAGER_TIMEOUT_MILLIS="3000")
    await cache.secret("secretId=n")
    cache.clock.advance(400)
    aws.hold()
    assert (await cache.secret("secretId=n")).cache == "STALE"


async def test_stale_when_nobody_answers_at_all(aws: FakeAws, cache: RunningCache) -> None:
    """A refused connection is trouble of the network, too."""
    await cache.secret("secretId=n")
    await aws.__aexit__()  # connections are refused from here on
    cache.clock.advance(400)
    assert (await cache.secret("secretId=n")).cache == "STALE"


async def test_stale_can_be_switched_off(aws: FakeAws, serve: Serve) -> None:
    """DISPATCH_CACHE_MAX_STALE_SECONDS=0 is AWS's own behaviour."""
    cache = await serve(DISPATCH_CACHE_MAX_STALE_SECONDS="0")
    await cache.secret("secretId=n")
    aws.fault = lambda _: BROKEN
    cache.clock.advance(400)
    assert (await cache.secret("secretId=n")).status == 400


@pytest.mark.parametrize(
    "fault",
    [
        DENIED,
        Fault(code="ResourceNotFoundException"),
        Fault(code="InvalidRequestException"),
        Fault(code="DecryptionFailure"),
        Fault(status=403, code="ExpiredTokenException"),
    ],
    ids=lambda fault: fault.code,
)
async def test_a_no_is_never_answered_with_a_stale_value(
    aws: FakeAws, cache: RunningCache, fault: Fault
) -> None:
    """Access that was taken away is away, also when AWS fails after that."""
    await cache.secret("secretId=n")
    aws.fault = lambda _: fault
    cache.clock.advance(400)
    assert (await cache.secret("secretId=n")).status == 400
    aws.fault = lambda _: BROKEN
    assert (await cache.secret("secretId=n")).status == 400


async def test_outage_does_not_slow_every_get(aws: FakeAws, cache: RunningCache) -> None:
    """After a stale answer a key is left alone for five seconds, then tried again."""
    await cache.secret("secretId=n")
    aws.fault = lambda _: BROKEN
    cache.clock.advance(400)
    for _ in range(5):
        assert (await cache.secret("secretId=n")).cache == "STALE"
    assert len(aws.requests) == 1 + 3
    assert (await cache.secret("secretId=n&refresh=true")).cache == "STALE"
    assert len(aws.requests) == 1 + 3
    cache.clock.advance(5)
    aws.fault = None
    assert (await cache.secret("secretId=n")).cache == "MISS"
