"""An SDK that posts to the back end itself, beside the extension that does the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.launchers import patient
from tests.sandbox import free_port
from tests.sdks.stage import INTAKE, NAME, Visits, visit


def visited(language: str, folder: Path, **environment: str) -> Visits:
    """Return two invocations, each exported before it ends."""
    chosen = {
        "DISPATCH_POST_URI": INTAKE,
        "DISPATCH_FLUSH": "end",
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(free_port()),
        **environment,
    }
    return asyncio.run(visit(language, [{}, {}], folder=folder, launch=patient, environment=chosen))


def test_propagators_by_default(language: str, tmp_path: Path) -> None:
    """Two traces for one invocation, each with a SERVER span; the request id is in both."""
    found = visited(language, tmp_path)
    for seen in found.each:
        own, sdk = sorted(
            (span for span in seen.spans if (span.kind, span.name) == ("SERVER", NAME)),
            key=lambda span: span.trace_id != seen.header_trace,
        )
        assert (own.trace_id, own.span_id) == (seen.header_trace, seen.header_parent)
        assert sdk.trace_id != own.trace_id
        assert sdk.parent_span_id == ""
        ids = {span.attributes["faas.invocation_id"] for span in (own, sdk)}
        assert ids == {seen.answer.request_id}
        assert seen.span("price").parent_span_id == sdk.span_id
    assert len(found.traces) == 4


def test_xray_lambda(language: str, tmp_path: Path) -> None:
    """One trace for one invocation: the SDK's SERVER span is the child of the platform's."""
    found = visited(language, tmp_path, OTEL_PROPAGATORS="tracecontext,baggage,xray-lambda")
    for seen in found.each:
        (sdk,) = (span for span in seen.spans if span.parent_span_id == seen.header_parent
                  and span.kind == "SERVER")  # fmt: skip
        (own,) = (span for span in seen.spans if span.span_id == seen.header_parent)
        assert (own.kind, own.name, sdk.name) == ("SERVER", NAME, NAME)
        assert {own.trace_id, sdk.trace_id} == {seen.header_trace}
        assert seen.span("price").parent_span_id == sdk.span_id
    assert len(found.traces) == 2
