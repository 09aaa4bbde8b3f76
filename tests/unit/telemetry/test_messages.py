"""Which fields of OTLP's messages lead to texts, and which to ids."""

from __future__ import annotations

import pytest

from extension.telemetry.export.buffer import Signal
from extension.telemetry.receiver.messages import id_fields, text_fields


@pytest.mark.parametrize(
    ("signal", "names"),
    [
        ("traces", {"ExportTraceServiceRequest", "ResourceSpans", "ScopeSpans", "Span", "Link"}),
        ("logs", {"ExportLogsServiceRequest", "ResourceLogs", "ScopeLogs", "LogRecord"}),
        ("metrics", {
            "ExportMetricsServiceRequest", "ResourceMetrics", "ScopeMetrics", "Metric", "Exemplar",
            "Gauge", "Sum", "Histogram", "ExponentialHistogram", "NumberDataPoint",
            "HistogramDataPoint", "ExponentialHistogramDataPoint",
        }),
    ],
)  # fmt: skip
def test_where_nothing_is_hidden_only_what_leads_to_ids_is_looked_at(
    signal: Signal, names: set[str]
) -> None:
    """Not the attributes, which are most of a request."""
    fields = id_fields(text_fields(signal))
    assert {name.rpartition(".")[2] for name in fields} == names
    ids = {each.name for its in fields.values() for each in its if each.content == "id"}
    of_spans = {"parent_span_id"} if signal == "traces" else set()
    assert ids == {"trace_id", "span_id"} | of_spans
