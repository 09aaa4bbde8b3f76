"""Whatever JSON a caller sends, or a function answers, something is said of it, within bounds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, get_args

import pytest
from hypothesis import strategies as st

from extension.telemetry.tap.age import age_ms
from extension.telemetry.tap.answer import read_answer
from extension.telemetry.tap.cause import (
    LONGEST_TEXT,
    MOST_LINKS,
    Cause,
    CauseOptions,
    cause_of,
    read_cause,
)
from extension.telemetry.tap.facts import Trigger
from extension.telemetry.tap.partial_json import Excerpt
from extension.telemetry.tap.recognition import SOURCES
from extension.telemetry.tap.reported_error import read_error, read_trailers
from tests.fuzz.budget import fuzz
from tests.unit.telemetry.tap.samples import (
    KAFKA,
    KINESIS,
    REST,
    SAMPLES,
    TRACE_ID,
    TRACEPARENT,
    notification,
    sqs_record,
)

ALL_OPTIONS = CauseOptions(
    trusts_caller=True,
    trace_fields=("trace_id", "meta.span_id"),
    adopts_single_message=True,
    with_names=False,
)

TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [TRACEPARENT, "aws:sqs", "arn:aws:sqs:a:1:b", "{", "1e999", "-1", "2.0", "\ud800"]
    ),
    st.builds(json.dumps, st.sampled_from([{"traceparent": 7}, notification(), REST, [[]]])),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
FIELDS = sorted(
    {
        "Records",
        "records",
        "events",
        "eventSource",
        "requestContext",
        "headers",
        "messageAttributes",
    }
    | {"attributes", "Sns", "s3", "kinesis", "dynamodb", "detail", "detail-type", "source", "info"}
    | {"_datadog", "traceparent", "custom", "bucket", "object", "key", "http", "version", "body"}
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=25,
)


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """Draw an event of a service in which anything may stand anywhere."""
    event = draw(st.sampled_from(list(SAMPLES.values())))
    for _ in range(draw(st.integers(1, 3))):
        event = _spoil(event, draw)
    return event


def _spoil(value: Any, draw: st.DrawFn) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: _spoil(value[key], draw)}
    if isinstance(value, list) and value and draw(st.integers(0, 5)):
        return [_spoil(value[0], draw), *value[1:]]
    return draw(JSON)


def check(cause: Cause) -> None:
    """Hold what is said of anything."""
    assert cause.source in {row.name for row in SOURCES} | {"direct", "agentcore.gateway"}
    assert cause.trigger in get_args(Trigger)
    assert len(cause.links) <= MOST_LINKS
    assert len({link.ids for link in cause.links}) == len(cause.links)
    assert all(0 < link.trace_id < 1 << 128 and 0 < link.span_id < 1 << 64 for link in cause.links)
    assert 0 <= cause.sent_ns < 1 << 63
    assert len(cause.name) <= LONGEST_TEXT
    for value in cause.attributes.values():
        texts = value if isinstance(value, list) else [value] if isinstance(value, str) else []
        assert all(0 < len(text) <= LONGEST_TEXT for text in texts)
        assert texts or type(value) in (int, bool)
        assert type(value) is not int or abs(value) < 1 << 63
    age = age_ms(cause, start_ns=1_764_230_400_000_000_000)
    assert age is None or age >= 0


def read(event: Any) -> None:
    """Read an event as JSON, whole and cut, and as an answer and a report of an error."""
    for options in (CauseOptions(), ALL_OPTIONS):
        check(cause_of(event, options=options))
    data = json.dumps(event).encode("utf-8", "replace")
    context = {"lambda-runtime-client-context": json.dumps({"custom": event})}
    half = len(data) // 2
    for excerpt in (Excerpt(data), Excerpt(data[:half], data[-half // 2 :], len(data))):
        cause = read_cause(excerpt, headers=context, options=ALL_OPTIONS)
        check(cause)
        said = [cause.name, cause.parent, cause.links, dict(cause.attributes)]
        assert json.dumps(said, ensure_ascii=False).encode()  # so no half characters
        for each in (cause, cause_of(REST), cause_of(KINESIS), cause_of(SAMPLES["firehose"])):
            assert read_answer(excerpt, cause=each, headers={}).size_bytes == excerpt.whole_size
        assert read_error(excerpt, headers=context).type
    trailers = {"lambda-runtime-function-error-body": data.decode("latin-1")}
    assert read_trailers(trailers) is not None


def test_any_json_has_some_cause() -> None:
    """Nothing raises, and nothing that is said is beyond its bounds."""
    assert fuzz(read, JSON)


def test_a_service_s_event_with_anything_in_it_has_some_cause() -> None:
    """A caller may write one by hand; a service may change it."""
    assert fuzz(read, spoilt())


def test_any_bytes_have_some_cause() -> None:
    """An event is what the caller sent; a test in the console may send anything."""

    def read_bytes(data: bytes) -> None:
        for excerpt in (Excerpt(data), Excerpt(data, data, 10**7)):
            check(read_cause(excerpt, headers={}))
            assert read_answer(excerpt, cause=cause_of(REST), headers={}).size_bytes
            assert read_error(excerpt, headers={}).type

    assert fuzz(read_bytes, st.binary(min_size=1, max_size=200))


def steps(work: Callable[[], object]) -> int:
    """Return how many functions a piece of work calls, which no other load changes."""
    number = 0

    def count(_frame: FrameType, event: str, _value: object) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return number


def records(number: int) -> dict[str, Any]:
    """Return a batch whose messages each have a layer, and ids in it."""
    body = notification({"trace_id": TRACE_ID, "meta": {"span_id": "00f067aa0ba902b7"}})
    return {"Records": [sqs_record(body, attributes={})] * number}


def test_a_large_batch_costs_little_more_than_a_small_one() -> None:
    """Bodies are opened up to a number of messages; of the others only the queue is looked at."""
    one, few, many = (
        steps(partial(cause_of, records(number), options=ALL_OPTIONS)) for number in (1, 1000, 9000)
    )
    assert many - few < 8000 * one / 5


@pytest.mark.parametrize(
    "event",
    [
        {"headers": {f"h{number}": "x" for number in range(20_000)}, "httpMethod": "GET"},
        {**REST, "headers": {f"h{number}": "x" for number in range(20_000)}},
        {**KAFKA, "records": {f"t-{number}": [] for number in range(20_000)}},
        {**KAFKA, "records": {"t-0": [{"headers": [{"a": [1]}] * 20_000}]}},
        {"traceparent": "-" * 1_000_000},
        {"Records": [{"eventSource": "aws:sqs", "body": '{"Type": "Notification"' * 20_000}]},
        {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": "e30=" * 100_000}}]},
    ],
    ids=["headers", "REST", "topics", "Kafka's headers", "a text", "a body", "data"],
)
def test_an_event_that_is_made_to_be_slow_is_not(event: Any) -> None:
    """Work is bounded by the size of the event, however it is made up."""
    assert steps(lambda: cause_of(event, options=ALL_OPTIONS)) < 200_000


@pytest.mark.parametrize(
    "head",
    [
        b"[" * 65_536,
        b"[1," * 21_000,
        b'{"a":' * 13_000,
        b",]}" * 21_000,
        b'"\\' * 32_768,
        b'{"a":1,' * 9000,
    ],
)
def test_a_head_that_is_made_to_be_slow_is_not(head: bytes) -> None:
    """What is looked at in it is bounded, too."""
    assert steps(lambda: read_cause(Excerpt(head, head[-4096:], 10**7), headers={})) < 200_000
