"""Requests to the bucket: signed, sent a second time if the credentials were outdated, judged."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from extension.aws.credentials import SandboxCredentials
from extension.aws.signing import Signer
from extension.process.clock import SystemClock
from extension.process.waits import Budget
from extension.telemetry.export.answers import Answer
from extension.telemetry.export.bucket import Bucket, Route, judge
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.post import Post
from extension.telemetry.export.s3_location import location_of
from simulator.aws.endpoints import AccessKey, AwsEndpoints

NEW = AccessKey(key_id="AKIDNEW", secret="new", token="new")


@pytest.fixture
async def aws() -> AsyncIterator[AwsEndpoints]:
    """A bucket on loopback that checks every signature."""
    async with AwsEndpoints() as answering:
        yield answering


async def put(aws: AwsEndpoints, environ: dict[str, str], key: str = "a/b=1") -> Outcome:
    """Store one file."""
    post = Post({})
    location = location_of(f"s3://{aws.bucket.name}", region=aws.region, endpoint=aws.url)
    signer = Signer(SandboxCredentials(environ))
    bucket = Bucket(Route(location=location, put_headers={}), post=post, signer=signer)
    try:
        return await bucket.put(key, b"body", Budget(10.0, clock=SystemClock()))
    finally:
        await post.close()


@pytest.mark.parametrize("key", ["a/b=1", "a b/ü+~", "a"])
async def test_signature_is_right(aws: AwsEndpoints, key: str) -> None:
    """A key is signed as it is sent, whatever is in it."""
    assert (await put(aws, aws.key.environment, key)).kind == "accepted"
    assert set(aws.bucket.objects) == {key}


async def test_outdated_is_tried_again(aws: AwsEndpoints) -> None:
    """Expired credentials are tried a second time; if they are the only ones, the file waits."""
    aws.keys.rotate(NEW)
    outcome = await put(aws, aws.key.environment)
    assert (outcome.kind, [it.error for it in aws.exchanges]) == ("kept", ["ExpiredToken"] * 2)


async def test_without_credentials(aws: AwsEndpoints) -> None:
    """Without credentials nothing is sent, and the outcome says so."""
    outcome = await put(aws, {})
    assert (outcome.kind, outcome.cause) == ("kept", "not signed: SettingError")
    assert not aws.exchanges


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (200, "", "accepted"),
        (403, "AccessDenied", "rejected"),
        (404, "NoSuchBucket", "rejected"),
        (301, "PermanentRedirect", "rejected"),
        (503, "SlowDown", "kept"),
        (400, "RequestTimeout", "kept"),
        (500, "InternalError", "kept"),
    ],
)
def test_answers(status: int, code: str, kind: str) -> None:
    """What may be taken later waits; what S3 refuses for good does not."""
    content = f"<Error><Code>{code}</Code><Message>why</Message></Error>".encode() if code else b""
    outcome = judge(Answer(status=status, content=content))
    assert (outcome.kind, code in outcome.cause) == (kind, True)
