"""OpenTelemetry's own collector takes what the extension sends, and decodes it as it was meant."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.posted_requests import as_json, points, records
from tests.sandbox import free_port, running
from tests.sdk_requests import INVOCATION, PRICE, SDK_TRACE, invocation_span, request, sdk_span
from tests.third_party.otelcol.installed import arguments, collector, problem
from tests.third_party.rotel import ATTRIBUTE, FIELD, SPAN
from tests.waiting import until

pytestmark = pytest.mark.timeout(1000)  # with the time that the build takes


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The collector's program."""
    if reason := problem():
        pytest.skip(reason)


@dataclass(slots=True)
class Collector:
    """The running collector and what it printed."""

    url: str
    output: bytearray = field(default_factory=bytearray)

    @property
    def text(self) -> str:
        """All that it printed."""
        return self.output.decode()

    @property
    def spans(self) -> dict[str, dict[str, str]]:
        """The fields and attributes of each span, by its name and kind."""
        found = {}
        for part in SPAN.split(self.text)[1:]:
            fields = {name: value.strip() for name, value in FIELD.findall(part)}
            found[f"{fields['Name']} {fields['Kind']}"] = fields | dict(ATTRIBUTE.findall(part))
        return found


@asynccontextmanager
async def running_collector() -> AsyncIterator[Collector]:
    """Run it on loopback, printing all that it receives."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        collector(), *arguments(port, verbosity="detailed"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    seen = Collector(f"http://127.0.0.1:{port}")
    reading = asyncio.create_task(_read(process, seen))
    try:
        await until(lambda: b"Everything is ready" in seen.output)
        yield seen
    finally:
        process.kill()
        await process.wait()
        await reading


async def _read(process: asyncio.subprocess.Process, into: Collector) -> None:
    assert process.stdout is not None
    while chunk := await process.stdout.read(65_536):
        into.output += chunk


def posted(signal: str, request_: Any, *, as_protobuf: bool = False) -> dict[str, str]:
    """Return what the function is asked to post."""
    if not as_protobuf:
        return {"signal": signal, "body": as_json(request_).decode()}
    body = base64.b64encode(request_.SerializeToString()).decode()
    return {"signal": signal, "body": body, "content_type": "application/x-protobuf"}


async def test_every_signal_is_taken(tmp_path: Path) -> None:
    """Ours and the SDK's, in both encodings; the collector refuses none of it."""
    async with running_collector() as judge:
        environment = {
            "DISPATCH_POST_URI": judge.url,
            "DISPATCH_OTLP_PORT": str(free_port()),
            "DISPATCH_SIGNALS": "traces,logs,metrics",
            "DISPATCH_FLUSH": "end",
        }
        async with running(tmp_path, environment=environment) as stage:
            answer = await stage.function.invoke(
                {
                    "print": ["a line of the function"],
                    "post": [
                        posted("logs", records("a record of the SDK")),
                        posted("metrics", points("a.sum", "a.histogram"), as_protobuf=True),
                    ],
                }
            )
        await until(lambda: "faas.invocations" in judge.text)
    assert not stage.lost
    assert not stage.complaints
    assert judge.spans["function Server"]["faas.invocation_id"] == answer.request_id
    for text in (
        "Body: Str(a line of the function)",
        "Body: Str(a record of the SDK)",
        "-> Name: a.sum",
        "-> Name: a.histogram",
        "ExplicitBounds #0: 0.500000",
    ):
        assert text in judge.text


async def test_the_spans_of_an_sdk_are_in_one_trace_with_ours(tmp_path: Path) -> None:
    """The SDK's span of the invocation is beneath ours, and its work beneath that."""
    async with running_collector() as judge:
        environment = {
            "DISPATCH_POST_URI": judge.url,
            "DISPATCH_OTLP_PORT": str(free_port()),
            "DISPATCH_FLUSH": "end",
        }
        spans = request(
            invocation_span("REQUEST_ID"), work=[sdk_span("price", PRICE, parent=INVOCATION)]
        )
        async with running(tmp_path, environment=environment) as stage:
            sent = posted("traces", ExportTraceServiceRequest.FromString(spans))
            answer = await stage.function.invoke({"post": [sent]})
        await until(lambda: "function Server" in judge.spans)
    assert not stage.lost
    ours, theirs = judge.spans["function Server"], judge.spans["handler Internal"]
    price = judge.spans["price Internal"]
    assert ours["Trace ID"] == SDK_TRACE.to_bytes(16).hex()
    assert {theirs["Trace ID"], price["Trace ID"]} == {ours["Trace ID"]}
    assert theirs["Parent ID"] == ours["ID"]
    assert price["Parent ID"] == theirs["ID"] == INVOCATION.to_bytes(8).hex()
    assert ours["faas.invocation_id"] == theirs["faas.invocation_id"] == answer.request_id
    assert not any(name.endswith(" Server") for name in judge.spans.keys() - {"function Server"})
