"""Log records written by hand are those of the official encoder, field by field."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from extension.telemetry.assembly.finished import Finished, LooseRecords
from extension.telemetry.otlp.limits import Limits
from extension.telemetry.reading.error_objects import HandlerError
from extension.telemetry.reading.line_parts import LineTrace
from extension.telemetry.reading.records import Record
from extension.telemetry.reading.xray import TraceContext
from tests.log_records import leaving, leaving_event, official, official_event

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
LONG_TEXTS = st.integers(0, 70_000).map(lambda length: "ä" * length)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TIMES = st.integers(0, 2**63 - 1)
RECORDS = st.builds(
    Record,
    time_ns=TIMES,
    observed_ns=TIMES,
    stream=st.sampled_from(["function", "function", "extension"]),
    body=TEXTS | LONG_TEXTS,
    severity=st.integers(0, 24),
    severity_text=st.sampled_from(["", "INFO", "warn", "ä"]),
    attributes=st.dictionaries(
        TEXTS | st.sampled_from(["faas.invocation_id", "trace_id"]), VALUES, max_size=5
    ),
    error=st.none() | st.builds(HandlerError, type=TEXTS, message=TEXTS, stack=TEXTS),
    trace=st.none()
    | st.builds(
        LineTrace,
        st.integers(1, 2**128 - 1),
        st.integers(1, 2**64 - 1),
        sampled=st.booleans(),
        keys=st.just(("trace_id",)),
    ),
)
CONTEXTS = st.builds(
    TraceContext, trace_id=st.integers(1, 2**128 - 1), span_id=st.integers(1, 2**64 - 1)
)
FINISHED = st.builds(
    LooseRecords,
    records=st.lists(RECORDS, max_size=3).map(tuple),
    request_id=st.sampled_from(["", "4badc0de-0000-4000-8000-000000000001"]),
    context=st.none() | CONTEXTS,
)
LIMITS = st.sampled_from([(4095, 128), (64, 2), (1, 1)])


def one(**fields: Any) -> Finished:
    """Return a line of an invocation."""
    record = Record(time_ns=1, observed_ns=2, stream="function", **fields)
    return LooseRecords(records=(record,), request_id="r")


@given(FINISHED, LIMITS)
@example(
    one(body="x", attributes={"": 1, "a": None, "b": -0.0, "c": {"": 1, "d": [None, {}]}}), (9, 9)
)
@example(one(body="x" * 127), (9, 9))
@example(one(body="x" * 128), (9, 9))
@example(one(body="x" * 16_384), (9, 9))
@example(one(body="", attributes={"faas.invocation_id": "another"}), (9, 9))
def test_what_is_written_by_hand_is_what_the_official_encoder_writes(
    finished: Finished, most: tuple[int, int]
) -> None:
    """Whatever a line is: its times, level, text, attributes, ids, and limits."""
    length, count = most
    limits = Limits(length=length, count=count)
    assert leaving(finished, limits=limits) == official(finished, limits=limits)


@given(RECORDS, LIMITS)
def test_events_written_by_hand_are_those_of_the_official_encoder(
    record: Record, most: tuple[int, int]
) -> None:
    """What is nested in an attribute is its JSON text there."""
    length, count = most
    limits = Limits(length=length, count=count)
    assert leaving_event(record, limits=limits) == official_event(record, limits=limits)
