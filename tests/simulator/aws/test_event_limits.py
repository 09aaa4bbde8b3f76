"""The limits of CloudWatch Logs, one below and one above; wrong times are rejected alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from simulator.aws.endpoints import AwsEndpoints, limits
from simulator.aws.endpoints.stored_event import stored_event
from tests.simulator.aws.conftest import GROUP, STREAM, WHERE, Post
from tests.simulator.aws.messages import DAY_NS, HOUR_NS, padded_to, record, records
from tests.simulator.aws.signed import NOW_NS, PROTOBUF, Signed

REFUSED = (400, "InvalidParameterException")
SMALL_REGION = "eu-north-1"
SMALL = {
    "url": f"https://logs.{SMALL_REGION}.amazonaws.com/v1/logs",
    "region": SMALL_REGION,
}


def event_bytes(message: Any) -> int:
    """The sum of the events of a request, without what each costs beside."""
    [group] = message.resource_logs
    [scoped] = group.scope_logs
    return sum(
        len(stored_event(it, scope=scoped.scope, resource=group.resource))
        for it in scoped.log_records
    )


async def refusal(post: Post, message: Any, **changes: Any) -> str:
    """Return the message of a request that is refused."""
    response = await post("logs", message, **changes)
    assert (response.status, response.error) == REFUSED
    return response.message


def test_event_has_resource_and_scope() -> None:
    """Each record is stored with its resource, which is why the resource is paid for each time."""
    [group] = records(record("héllo"), resource={"service.name": "shop"}).resource_logs
    [scoped] = group.scope_logs
    event = stored_event(scoped.log_records[0], scope=scoped.scope, resource=group.resource)

    assert json.loads(event) == {
        "resource": {"attributes": {"service.name": "shop"}},
        "scope": {},
        "timeUnixNano": NOW_NS,
        "observedTimeUnixNano": 0,
        "severityNumber": 0,
        "severityText": "",
        "body": "héllo",
        "attributes": {},
        "flags": 0,
        "traceId": "",
        "spanId": "",
    }


@pytest.mark.parametrize(
    ("where", "limit"), [(SMALL, 1_048_576), ({}, 20_971_520)], ids=["small", "large"]
)
async def test_sum_of_events(
    aws: AwsEndpoints, post: Post, where: dict[str, str], limit: int
) -> None:
    """Events count in UTF-8, each with 26 bytes more; nine Regions take twenty times as much."""
    count = 64

    def build(padding: int) -> Any:
        each = (limit - padding) // (count - 1) // 2 - 200  # "é" has two bytes
        return records(*(record("é" * each) for _ in range(count - 1)), record("x" * padding))

    base = build(500_000)
    rest = limit - event_bytes(base) - count * limits.EVENT_OVERHEAD_BYTES
    base.resource_logs[0].scope_logs[0].log_records[-1].body.string_value += "x" * rest
    assert (await post("logs", base, **where)).status == 200
    base.resource_logs[0].scope_logs[0].log_records[-1].body.string_value += "x"
    message = await refusal(post, base, **where)
    assert message == f"Upload too large: {limit + 1} bytes exceeds limit of {limit}"
    assert len(aws.logs) == count


async def test_one_event(post: Post) -> None:
    """A larger event is refused; where a request may hold more, the second larger one is."""

    def build(padding: int) -> Any:
        return records(record("x" * padding))

    padding = padded_to(limits.MAX_EVENT_BYTES, build, of=event_bytes)
    assert "Upload too large" in await refusal(post, build(padding), **SMALL)
    assert "Log event too large" in await refusal(post, build(padding + 1), **SMALL)
    large, fits = record("x" * (padding + 1)), record("x" * padding)
    assert (await post("logs", records(large, fits, fits))).status == 200
    assert "Log event too large" in await refusal(post, records(large, large))


async def test_largest_event_of_a_small_region(post: Post) -> None:
    """There the sum is the limit of one event too: 26 bytes less than a mebibyte."""
    limit = limits.MAX_EVENTS_BYTES - limits.EVENT_OVERHEAD_BYTES
    padding = padded_to(limit, lambda size: records(record("x" * size)), of=event_bytes)

    assert (await post("logs", records(record("x" * padding)), **SMALL)).status == 200
    assert "Upload too large" in await refusal(post, records(record("x" * (padding + 1))), **SMALL)


async def test_records_of_a_request(post: Post) -> None:
    """Ten thousand records are one request."""
    most = [record() for _ in range(limits.MAX_EVENTS)]

    assert (await post("logs", records(*most))).status == 200
    assert "10001 log events" in await refusal(post, records(*most, record()))


async def test_resource_and_scope(post: Post) -> None:
    """A larger pair refuses the whole request."""

    def build(padding: int) -> Any:
        return records(record(), resource={"a": "x" * padding})

    def size(message: Any) -> int:
        return int(message.resource_logs[0].resource.ByteSize())

    padding = padded_to(limits.MAX_RESOURCE_AND_SCOPE_BYTES, build, of=size)
    assert (await post("logs", build(padding))).status == 200
    assert "16001 bytes" in await refusal(post, build(padding + 1))


@pytest.mark.parametrize(
    ("inside_ns", "outside_ns", "reason"),
    [
        (2 * HOUR_NS, 2 * HOUR_NS + 1, "tooNewLogEventCount"),
        (-14 * DAY_NS, -14 * DAY_NS - 1, "tooOldLogEventCount"),
    ],
)
async def test_wrong_times_are_rejected_alone(
    aws: AwsEndpoints, post: Post, inside_ns: int, outside_ns: int, reason: str
) -> None:
    """A partial success tells how many and why; the rest is kept."""
    inside, outside = NOW_NS + inside_ns, NOW_NS + outside_ns
    message = records(record("in", at_ns=inside), record("out", at_ns=outside))
    response = await post("logs", message)

    partly = ExportLogsServiceResponse.FromString(response.body).partial_success
    assert (response.status, partly.rejected_log_records) == (200, 1)
    reasons = json.loads(partly.error_message)
    assert reasons == dict.fromkeys(reasons, 0) | {reason: 1}
    assert set(reasons) == {"tooOldLogEventCount", "tooNewLogEventCount", "expiredLogEventCount"}
    assert [record.body for record in aws.logs] == ["in"]


async def test_retention(aws: AwsEndpoints, post: Post) -> None:
    """What the group would not keep any more is rejected as expired."""
    aws.log_groups.put(GROUP, STREAM, retention_days=1)
    kept, expired = NOW_NS - DAY_NS, NOW_NS - DAY_NS - 1
    response = await post("logs", records(record(at_ns=kept), record(at_ns=expired)))

    partly = ExportLogsServiceResponse.FromString(response.body).partial_success
    assert json.loads(partly.error_message)["expiredLogEventCount"] == 1
    assert len(aws.logs) == 1


async def test_partial_success_in_json(aws: AwsEndpoints) -> None:
    """A request in JSON is answered in JSON, with the names of OTLP."""
    old = {"timeUnixNano": str(NOW_NS - 15 * DAY_NS), "body": {"stringValue": "old"}}
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [old]}]}]}).encode()
    response = await Signed(
        url="https://logs.eu-central-1.amazonaws.com/v1/logs",
        body=body,
        headers={**PROTOBUF, **WHERE, "Content-Type": "application/json"},
    ).send(aws.url)

    partly = json.loads(response.body)["partialSuccess"]
    assert response.headers["content-type"] == "application/json"
    assert partly["rejectedLogRecords"] == "1"
    assert json.loads(partly["errorMessage"])["tooOldLogEventCount"] == 1


async def test_spread(post: Post) -> None:
    """The records of one request lie within 24 hours."""
    first = NOW_NS - 2 * DAY_NS
    together = records(record(at_ns=first), record(at_ns=first + DAY_NS))
    apart = records(record(at_ns=first), record(at_ns=first + DAY_NS + 1))

    assert (await post("logs", together)).status == 200
    assert "cannot span more than 24 hours" in await refusal(post, apart)
