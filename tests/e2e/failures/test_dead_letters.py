"""What the endpoint does not take is in the bucket, and a replay brings it to the endpoint."""

from __future__ import annotations

import asyncio
import gzip
import os
import signal
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
from tests.posted_requests import as_json, points, records, spans
from tests.sandbox import free_port
from tests.security.hostile_endpoint import answering, silent

INVOCATIONS = 60

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


async def start_replay(
    environment: Mapping[str, str], *arguments: str
) -> asyncio.subprocess.Process:
    """Start the command; its outputs are one."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "extension.replay",
        *arguments,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def replay(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Run the command; return its exit code and all that it wrote."""
    process = await start_replay(environment, *arguments)
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


async def test_interrupted(run: Run, bucket: AwsEndpoints, intake: Intake) -> None:
    """Ctrl-C ends a replay at once and loses nothing; the next one goes on."""
    environment = settings(bucket, f"http://127.0.0.1:{free_port()}")
    async with run(environment=environment) as stage:
        await stage.invoke({}, {})
    hang = Hang()
    intake.respond = [hang]
    replaying = await start_replay(environment, "--to", intake.url)
    await intake.wait_for(lambda intake: len(intake.requests) == 1)
    replaying.send_signal(signal.SIGINT)
    written, _ = await replaying.communicate()
    assert (replaying.returncode, written) == (130, b"replay: interrupted: run it again to go on\n")
    hang.released.set()
    assert stored(bucket) == Counter(started(stage))
    intake.spans.clear()
    assert (await replay(environment, "--to", intake.url))[0] == 0
    assert arrived(intake) == Counter(started(stage))


async def test_replay_to_aws(run: Run, bucket: AwsEndpoints) -> None:
    """A replay signs what it sends to X-Ray and CloudWatch Logs, as the extension does."""
    environment = {
        **settings(bucket, f"http://127.0.0.1:{free_port()}"),
        "DISPATCH_SIGNALS": "traces,logs",
    }
    async with run(environment=environment) as stage:
        await stage.invoke({"print": ["hello"]})
    region = f"{bucket.region}.amazonaws.com"
    reaching = {**environment, **bucket.environment, "DISPATCH_LOG_GROUP": "/replayed"}
    code, written = await replay(reaching, "--to", f"https://xray.{region}")
    assert code == 0, written
    servers = [span for span in bucket.spans if span.kind == "SERVER"]
    assert [invocation_id(span) for span in servers] == list(started(stage))
    assert "hello" in {str(record.body) for record in bucket.logs}
    assert not bucket.bucket.objects


async def test_what_the_functions_sdk_posted(
    run: Run, bucket: AwsEndpoints, intake: Intake
) -> None:
    """Requests that came in through the receiver are stored and replayed like our own."""
    environment = {
        **settings(bucket, f"http://127.0.0.1:{free_port()}"),
        "DISPATCH_OTLP_PORT": str(free_port()),
        "DISPATCH_SIGNALS": "traces,logs,metrics",
    }
    requests = {"traces": spans("a", "b"), "logs": records("c"), "metrics": points("d")}
    posts = [{"signal": name, "body": as_json(each).decode()} for name, each in requests.items()]
    async with run(environment=environment) as stage:
        answers = await stage.invoke({"post": posts})
    assert_unharmed(stage, answers)
    assert not stage.lost
    assert [key.rpartition("/")[2].partition("_")[0] for key in sorted(bucket.bucket.objects)] == [
        "logs", "metrics", "traces",
    ]  # fmt: skip
    assert (await replay(environment, "--to", intake.url))[0] == 0
    assert {"a", "b"} < {span.name for span in intake.spans}
    assert "c" in {str(record.body) for record in intake.logs}
    assert "d" in {metric.name for metric in intake.metrics}


async def test_bucket_hangs_at_the_end(run: Run, bucket: AwsEndpoints) -> None:
    """A bucket that never answers costs no more of SHUTDOWN's two seconds than one that does."""
    environment = settings(bucket, f"http://127.0.0.1:{free_port()}")
    async with answering(silent()) as hostile:
        environment["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{hostile.port}"
        async with run(environment=environment, shutdown_timeout_s=2.0) as stage:
            answers = await stage.invoke({}, {})
    assert_unharmed(stage, answers)
    assert stage.lost["dropped.unsent"] >= len(answers)
    assert "dead letters wait" in stage.complaints


async def test_clock_is_wrong(run: Run, bucket: AwsEndpoints) -> None:
    """A sandbox whose clock is hours behind learns the time from S3's first refusal."""
    bucket.trouble.clock_skew_s = 7200.0
    async with run(environment=settings(bucket, f"http://127.0.0.1:{free_port()}")) as stage:
        await stage.invoke({}, {})
    assert stored(bucket) == Counter(started(stage))
    assert [each.error for each in bucket.refused] == ["RequestTimeTooSkewed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no bucket: name it as s3://BUCKET/PREFIX"),
        (("s3://bucket",), "no endpoint: name it with --to, or set DISPATCH_POST_URI"),
        (("http://bucket",), "allowed: s3://BUCKET or s3://BUCKET/PREFIX"),
        (("s3://bucket", "--to", "endpoint"), "allowed: an http:// or https:// URL"),
        (("s3://bucket", "--to", "http://127.0.0.1:9"), "no region: set AWS_REGION"),
    ],
)
async def test_not_set_up(arguments: tuple[str, ...], said: str) -> None:
    """The replay says in one line what is missing, or what is allowed."""
    code, written = await replay({}, *arguments)
    assert code == 2
    assert written.startswith("replay: ")
    assert said in written
    assert written.count("\n") == 1


async def test_without_credentials() -> None:
    """The replay says how to get them."""
    arguments = ("s3://bucket", "--to", "http://127.0.0.1:9")
    code, written = await replay({"AWS_REGION": "eu-central-1"}, *arguments)
    assert (code, "aws configure export-credentials" in written) == (2, True)


async def test_references_are_not_resolved(bucket: AwsEndpoints, intake: Intake) -> None:
    """A header that refers to a secret is not sent as it stands: the replay asks for its value."""
    environment = {
        **settings(bucket, intake.url),
        "DISPATCH_POST_HEADERS": "api-key=${secretsmanager:shop/key}",
    }
    code, written = await replay(environment)
    assert (code, "secretsmanager:shop/key" in written) == (2, True)
    assert not intake.requests


async def test_may_not_list(bucket: AwsEndpoints) -> None:
    """The replay names the permission that is missing."""
    bucket.trouble.denied.add("s3:ListBucket")
    code, written = await replay(settings(bucket, "http://127.0.0.1:9"))
    assert code == 1
    assert "the bucket cannot be listed: status 403 AccessDenied: the role needs s3:List" in written
