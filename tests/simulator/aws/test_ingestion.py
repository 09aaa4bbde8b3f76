"""What the OTLP endpoints want beside a signature, and what they answer without it."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import zlib
from typing import Any
from urllib.parse import urlsplit

import pytest

from simulator.aws.endpoints import AwsEndpoints, AwsError
from tests.simulator.aws.conftest import GROUP, STREAM, WHERE, Post
from tests.simulator.aws.messages import (
    SPAN_ID,
    TRACE_ID,
    point,
    points,
    record,
    records,
    span,
    spans,
)
from tests.simulator.aws.signed import NOW_NS, PROTOBUF, Signed

MESSAGES: dict[str, Any] = {
    "traces": spans(span()),
    "logs": records(record()),
    "metrics": points([point()]),
}
SERVICES = {"traces": "xray", "logs": "logs", "metrics": "monitoring"}
ACTIONS = {
    "traces": "xray:PutTraceSegments",
    "logs": "logs:PutLogEvents",
    "metrics": "cloudwatch:PutMetricData",
}
SIGNALS = list(MESSAGES)


@pytest.mark.parametrize("signal", SIGNALS)
async def test_each_signal_has_its_endpoint(aws: AwsEndpoints, post: Post, signal: str) -> None:
    """All three take their signal, compressed or not."""
    compressed = gzip.compress(MESSAGES[signal].SerializeToString())

    assert (await post(signal, MESSAGES[signal])).status == 200
    assert (await post(signal, compressed, headers={"Content-Encoding": "gzip"})).status == 200
    assert [accepted.signal for accepted in aws.accepted] == [signal] * 2
    assert len(aws.spans) + len(aws.logs) + len(aws.metrics) == 2
    assert aws.accepted[1].request.body == compressed


async def test_logs_say_where_they_went(aws: AwsEndpoints, post: Post) -> None:
    """Group and stream are kept with the records."""
    await post("logs", MESSAGES["logs"])

    assert [(it.group, it.stream) for it in aws.accepted] == [(GROUP, STREAM)]


async def test_otlp_json(aws: AwsEndpoints) -> None:
    """Ids are hex in OTLP's JSON; the empty answer is an object."""
    span = {
        "traceId": TRACE_ID.hex().upper(),
        "spanId": SPAN_ID.hex(),
        "name": "work",
        "startTimeUnixNano": str(NOW_NS),
        "endTimeUnixNano": str(NOW_NS),
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    headers = {"Content-Type": "application/json"}
    url = "https://xray.eu-central-1.amazonaws.com/v1/traces"
    response = await Signed(url=url, body=body, headers=headers).send(aws.url)

    assert (response.status, response.body) == (200, b"{}")
    assert [(it.trace_id, it.span_id) for it in aws.spans] == [(TRACE_ID.hex(), SPAN_ID.hex())]


@pytest.mark.parametrize("signal", SIGNALS)
async def test_other_paths_are_404(aws: AwsEndpoints, signal: str) -> None:
    """A host has one signal; a path that was appended twice is nowhere."""
    host = f"https://{SERVICES[signal]}.eu-central-1.amazonaws.com"
    for path in (f"/v1/{signal}/v1/{signal}", "/v1/profiles"):
        assert (await Signed(url=host + path, body=b"").send(aws.url)).status == 404


async def test_deflate_is_refused(post: Post) -> None:
    """The only compression is gzip."""
    body = zlib.compress(MESSAGES["traces"].SerializeToString())
    response = await post("traces", body, headers={"Content-Encoding": "deflate"})

    assert (response.status, response.error) == (400, "InvalidRequestException")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"\xff\xff"),
        ({"Content-Encoding": "gzip"}, b"not gzip"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"", mtime=0)[:-1]),
        ({"Content-Type": "application/json"}, b"[]"),
        ({"Content-Type": "application/json"}, b'{"resourceSpans": 1}'),
        ({"Content-Type": "application/json"}, b"{"),
    ],
)
async def test_rubbish_is_refused(post: Post, headers: dict[str, str], body: bytes) -> None:
    """What is not OTLP, or not what its headers say, is 400."""
    response = await post("traces", body, headers=headers)

    assert (response.status, response.error) == (400, "InvalidRequestException")


async def test_another_content_type_is_415(post: Post) -> None:
    """Only protobuf and JSON are OTLP."""
    headers = {"Content-Type": "text/plain"}

    assert (await post("traces", MESSAGES["traces"], headers=headers)).status == 415


async def test_chunked_body_is_411(aws: AwsEndpoints) -> None:
    """A body without Content-Length might be taken by AWS; who sends one is safe."""
    body = MESSAGES["traces"].SerializeToString()
    url = "https://xray.eu-central-1.amazonaws.com/v1/traces"
    headers = Signed(url=url, body=body).signed_headers()
    connection = http.client.HTTPConnection(urlsplit(aws.url).netloc, timeout=30)

    def send() -> int:
        connection.request("POST", "/v1/traces", iter([body]), headers, encode_chunked=True)
        return connection.getresponse().status

    assert await asyncio.to_thread(send) == 411
    connection.close()


@pytest.mark.parametrize("name", list(WHERE))
async def test_group_and_stream_are_required_headers(aws: AwsEndpoints, name: str) -> None:
    """Without one of them nothing is looked for; query parameters do not stand for them."""
    url = "https://logs.eu-central-1.amazonaws.com/v1/logs?logGroup=a&logStream=b"
    headers = {**PROTOBUF, **{key: value for key, value in WHERE.items() if key != name}}
    body = MESSAGES["logs"].SerializeToString()
    response = await Signed(url=url, body=body, headers=headers).send(aws.url)

    assert (response.status, response.error) == (400, "InvalidParameterException")
    assert response.message == f"The header {name} is required."


async def test_missing_group_and_stream(aws: AwsEndpoints, post: Post) -> None:
    """The endpoint creates neither."""
    aws.log_groups[GROUP].streams.clear()
    no_stream = await post("logs", MESSAGES["logs"])
    aws.log_groups.clear()
    no_group = await post("logs", MESSAGES["logs"])

    for response, what in ((no_stream, "stream"), (no_group, "group")):
        assert (response.status, response.error) == (400, "ResourceNotFoundException")
        assert response.message == f"The specified log {what} does not exist."


async def test_transaction_search_off(aws: AwsEndpoints, post: Post) -> None:
    """X-Ray refuses in the words that people search for; the others are not concerned."""
    aws.trouble.transaction_search_off = True
    response = await post("traces", MESSAGES["traces"])

    assert (response.status, response.error) == (400, "InvalidRequestException")
    assert response.message == (
        "The OTLP API is supported with CloudWatch Logs as a Trace Segment Destination."
    )
    assert (await post("logs", MESSAGES["logs"])).status == 200


@pytest.mark.parametrize("signal", SIGNALS)
async def test_missing_permission_is_named(aws: AwsEndpoints, post: Post, signal: str) -> None:
    """The message has the action that the role lacks."""
    aws.trouble.denied.add(ACTIONS[signal])
    response = await post(signal, MESSAGES[signal])

    assert (response.status, response.error) == (403, "AccessDeniedException")
    assert f"is not authorized to perform: {ACTIONS[signal]}" in response.message
    aws.trouble.denied.clear()
    assert (await post(signal, MESSAGES[signal])).status == 200


@pytest.mark.parametrize("signal", SIGNALS)
async def test_throttled_and_unavailable(aws: AwsEndpoints, post: Post, signal: str) -> None:
    """429 and 503; of the three only /v1/logs says when to come again."""
    trouble, service = aws.trouble, SERVICES[signal]
    trouble.retry_after_s = 7
    for services, status in ((trouble.throttled, 429), (trouble.unavailable, 503)):
        services.add(service)  # type: ignore[arg-type]
        response = await post(signal, MESSAGES[signal])
        assert response.status == status
        assert response.headers.get("retry-after") == ("7" if signal == "logs" else None)
        services.clear()
    assert not aws.accepted


async def test_down(aws: AwsEndpoints, post: Post) -> None:
    """The connection is cut, and the request noted with status 0; the others still answer."""
    aws.trouble.down.add("xray")
    with pytest.raises(ConnectionError):
        await post("traces", MESSAGES["traces"])

    assert (await post("metrics", MESSAGES["metrics"])).status == 200
    assert [it.status for it in aws.exchanges] == [0, 200]
    assert not aws.spans


async def test_lost_answer(aws: AwsEndpoints, post: Post) -> None:
    """The spans are there, and the sender does not know."""
    aws.trouble.lost_answers.add("xray")
    with pytest.raises(ConnectionError):
        await post("traces", MESSAGES["traces"])

    assert len(aws.spans) == 1


async def test_refusal_by_a_test(aws: AwsEndpoints, post: Post) -> None:
    """A test may refuse what it likes, one by one."""

    def refuse_second(_: object) -> None:
        if len(aws.exchanges) == 1:
            raise AwsError("InternalServerException", "Sorry", status=500)

    aws.trouble.refuse = refuse_second
    statuses = [(await post("traces", MESSAGES["traces"])).status for _ in range(3)]

    assert statuses == [200, 500, 200]
    assert len(aws.spans) == 2
