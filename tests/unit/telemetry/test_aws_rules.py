"""What AWS takes of each signal."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from extension.telemetry.otlp import aws_rules, fitting
from extension.telemetry.otlp.aws_rules import RULES, points_of
from extension.telemetry.otlp.stored_event import text_bound
from tests.simulator.aws.messages import point, points, record, records, span, spans

MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS


def test_the_limits_of_aws() -> None:
    """As its documentation has them; times with an hour to spare."""
    assert aws_rules.MAX_SPAN_BYTES == 200_000
    assert aws_rules.MAX_EVENT_BYTES == 999_700
    assert aws_rules.MAX_METRIC_BYTES == 900_000
    assert aws_rules.MAX_METRIC_TEXT == 4096
    assert (aws_rules.MAX_AHEAD_NS, aws_rules.MAX_POINT_AHEAD_NS) == (2 * HOUR_NS, 10 * MINUTE_NS)
    assert {signal: rules.ahead_ns for signal, rules in RULES.items()} == {
        "traces": 2 * HOUR_NS, "logs": 2 * HOUR_NS, "metrics": 10 * MINUTE_NS,
    }  # fmt: skip
    assert fitting.MAX_AGE_NS == (14 * 24 - 1) * HOUR_NS
    assert (fitting.MAX_SCOPE_BYTES, fitting.MAX_RESOURCE_AND_SCOPE_BYTES) == (8_000, 16_000)


@pytest.mark.parametrize(
    ("trace_id", "span_id", "is_valid"),
    [
        (b"\x01" + bytes(15), b"\x01" + bytes(7), True),
        (bytes(16), b"\x01" * 8, False),
        (b"\x01" * 16, bytes(8), False),
        (b"\x01" * 15, b"\x01" * 8, False),
        (b"\x01" * 17, b"\x01" * 8, False),
        (b"\x01" * 16, b"\x01" * 9, False),
        (b"", b"\x01" * 8, False),
    ],
)
def test_a_span_needs_both_ids(trace_id: bytes, span_id: bytes, is_valid: bool) -> None:
    """Of their lengths, and not zero; other signals need none."""
    given = Span(trace_id=trace_id, span_id=span_id)
    assert RULES["traces"].is_valid(given) is is_valid
    assert RULES["logs"].is_valid(given)
    assert RULES["metrics"].is_valid(given)


@pytest.mark.parametrize(("start", "end"), [(1, 2), (2, 1), (1, 1)])
def test_both_ends_of_a_span_count(start: int, end: int) -> None:
    """Whichever comes first."""
    given = Span(start_time_unix_nano=start, end_time_unix_nano=end)
    assert RULES["traces"].times_ns(given) == (min(start, end), max(start, end))


def test_times_of_records_and_points() -> None:
    """A record has one, a metric those of its points; one without points has none."""
    assert RULES["logs"].times_ns(record(at_ns=7)) == (7, 7)
    [metric] = (
        points([point(at_ns=9), point(at_ns=3), point(at_ns=5)])
        .resource_metrics[0]
        .scope_metrics[0]
        .metrics
    )
    assert RULES["metrics"].times_ns(metric) == (3, 9)
    assert RULES["metrics"].times_ns(Metric(name="m")) == ()
    assert points_of(Metric(name="m")) == ()


@pytest.mark.parametrize(
    ("signal", "body", "may_be"),
    [
        ("traces", b"x" * 200_000, False),
        ("traces", b"x" * 200_001, True),
        ("logs", b"x" * 749_775, False),
        ("logs", b"x" * 749_777, True),
        ("metrics", b"", True),
    ],
)
def test_what_may_be_too_large(signal: Any, body: bytes, may_be: bool) -> None:
    """By the bytes of the whole request; points have labels, which have to be counted."""
    assert RULES[signal].may_be_large(body) is may_be


def test_what_a_request_weighs() -> None:
    """Its bytes; of logs the bytes of all events, each of which repeats scope and resource."""
    of_spans = spans(span(), span())
    body = of_spans.SerializeToString()
    assert RULES["traces"].weight(of_spans, body, 2) == len(body)
    resource = {"a": "x" * 100}
    of_logs = records(record("a"), record("b"), resource=resource)
    body = of_logs.SerializeToString()
    [group] = of_logs.resource_logs
    around = text_bound(group.resource.SerializeToString()) + text_bound(
        group.scope_logs[0].scope.SerializeToString()
    )
    assert RULES["logs"].weight(of_logs, body, 2) == text_bound(body) + 2 * around + 2 * 300


def test_records_without_a_time_get_that_of_their_observation() -> None:
    """Each that was changed is counted; others stay as they are."""
    late, timed, without = record(at_ns=0), record(at_ns=3), record(at_ns=0)
    late.observed_time_unix_nano = timed.observed_time_unix_nano = 9
    without.observed_time_unix_nano = 0
    request = records(late, timed, without)
    assert RULES["logs"].prepare(request) == 1
    times = [each.time_unix_nano for each in request.resource_logs[0].scope_logs[0].log_records]
    assert times == [9, 3, 0]
    assert RULES["traces"].prepare(spans(span())) == 0


@pytest.mark.parametrize(("length", "changed"), [(4096, 0), (4097, 1)])
def test_descriptions_of_metrics_are_cut(length: int, changed: int) -> None:
    """They may be as long as an SDK likes."""
    request = points([point()], description="y" * length)
    assert RULES["metrics"].prepare(request) == changed
    [metric] = request.resource_metrics[0].scope_metrics[0].metrics
    assert metric.description == "y" * 4096


@pytest.mark.parametrize(
    ("number", "label", "parts"),
    [
        (1000, "", [1000]),
        (1001, "", [500, 501]),
        (2001, "", [1000, 500, 501]),
        (2, "x" * 440_000, [2]),
        (2, "x" * 460_000, [1, 1]),
        (3, "x" * 460_000, [1, 1, 1]),
        (1, "x" * 1_000_000, [1]),
        (0, "", [0]),
    ],
)
def test_a_metric_of_many_points_is_sent_in_parts(
    number: int, label: str, parts: list[int]
) -> None:
    """Halves, until each is within the points and bytes of a request; a single point stays."""
    request = points([point({"a": label}, at_ns=at) for at in range(number)], description="d")
    leaves = list(RULES["metrics"].leaves(request))
    assert [leaf.number for leaf in leaves] == parts
    times = [each.time_unix_nano for leaf in leaves for each in points_of(leaf.message)]
    assert times == list(range(number))
    assert all(leaf.message.description == "d" for leaf in leaves)


def test_items_are_counted_one_by_one() -> None:
    """Spans and records are one each, in all scopes."""
    request = spans(span(), span())
    assert RULES["traces"].count(request) == 2
    assert [leaf.number for leaf in RULES["traces"].leaves(request)] == [1, 1]


@pytest.mark.parametrize(
    ("signal", "request_", "cut"),
    [
        ("traces", spans(span(padding=10)), 0),
        ("traces", spans(span(padding=200_001)), 1),
        ("logs", records(record("x" * 10)), 0),
        ("logs", records(record("x" * 1_000_000)), 1),
        ("metrics", points([point({"a": "x" * 10})]), 0),
        ("metrics", points([point({"a": "x" * 50_000}), point()]), 1),
    ],
)
def test_items_that_are_cut(signal: Any, request_: Any, cut: int) -> None:
    """Each is counted once."""
    copy = type(request_)()
    copy.CopyFrom(request_)
    [leaf] = RULES[signal].leaves(copy)
    assert RULES[signal].cut(leaf) == cut
    assert (copy == request_) is not bool(cut)
