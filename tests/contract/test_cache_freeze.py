"""A freeze between signing and sending: what AWS says of our clock is not its last word."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.conftest import Serve
from tests.fake_aws import BROKEN, RESET, FakeAws, Fault
from tests.running_cache import RunningCache
from tests.waiting import until

OUTDATED = [
    Fault(
        code="InvalidSignatureException",
        message="Signature expired: 20260101T120000Z is now earlier than 20260101T122000Z",
    ),
    Fault(
        code="InvalidSignatureException",
        message="Signature not yet current: 20260101T130000Z is still later than 20260101T122000Z",
    ),
    Fault(status=403, code="SignatureDoesNotMatch", message="Signature expired: 2026 is now …"),
    Fault(code="RequestExpired", message="Request has expired."),
    Fault(status=403, code="RequestTimeTooSkewed", message="The difference is too large."),
]
outdated = pytest.mark.parametrize("fault", OUTDATED, ids=lambda fault: fault.code)


@outdated
async def test_outdated_request_is_signed_again(
    aws: FakeAws, cache: RunningCache, fault: Fault
) -> None:
    """The caller gets the value, and AWS one request more."""
    aws.faults.append(fault)
    assert (await cache.secret("secretId=n")).cache == "MISS"
    assert len(aws.requests) == 2


@outdated
async def test_outdated_request_is_no_judgement(
    aws: FakeAws, cache: RunningCache, fault: Fault
) -> None:
    """Refused again, it is an error for those without a value; a stale value stays good."""
    aws.fault = lambda _: fault
    answer = await cache.secret("secretId=n")
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, fault.code)
    assert len(aws.requests) == 2
    aws.fault = None
    await cache.secret("secretId=n")
    cache.clock.advance(400)
    aws.fault = lambda _: fault
    assert (await cache.secret("secretId=n")).cache == "STALE"
    cache.clock.advance(10)
    aws.fault = lambda _: BROKEN
    assert (await cache.secret("secretId=n")).cache == "STALE"


async def test_wrong_signature_is_final(aws: FakeAws, cache: RunningCache) -> None:
    """Time has nothing to do with it, so another one would be as wrong."""
    aws.fault = lambda _: Fault(code="SignatureDoesNotMatch", message="Check your secret key.")
    assert (await cache.secret("secretId=n")).status == 400
    assert len(aws.requests) == 1


@pytest.mark.parametrize(
    "code",
    ["RequestTimeout", "TransactionInProgressException", "ProvisionedThroughputExceededException"],
)
async def test_what_botocore_tries_again_leaves_the_stale_value(
    aws: FakeAws, cache: RunningCache, code: str
) -> None:
    """Three attempts in vain are trouble, not a no."""
    await cache.secret("secretId=n")
    cache.clock.advance(400)
    aws.fault = lambda _: Fault(code=code)
    assert (await cache.secret("secretId=n")).cache == "STALE"
    assert len(aws.requests) == 1 + 3


async def test_call_that_a_freeze_cut_is_made_again(aws: FakeAws, cache: RunningCache) -> None:
    """Dead connections may have used up its attempts."""
    aws.hold()
    aws.faults.extend([RESET] * 3)
    asking = asyncio.create_task(cache.secret("secretId=n"))
    await until(lambda: aws.waiting == 1)
    cache.clock.freeze(600)
    aws.release()
    assert (await asking).status == 200
    assert len(aws.requests) == 4


async def test_call_that_a_freeze_cut_is_made_again_once(aws: FakeAws, cache: RunningCache) -> None:
    """AWS may really be down."""
    aws.hold()
    aws.fault = lambda _: RESET
    asking = asyncio.create_task(cache.secret("secretId=n"))
    await until(lambda: aws.waiting == 1)
    cache.clock.freeze(600)
    aws.release()
    assert (await asking).status == 400
    assert len(aws.requests) == 6


@pytest.mark.parametrize("frozen_s", [299, 600, 7200])
async def test_answer_from_before_a_freeze_is_as_old_as_its_question(
    aws: FakeAws, cache: RunningCache, frozen_s: int
) -> None:
    """The caller gets it, with its age; it is not fresh for five more minutes after the thaw."""
    aws.hold()
    asking = asyncio.create_task(cache.secret("secretId=n"))
    await until(lambda: aws.waiting == 1)
    cache.clock.freeze(frozen_s)
    aws.release()
    answer = await asking
    assert (answer.cache, answer.headers["Age"]) == ("MISS", str(frozen_s))
    aws.put_secret("n", "rotated during the freeze")
    cache.clock.advance(2)
    answer = await cache.secret("secretId=n")
    assert (answer.cache, answer.json["SecretString"]) == ("MISS", "rotated during the freeze")
    assert (await cache.secret("secretId=n")).cache == "HIT"


async def test_next_waits_for_what_is_under_way(aws: FakeAws, cache: RunningCache) -> None:
    """Until it is there; how long that took is returned."""
    assert await cache.parameters.settle_calls() == 0.0
    aws.hold()
    asking = asyncio.create_task(cache.secret("secretId=n"))
    await until(lambda: aws.waiting == 1)
    settling = asyncio.create_task(cache.parameters.settle_calls(60.0))
    await asyncio.sleep(0)
    cache.clock.advance(0.5)
    assert not settling.done()
    aws.release()
    assert await settling == 0.5
    assert (await asking).status == 200


async def test_next_waits_for_a_call_once(aws: FakeAws, serve: Serve) -> None:
    """For at most a second; a call that hangs does not delay one invocation after the other."""
    cache = await serve()
    aws.hold()
    asking = asyncio.create_task(cache.secret("secretId=n"))
    await until(lambda: aws.waiting == 1)
    settling = asyncio.create_task(cache.parameters.settle_calls())
    await asyncio.sleep(0)
    cache.clock.advance(1)
    assert await settling == 1.0
    assert await cache.parameters.settle_calls() == 0.0
    aws.release()
    assert (await asking).status == 200


async def test_where_nothing_freezes_next_does_not_wait(aws: FakeAws, serve: Serve) -> None:
    """Managed Instances run on."""
    cache = await serve(AWS_LAMBDA_INITIALIZATION_TYPE="lambda-managed-instances")
    aws.hold()
    asking = asyncio.create_task(cache.secret("secretId=n"))
    await until(lambda: aws.waiting == 1)
    await cache.parameters.settle_calls(60.0)
    assert not asking.done()
    aws.release()
    await asking
