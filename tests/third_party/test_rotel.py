"""A collector of another project decodes what the extension sends."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.posted_requests import NS, SPAN_ID, TRACE_ID, as_json, spans
from tests.sandbox import free_port, running
from tests.third_party.rotel import problem, rotel
from tests.waiting import until

pytestmark = pytest.mark.skipif(bool(problem()), reason=problem() or "rotel")


async def test_rotel_sees_the_ids_names_and_attributes(tmp_path: Path) -> None:
    """A cold start as the platform reported it is a trace as rotel decodes it."""
    async with rotel() as collector:
        async with running(tmp_path, environment={"DISPATCH_POST_URI": collector.url}) as stage:
            answer = await stage.function.invoke({"print": ["hello"]})
            records: dict[str, Any] = {e.type: e.record for e in stage.function.events}
        await until(lambda: any("overhead" in span.fields["Name"] for span in collector.spans))
    tracing = records["platform.start"]["tracing"]
    header = dict(pair.split("=") for pair in tracing["value"].split(";"))
    trace_id = header["Root"].removeprefix("1-").replace("-", "")
    spans = {span.fields["Name"]: span for span in collector.spans}
    function = spans["function"]
    assert function.fields == {
        "Trace ID": trace_id,
        "Parent ID": header["Parent"],
        "ID": tracing["spanId"],
        "Name": "function",
        "Kind": "SPAN_KIND_SERVER",
        "Status code": "STATUS_CODE_UNSET",
    }
    assert function.attributes["faas.invocation_id"] == answer.request_id
    assert function.attributes["faas.coldstart"] == "true"
    assert spans["init"].fields["Parent ID"] == header["Parent"]
    for child in ("responseLatency", "responseDuration", "extension overhead"):
        assert spans[child].fields["Parent ID"] == tracing["spanId"]
    assert {span.fields["Trace ID"] for span in collector.spans} == {trace_id}
    assert all(span.start_ns <= span.end_ns for span in collector.spans)
    assert "service.name: Str(function)" in collector.output.decode()
    assert "log.message: Str(hello)" in collector.output.decode()


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
async def test_rotel_sees_what_the_functions_sdk_posted(tmp_path: Path, encoding: str) -> None:
    """Ids, kinds, times and attributes, whatever encoding they came in."""
    request = spans("GET /stock", "price", key="v")
    if encoding == "json":
        content_type, body = "application/json", as_json(request).decode()
    else:
        content_type = "application/x-protobuf"
        body = base64.b64encode(request.SerializeToString()).decode()
    posted = {"signal": "traces", "body": body, "content_type": content_type}
    async with rotel() as collector:
        environment = {
            "DISPATCH_POST_URI": collector.url,
            "DISPATCH_OTLP_PORT": str(free_port()),
        }
        async with running(tmp_path, environment=environment) as stage:
            await stage.function.invoke({"post": [posted]})
        await until(lambda: any(span.fields["Name"] == "price" for span in collector.spans))
    (seen,) = (span for span in collector.spans if span.fields["Name"] == "GET /stock")
    assert seen.fields == {
        "Trace ID": TRACE_ID.hex(),
        "Parent ID": SPAN_ID.hex(),
        "ID": "0000000000000001",
        "Name": "GET /stock",
        "Kind": "SPAN_KIND_CLIENT",
    }
    assert seen.attributes == {"key": "v"}
    assert (seen.start_ns, seen.end_ns) == (NS, NS + 1)
