"""Real SDKs that post to the extension: everything leaves, with the invocation it belongs to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.launchers import patient
from tests.sandbox import FAREWELL, free_port
from tests.sdks.stage import INTAKE, Visits, visit


def visited(language: str, folder: Path, *events: object, **environment: str) -> Visits:
    """Return invocations whose SDK posts to the extension, each exported before it ends."""
    port = str(free_port())
    chosen = {
        "DISPATCH_POST_URI": INTAKE,
        "DISPATCH_OTLP_PORT": port,
        "DISPATCH_FLUSH": "end",
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(free_port()),
        **environment,
    }
    return asyncio.run(
        visit(
            language, events, folder=folder, launch=patient, environment=chosen,
            endpoint=f"http://127.0.0.1:{port}",
        )
    )  # fmt: skip


def farewell(found: Visits) -> Mapping[str, Any]:
    """Return the last line of telemetry."""
    own = [json.loads(line.text) for line in found.lines if line.source == "extension"]
    (line,) = [each for each in own if each["message"] == FAREWELL]
    return line  # type: ignore[no-any-return]


def test_an_invocations_batch_leaves_with_it(language: str, tmp_path: Path) -> None:
    """The function's own spans arrive before the invocation ends, with their ids and parents."""
    found = visited(language, tmp_path, {}, {})
    for seen in found.each:
        price, stock = seen.span("price"), seen.span("GET /stock")
        assert stock.parent_span_id == price.span_id
        assert stock.trace_id == price.trace_id
        assert len(price.trace_id) == 32
        assert len(price.span_id) == 16
        assert (price.kind, stock.kind) == ("INTERNAL", "CLIENT")
        assert {each.answer.status for each in found.each} == {"success"}
    summary = farewell(found)
    assert summary["received.traces"] >= 6
    assert not [
        key for key in summary if key.startswith(("dropped.", "faults.", "received.refused"))
    ]


def test_all_spans_of_a_large_batch_arrive(language: str, tmp_path: Path) -> None:
    """Fifty spans more, in one request of the SDK."""
    found = visited(language, tmp_path, {"spans": 50}, {"spans": 50})
    for seen in found.each:
        ids = [span.span_id for span in seen.spans]
        assert len(ids) == len(set(ids))
        assert len(ids) > 52
