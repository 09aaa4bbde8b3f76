"""What the endpoint does not take is in the bucket, and a replay brings it to the endpoint."""

from __future__ import annotations

import asyncio
import gzip
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from itertools import cycle

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from extension.telemetry.export.s3_location import KEY
from simulator.aws.endpoints import AwsEndpoints
from simulator.intake import Intake
from simulator.intake.replies import RESET, Hang, Raw, Reply
from tests.e2e.failures.conftest import Run
from tests.e2e.failures.expectations import (
    assert_unharmed,
    invocation_id,
    invocations,
    started,
)
from tests.sandbox import free_port

INVOCATIONS = int(os.environ.get("DEAD_LETTER_INVOCATIONS", "100"))

BAD_REQUEST, UNAVAILABLE = Reply(status=400), Reply(status=503)


@pytest.fixture
async def bucket() -> AsyncIterator[AwsEndpoints]:
    """An S3 bucket on loopback that checks every signature."""
    async with AwsEndpoints() as aws:
        yield aws


def settings(bucket: AwsEndpoints, post_uri: str) -> dict[str, str]:
    """Return what sends to an endpoint, and to the bucket what it does not take."""
    return {
        **bucket.key.environment,
        "AWS_REGION": bucket.region,
        "AWS_ENDPOINT_URL_S3": bucket.url,
        "DISPATCH_DEAD_LETTERS": f"s3://{bucket.bucket.name}/lost/spans",
        "DISPATCH_POST_URI": post_uri,
        "DISPATCH_FLUSH": "end",
    }


def stored(bucket: AwsEndpoints) -> Counter[str]:
    """Return the request ids of the invocation spans in the bucket."""
    found: Counter[str] = Counter()
    for each in bucket.bucket.objects.values():
        request = ExportTraceServiceRequest.FromString(gzip.decompress(each.body))
        for resource in request.resource_spans:
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                if span.kind == span.SPAN_KIND_SERVER:
                    [found_id] = [
                        pair.value.string_value
                        for pair in span.attributes
                        if pair.key == "faas.invocation_id"
                    ]
                    found[found_id] += 1
    return found


def arrived(intake: Intake) -> Counter[str]:
    """Return the request ids of the invocation spans that the endpoint acknowledged."""
    return Counter(invocation_id(span) for span in invocations(intake))


async def replay(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Run the command; return its exit code and all that it wrote."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "extension.replay",
        *arguments,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    written, _ = await process.communicate()
    return process.returncode or 0, written.decode()


async def test_down(run: Run, bucket: AwsEndpoints, intake: Intake) -> None:
    """What is unsent when the sandbox ends is stored, and the replay moves all of it."""
    environment = settings(bucket, f"http://127.0.0.1:{free_port()}")
    async with run(environment=environment) as stage:
        answers = await stage.invoke({}, {}, {})
    assert_unharmed(stage, answers)
    assert stored(bucket) == Counter(started(stage))
    assert stage.final_counts["dead_letters"] >= len(answers)
    assert not stage.lost
    assert all(KEY.fullmatch(key) for key in bucket.bucket.objects)
    assert all(key.startswith("lost/spans/year=") for key in bucket.bucket.objects)

    code, written = await replay(environment, "--to", intake.url, "--dry-run")
    assert (code, len(bucket.bucket.objects)) == (0, written.count(".binpb.gz"))
    code, written = await replay(environment, "--to", intake.url)
    assert code == 0, written
    assert arrived(intake) == Counter(started(stage))
    assert not bucket.bucket.objects


async def test_down_and_refusing(run: Run, bucket: AwsEndpoints, intake: Intake) -> None:
    """With an endpoint that fails in every way, accepted and stored together are what was made."""
    weather: cycle[Reply | Hang | Raw] = cycle(
        (Reply(), BAD_REQUEST, Reply(), UNAVAILABLE, RESET, Reply())
    )
    intake.respond = lambda _: next(weather)
    environment = settings(bucket, intake.url)
    async with run(environment=environment) as stage:
        answers = await stage.invoke(*[{}] * INVOCATIONS)
    assert_unharmed(stage, answers)
    kept = stored(bucket)
    assert kept
    assert arrived(intake) + kept == Counter(started(stage))
    assert not stage.lost

    intake.respond = lambda _: Reply()
    code, written = await replay(environment)
    assert code == 0, written
    assert arrived(intake) == Counter(started(stage))


async def test_endpoint_hangs_at_the_end(run: Run, bucket: AwsEndpoints, intake: Intake) -> None:
    """An endpoint that never answers does not take the time in which the rest is stored."""
    hang = Hang()
    intake.respond = lambda _: hang
    async with run(environment=settings(bucket, intake.url)) as stage:
        answers = await stage.invoke({}, {})
    hang.released.set()
    assert_unharmed(stage, answers)
    assert stored(bucket) == Counter(started(stage))
    assert not stage.lost


async def test_resumed(run: Run, bucket: AwsEndpoints, intake: Intake) -> None:
    """A replay that the endpoint refuses leaves the files, and the next one goes on."""
    environment = settings(bucket, f"http://127.0.0.1:{free_port()}")
    async with run(environment=environment) as stage:
        await stage.invoke({}, {})
    before = set(bucket.bucket.objects)
    code, written = await replay(environment)
    assert (code, set(bucket.bucket.objects)) == (1, before)
    assert "not taken: ClientConnectorError: Connection refused" in written
    code, written = await replay(environment, "--to", intake.url)
    assert (code, bucket.bucket.objects) == (0, {})
    assert arrived(intake) == Counter(started(stage))


async def test_bucket_refuses(run: Run, bucket: AwsEndpoints) -> None:
    """Without the permission, the loss is counted by its reason, and a line names the action."""
    bucket.trouble.denied.add("s3:PutObject")
    async with run(environment=settings(bucket, f"http://127.0.0.1:{free_port()}")) as stage:
        answers = await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert stage.lost["dropped.unsent"] >= len(answers)
    assert not bucket.bucket.objects
    assert any("s3:PutObject" in cause for cause in stage.causes)


async def test_bucket_is_down(run: Run, bucket: AwsEndpoints) -> None:
    """A bucket that cuts every connection costs no more than the data."""
    bucket.trouble.down.add("s3")
    async with run(environment=settings(bucket, f"http://127.0.0.1:{free_port()}")) as stage:
        answers = await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert stage.lost["dropped.unsent"] >= len(answers)
    assert "dead letters wait" in stage.complaints


async def test_encryption(run: Run, bucket: AwsEndpoints) -> None:
    """A bucket whose policy demands a key of KMS gets files that ask for it."""
    bucket.bucket.wants_encryption = "aws:kms"
    environment = {
        **settings(bucket, f"http://127.0.0.1:{free_port()}"),
        "DISPATCH_DEAD_LETTERS_SSE": "aws:kms:alias/letters",
    }
    async with run(environment=environment) as stage:
        await stage.invoke({})
    assert stored(bucket) == Counter(started(stage))
    assert {each.encryption.key_id for each in bucket.bucket.objects.values()} == {"alias/letters"}


async def test_not_set_up(bucket: AwsEndpoints) -> None:
    """The replay says what is missing: the bucket, the endpoint, or a permission."""
    assert await replay({}) == (1, "replay: no bucket: name it as s3://BUCKET/PREFIX\n")
    code, written = await replay({}, "s3://bucket")
    assert (code, written.startswith("replay: no endpoint: name it with --to")) == (1, True)
    bucket.trouble.denied.add("s3:ListBucket")
    code, written = await replay(settings(bucket, "http://127.0.0.1:9"))
    assert (code, "the bucket cannot be listed: status 403 AccessDenied" in written) == (1, True)
