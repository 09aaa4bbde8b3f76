"""Requests to the bucket: signed, sent a second time if the credentials were outdated, judged."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from extension.aws.credentials import SandboxCredentials
from extension.aws.signing import Signer
from extension.process.clock import SystemClock
from extension.process.waits import Budget
from extension.telemetry.export.answers import Answer
from extension.telemetry.export.bucket import MOST_COMPRESSED, SILENCE_S, Bucket, Route, judge
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.post import Post
from extension.telemetry.export.s3_location import location_of
from simulator.aws.endpoints import AccessKey, AwsEndpoints
from tests.credentials_endpoint import CredentialsEndpoint
from tests.security.hostile_endpoint import Answer as Answering
from tests.security.hostile_endpoint import answering, dripping, once, silent

NEW = AccessKey(key_id="AKIDNEW", secret="new", token="new")
NO_HEADERS: Mapping[str, str] = {}


@pytest.fixture
async def aws() -> AsyncIterator[AwsEndpoints]:
    """A bucket on loopback that checks every signature."""
    async with AwsEndpoints() as answering:
        yield answering


@asynccontextmanager
async def opened(
    aws: AwsEndpoints,
    environ: dict[str, str],
    *,
    endpoint: str = "",
    put_headers: Mapping[str, str] = NO_HEADERS,
) -> AsyncIterator[Bucket]:
    """The bucket, as the credentials in these variables reach it."""
    post = Post({}, clock=SystemClock())
    url = endpoint or aws.url
    location = location_of(f"s3://{aws.bucket.name}", region=aws.region, endpoint=url)
    signer = Signer(SandboxCredentials(environ))
    try:
        yield Bucket(Route(location=location, put_headers=put_headers), post=post, signer=signer)
    finally:
        await post.close()


async def put(
    aws: AwsEndpoints,
    environ: dict[str, str],
    key: str = "a/b=1",
    *,
    seconds: float = 10.0,
    endpoint: str = "",
) -> Outcome:
    """Store one file."""
    async with opened(aws, environ, endpoint=endpoint) as bucket:
        return await bucket.put(key, b"body", Budget(seconds, clock=SystemClock()))


@pytest.mark.parametrize(
    "key", ["a/b=1", "a b/ü+~", "a", "a/../b", "a//b", "./a", "100%/%2F", "a&b;c=?#"]
)
async def test_signature_is_right(aws: AwsEndpoints, key: str) -> None:
    """A key is signed as it is sent, whatever is in it."""
    assert (await put(aws, aws.key.environment, key)).kind == "accepted"
    assert set(aws.bucket.objects) == {key}


async def test_expired_without_others(aws: AwsEndpoints) -> None:
    """Expired credentials that are the only ones are not tried again, and the file waits."""
    aws.keys.rotate(NEW)
    outcome = await put(aws, aws.key.environment)
    assert (outcome.kind, [it.error for it in aws.exchanges]) == ("kept", ["ExpiredToken"])


async def test_expired_are_renewed_once(aws: AwsEndpoints) -> None:
    """Several requests that were refused at the same time cause one renewal together."""
    container = CredentialsEndpoint(token="", authorization="a")
    container.hand_out(aws.key, NEW)
    async with container, opened(aws, container.environment) as s3:
        budget = Budget(10.0, clock=SystemClock())
        await s3.put("first", b"body", budget)
        aws.keys.rotate(NEW)
        keys = [f"key-{number}" for number in range(4)]
        outcomes = await asyncio.gather(*(s3.put(key, b"body", budget) for key in keys))
    assert {outcome.kind for outcome in outcomes} == {"accepted"}
    assert set(aws.bucket.objects) == {"first", *keys}
    assert container.requests == 2


async def test_the_second_request_has_the_headers_of_the_first(aws: AwsEndpoints) -> None:
    """A file is encrypted as it is configured after a refusal, too."""
    aws.trouble.clock_skew_s = 7200.0
    encryption = {"x-amz-server-side-encryption": "AES256"}
    async with opened(aws, aws.key.environment, put_headers=encryption) as s3:
        await s3.put("a", b"body", Budget(10.0, clock=SystemClock()))
    assert len(aws.exchanges) == 2
    stored = aws.bucket.objects["a"]
    assert stored.encryption.was_asked
    assert stored.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize("skew_s", [-7200.0, 7200.0])
async def test_time_is_taken_from_s3(aws: AwsEndpoints, skew_s: float) -> None:
    """A clock that is wrong costs one refusal: from then on the time of S3 is used."""
    aws.trouble.clock_skew_s = skew_s
    async with opened(aws, aws.key.environment) as s3:
        for key in ("a", "b"):
            outcome = await s3.put(key, b"body", Budget(10.0, clock=SystemClock()))
            assert outcome.kind == "accepted"
    assert [it.error for it in aws.exchanges] == ["RequestTimeTooSkewed", "", ""]


async def test_without_credentials(aws: AwsEndpoints) -> None:
    """Without credentials nothing is sent, and the outcome says so."""
    outcome = await put(aws, {})
    assert (outcome.kind, outcome.cause) == ("kept", "not signed: SettingError")
    assert not aws.exchanges


SLOWLY = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x")


@pytest.mark.parametrize("answer", [silent(), SLOWLY], ids=["silent", "dripping"])
@pytest.mark.parametrize(("seconds", "is_silent"), [(0.2, False), (1.2, True)])
async def test_slow(
    aws: AwsEndpoints, answer: Answering, seconds: float, *, is_silent: bool
) -> None:
    """A bucket that does not answer, or without an end, costs the budget, and the file waits.

    It is left alone for longer if it had time enough.
    """
    async with answering(answer) as hostile:
        endpoint = f"http://127.0.0.1:{hostile.port}"
        outcome = await put(aws, aws.key.environment, seconds=seconds, endpoint=endpoint)
    assert (outcome.kind, outcome.cause) == ("kept", "timeout")
    assert outcome.timed_out == is_silent


async def test_compressed_once(aws: AwsEndpoints) -> None:
    """A file that is stored at the second attempt is compressed once: that may take a while."""
    aws.trouble.throttled.add("s3")
    async with opened(aws, aws.key.environment) as s3:
        budget = Budget(10.0, clock=SystemClock())
        outcome = await s3.put("a", b"body", budget)
        assert outcome.kind == "kept"
        aws.trouble.throttled.clear()
        await s3.put("a", b"not looked at", budget)
        await s3.put("a", b"other", budget)
    bodies = [gzip.decompress(each.request.body) for each in aws.exchanges]
    assert bodies == [b"body", b"body", b"other"]


async def test_few_files_are_kept_compressed(aws: AwsEndpoints) -> None:
    """The oldest of them goes for another: each may take as much as a MiB."""
    aws.trouble.throttled.add("s3")
    async with opened(aws, aws.key.environment) as s3:
        budget = Budget(60.0, clock=SystemClock())
        for number in range(MOST_COMPRESSED):
            await s3.put(f"{number}", b"before", budget)
        await s3.put("0", b"after", budget)
        await s3.put("one more", b"before", budget)
        for number in (1, 0):
            await s3.put(f"{number}", b"after", budget)
    bodies = [gzip.decompress(each.request.body) for each in aws.exchanges]
    assert bodies == [b"before"] * (MOST_COMPRESSED + 2) + [b"before", b"after"]


@pytest.mark.parametrize(("had_s", "is_silent"), [(SILENCE_S, True), (SILENCE_S - 0.01, False)])
async def test_a_bucket_that_had_a_second_is_silent(
    aws: AwsEndpoints, had_s: float, *, is_silent: bool
) -> None:
    """Less may be all that an export has left."""

    async def too_late() -> Outcome:
        raise TimeoutError

    async with opened(aws, {}) as s3:
        outcome = await s3.within(Budget(had_s, clock=SystemClock()), too_late())
    assert outcome == Outcome(kind="kept", cause="timeout", timed_out=is_silent)


async def test_garbage(aws: AwsEndpoints) -> None:
    """What is not HTTP is no success."""
    async with answering(once(b"\x16\x03\x01 no HTTP\r\n\r\n")) as hostile:
        endpoint = f"http://127.0.0.1:{hostile.port}"
        outcome = await put(aws, aws.key.environment, endpoint=endpoint)
    assert outcome.kind == "kept"


async def test_other_region(aws: AwsEndpoints) -> None:
    """A bucket in another region refuses the signature; the cause says so, and S3 which one."""
    post = Post({}, clock=SystemClock())
    location = location_of(f"s3://{aws.bucket.name}", region="eu-west-3", endpoint=aws.url)
    signer = Signer(SandboxCredentials(aws.key.environment))
    bucket = Bucket(Route(location=location, put_headers={}), post=post, signer=signer)
    outcome = await bucket.put("a", b"body", Budget(10.0, clock=SystemClock()))
    await post.close()
    assert outcome.kind == "rejected"
    assert "in another region than the function" in outcome.cause
    assert aws.region in outcome.said


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (200, "", "accepted"),
        (403, "AccessDenied", "rejected"),
        (404, "NoSuchBucket", "rejected"),
        (301, "PermanentRedirect", "rejected"),
        (307, "TemporaryRedirect", "rejected"),
        (400, "KMS.DisabledException", "rejected"),
        (503, "SlowDown", "kept"),
        (400, "ThrottlingException", "kept"),
        (400, "ServiceUnavailable", "kept"),
        (409, "OperationAborted", "kept"),
        (407, "", "kept"),
        (408, "", "kept"),
        (400, "RequestTimeout", "kept"),
        (403, "RequestTimeTooSkewed", "kept"),
        (429, "", "kept"),
        (428, "", "rejected"),
        (500, "InternalError", "kept"),
    ],
)
def test_answers(status: int, code: str, kind: str) -> None:
    """What may be taken later waits; what S3 refuses for good does not."""
    content = f"<Error><Code>{code}</Code><Message>why</Message></Error>".encode() if code else b""
    outcome = judge(Answer(status=status, content=content))
    assert (outcome.kind, code in outcome.cause) == (kind, True)


def test_a_page_is_no_success() -> None:
    """A captive portal or a proxy that answers everything with a page has stored nothing."""
    outcome = judge(Answer(status=200, content=b"<!DOCTYPE html><html></html>"))
    assert outcome.kind == "rejected"


@pytest.mark.parametrize(
    ("action", "needed"),
    [
        ("s3:PutObject", "s3:PutObject, and for SSE-KMS kms:GenerateDataKey"),
        ("s3:GetObject", "s3:GetObject, and for SSE-KMS kms:Decrypt"),
        ("s3:ListBucket", "s3:ListBucket"),
    ],
)
def test_missing_permission(action: str, needed: str) -> None:
    """The cause names what the role needs for what was tried."""
    content = b"<Error><Code>AccessDenied</Code></Error>"
    outcome = judge(Answer(status=403, content=content), action=action)
    assert outcome.cause == f"status 403 AccessDenied: the role needs {needed}"
