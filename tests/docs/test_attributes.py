"""docs/attributes.md lists every attribute and metric that the code knows, as the code has them.

Written by `.venv/bin/python -m tests.attributes_table`.
"""

from __future__ import annotations

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.sdk.resources import Resource

from extension.telemetry.health import Health
from extension.telemetry.otlp.metrics import Meter
from tests.attributes_table import BLOCK, DOCUMENT, HISTOGRAMS, MEANINGS, UNSPLIT, known, tables


def test_each_attribute_has_a_meaning() -> None:
    """A new attribute is documented, and one that is gone is not."""
    assert set(MEANINGS) == known()


def test_the_tables_are_up_to_date() -> None:
    """What stands in the document is what the code would write into it."""
    assert dict(BLOCK.findall(DOCUMENT.read_text())) == tables()


def test_what_is_measured_is_a_histogram() -> None:
    """The kinds in the table are those of the requests."""
    measured = Meter(temporality="delta", now_ns=0)
    for name in HISTOGRAMS:
        measured.record_usage(name, 1.0)
    [item] = measured.collect(Health(), resource=Resource({}), now_ns=1)
    message = ExportMetricsServiceRequest.FromString(item.body)
    [scope] = message.resource_metrics[0].scope_metrics
    assert {each.name for each in scope.metrics if each.HasField("histogram")} == set(HISTOGRAMS)


def test_what_is_counted_is_a_sum() -> None:
    """Counters of the telemetry's own health are split as the table says."""
    health = Health()
    health.dropped["rejected"] = health.dead_letters = health.failed_exports = 1
    health.platform_dropped = health.leaks = 1
    [item] = Meter(temporality="delta", now_ns=0).collect(health, resource=Resource({}), now_ns=1)
    message = ExportMetricsServiceRequest.FromString(item.body)
    [scope] = message.resource_metrics[0].scope_metrics
    split = {each.name: bool(each.sum.data_points[0].attributes) for each in scope.metrics}
    assert {name for name, is_split in split.items() if not is_split} <= UNSPLIT
    assert split["lambda_dispatch.dropped"]
    assert not HISTOGRAMS & split.keys()
