"""The decoders of the OpenTelemetry collector read dead letters of all signals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from simulator.aws.endpoints import AwsEndpoints
from simulator.intake import Intake
from tests.posted_requests import as_json, points, records, spans
from tests.sandbox import free_port, running
from tests.third_party.decoders import NotHereError, build, replay

pytestmark = pytest.mark.timeout(900)  # with the time that the build takes


@pytest.fixture(scope="module")
def program() -> Iterator[Path]:
    """The collector's decoders."""
    try:
        yield build()
    except NotHereError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("prefix", ["lost/spans", ""])
async def test_all_signals(tmp_path: Path, program: Path, prefix: str) -> None:
    """What the extension made, and what the function's SDK posted, arrive as they were."""
    async with AwsEndpoints() as aws, Intake() as intake:
        environment = {
            **aws.key.environment,
            "AWS_REGION": aws.region,
            "AWS_ENDPOINT_URL_S3": aws.url,
            "DISPATCH_DEAD_LETTERS": f"s3://{aws.bucket.name}/{prefix}",
            "DISPATCH_POST_URI": f"http://127.0.0.1:{free_port()}",
            "DISPATCH_SIGNALS": "traces,logs,metrics",
            "DISPATCH_OTLP_PORT": str(free_port()),
        }
        requests = {"traces": spans("a", "b"), "logs": records("c"), "metrics": points("d", "e")}
        posts = [
            {"signal": signal, "body": as_json(request).decode()}
            for signal, request in requests.items()
        ]
        async with running(tmp_path, environment=environment) as stage:
            answer = await stage.function.invoke({"print": ["hello"], "post": posts})
        stored = [each.modified for each in aws.bucket.objects.values()]
        times = ((min(stored) - timedelta(minutes=1)).isoformat(), max(stored).isoformat())
        keys = await replay(
            program, aws.bucket.name, prefix, *times, intake.url, environment=environment
        )
        assert sorted(keys) == sorted(aws.bucket.objects)
        assert len(keys) == len(requests)
    names = {span.name for span in intake.spans}
    assert {"function", "a", "b"} <= names
    [invocation] = [span for span in intake.spans if span.kind == "SERVER"]
    assert invocation.attributes["faas.invocation_id"] == answer.request_id
    assert {"hello", "c"} <= {str(record.body) for record in intake.logs}
    assert {"faas.invoke_duration", "d", "e"} <= {metric.name for metric in intake.metrics}
    count = len(intake.spans) + len(intake.logs) + sum(len(each.points) for each in intake.metrics)
    assert count == stage.final_counts["dead_letters"]
    assert not stage.lost
