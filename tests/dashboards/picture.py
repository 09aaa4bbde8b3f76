"""The picture in docs/dashboards: the demo's function, run for a while, on the Grafana dashboard.

Prometheus answers the queries of grafana.json. Run this to draw it again; it needs go.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from extension.process.clock import NS_PER_S
from simulator.demo.__main__ import STEPS
from simulator.demo.stage import open_stage
from tests.dashboards.diagrams import Diagram, draw
from tests.dashboards.prometheus_engine import Series, Span, evaluate
from tests.dashboards.write import FOLDER

PICTURE = FOLDER / "dashboard.svg"
SETTINGS = {
    "DISPATCH_SIGNALS": "traces,metrics",
    "DISPATCH_PROCESS_METRICS": "true",
    "DISPATCH_FLUSH": "end",
    "SSM_PARAMETER_STORE_TTL": "2",
    "SECRETS_MANAGER_TTL": "7",
}
WINDOW = "5s"
INVOCATIONS = 200
TIMEOUTS = (90, 150)

Payload = Mapping[str, object]


def a_while() -> list[Payload]:
    """Return payloads: busy and quiet, with failures, and with two timeouts."""
    payloads: list[Payload] = []
    for number in range(INVOCATIONS):
        payload: dict[str, object] = {"sleep": (number % 40) / 400}
        if number % 17 == 16:
            payload["fail"] = True
        payloads.append({"sleep": 10} if number in TIMEOUTS else payload)
    return payloads


def steps_of_the_demo() -> list[Payload]:
    """Return what `make demo` invokes the function with."""
    return [payload for payload, _ in STEPS]


async def metrics_of(payloads: Sequence[Payload]) -> list[bytes]:
    """Run the demo's function; return the requests with its metrics."""
    async with open_stage(environment=SETTINGS) as stage:
        assert stage.intake is not None
        for payload in payloads:
            await stage.function.invoke(payload)
        await stage.function.shutdown()
        return [each.body for each in stage.intake.requests if each.path == "/v1/metrics"]


def span_of(requests: Sequence[bytes]) -> Span:
    """Return the time of all points, in steps of a second."""
    metrics = [
        metric
        for request in map(ExportMetricsServiceRequest.FromString, requests)
        for of_resource in request.resource_metrics
        for scope in of_resource.scope_metrics
        for metric in scope.metrics
    ]
    points = [p for each in metrics for p in (*each.sum.data_points, *each.histogram.data_points)]
    begin_ns = min(point.start_time_unix_nano for point in points)
    end_ns = max(point.time_unix_nano for point in points)
    return Span(begin_ns / NS_PER_S, end_ns / NS_PER_S + 1, 1)


def drawn(requests: Sequence[bytes], *, over: Span) -> list[tuple[str, list[Diagram]]]:
    """Return the rows of the dashboard with the answers of Prometheus."""
    panels = json.loads((FOLDER / "grafana.json").read_text())["panels"]
    queries = {
        f"{panel['id']} {target['refId']}": _as_sent(target["expr"])
        for panel in panels
        for target in panel.get("targets", ())
    }
    answers = evaluate(requests, config=FOLDER / "prometheus.yml", queries=queries, over=over)
    assert (answers.refused, answers.problems) == ([], [])
    rows: list[tuple[str, list[Diagram]]] = []
    for panel in panels:
        if panel["type"] == "row":
            rows.append((panel["title"], []))
        else:
            rows[-1][1].append(_diagram(panel, answers.series))
    return rows


def _as_sent(query: str) -> str:
    sent = query.replace("$count", "sum_over_time").replace("$function", ".+")
    return sent.replace("$__interval", WINDOW)


def _diagram(panel: Mapping[str, Any], answered: Mapping[str, Sequence[Series]]) -> Diagram:
    shown = [
        (_legend(target["legendFormat"], series), series)
        for target in panel["targets"]
        for series in answered[f"{panel['id']} {target['refId']}"]
    ]
    return Diagram(panel["title"], panel["fieldConfig"]["defaults"]["unit"], shown)


def _legend(form: str, series: Series) -> str:
    """Return a legend without the function, which is the same for all."""
    filled = re.sub(r"\{\{(\w+)\}\}", lambda label: series.labels.get(label[1], ""), form)
    return filled.removeprefix(series.labels.get("job", "")).strip() or series.labels.get("job", "")


async def _main() -> None:
    requests = await metrics_of(a_while())
    over = span_of(requests)
    PICTURE.write_text(draw(drawn(requests, over=over), over=over))


if __name__ == "__main__":
    asyncio.run(_main())
