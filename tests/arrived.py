"""Spans as an intake has them when they have arrived, for tests that need one without an export."""

from __future__ import annotations

from typing import Any

from simulator.intake.otlp import Span


def arrived_span(name: str, **fields: Any) -> Span:
    """Return a root span that says nothing, but for what `fields` say."""
    defaults: dict[str, Any] = {
        "trace_id": "5759e988bd862e3fe1be46a994272793",
        "span_id": "53995c3f42cd8ad8",
        "parent_span_id": "",
        "kind": "INTERNAL",
        "start_ns": 0,
        "end_ns": 1,
        "status": "UNSET",
        "status_message": "",
        "attributes": {},
        "events": (),
        "links": (),
        "resource": {},
        "scope": "",
    }
    return Span(name=name, **(defaults | fields))
