"""Log records written by hand are those of the official encoder, field by field."""

from __future__ import annotations

from collections import Counter
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
ERROR = HandlerError(type="E", message="m", stack="s")
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


SCALARS: list[st.SearchStrategy[Any]] = [
    TEXTS, st.integers(0, 2**64), st.integers(-5, 2**20), st.booleans(), st.none(),
    st.floats(allow_nan=False), st.lists(st.integers(0, 200), max_size=3),
    st.lists(TEXTS, max_size=3), st.fixed_dictionaries({"b": TEXTS, "": TEXTS, "c": st.integers()}),
]  # fmt: skip
NAMES = st.sampled_from(["a", "b", "", "faas.invocation_id", "log.message", "log.severity", "ä"])
SHAPES = st.dictionaries(NAMES, st.sampled_from([*SCALARS, VALUES]), max_size=5)
ALIKE = SHAPES.flatmap(lambda shape: st.lists(st.fixed_dictionaries(shape), max_size=4))
"""The fields of lines of one logger: nearly always of one type under each name."""
MIXED = st.lists(ALIKE, max_size=3).map(lambda all_of: [each for alike in all_of for each in alike])


def line(fields: dict[str, Any], **more: Any) -> Record:
    """Return a line with these fields."""
    return Record(time_ns=1, observed_ns=2, stream="function", body="x", attributes=fields, **more)


def nest(levels: int) -> Any:
    """Return an object in an object, and so on."""
    return {"n": nest(levels - 1), "": 1} if levels else None


FIELDS = MIXED.flatmap(st.permutations)


@given(FIELDS, LIMITS, st.sampled_from(["", "r"]), st.sampled_from(["", "INFO"]))
@example([{"a": 1, "b": "x"}, {"b": "x", "a": 1}], (9, 9), "r", "")
@example([{"a": 1}, {"a": True}, {"a": 1.0}, {"a": "1"}, {"a": None}], (9, 9), "r", "INFO")
@example([{"a": 1, "b": 1}, {"a": None, "b": 1}, {"a": "x", "b": 1}], (9, 2), "r", "INFO")
@example([{"a": None}, {"a": None}], (9, 9), "r", "")
@example([{"a": [[1, [2]], [], ["x"]]}, {"a": [{}, {"b": [None]}]}], (9, 9), "", "")
@example([{"a": nest(levels)} for levels in (1, 2, 3, 4, 20)], (9, 9), "", "")
@example([{"a": "x" * 10}, {"a": "ä" * 9}, {"a": ["y" * 300]}], (9, 9), "", "")
@example([{"a": 2**63 - 1}, {"a": 2**63}, {"a": -(2**63)}], (9, 9), "", "")
@example([{"a": 127}, {"a": 128}, {"a": 2**14}, {"a": 2**21}, {"a": 0}], (9, 9), "", "")
def test_fields_of_many_lines_are_those_of_each(
    fields: list[dict[str, Any]], most: tuple[int, int], request_id: str, level: str
) -> None:
    """In whatever order their names stand, of whatever types, within limits; as events, too."""
    length, count = most
    limits = Limits(length=length, count=count)
    lines = [line(each, severity_text=level) for each in fields]
    together = LooseRecords(records=lines, request_id=request_id)
    alone = [LooseRecords(records=(each,), request_id=request_id) for each in lines]
    official_ones = [record for each in alone for record in official(each, limits=limits)]
    assert leaving(together, limits=limits) == official_ones
    assert [leaving_event(*lines, limits=limits)] == [official_event(*lines, limits=limits)]


@given(FIELDS, LIMITS)
@example([{"a": "x" * 70, "b": ["y" * 70]}, {"a": "x" * 70, "b": []}], (64, 128))
def test_what_limits_cost_is_counted_once(
    fields: list[dict[str, Any]], most: tuple[int, int]
) -> None:
    """Of lines that leave together as of each alone, and of one with an exception."""
    length, count = most
    ours, alone = Counter[str](), Counter[str]()
    lines = [line(each) for each in fields] + [line(each, error=ERROR) for each in fields]
    leaving(LooseRecords(records=lines), limits=Limits(length=length, count=count, cut=ours))
    for each in lines:
        official(
            LooseRecords(records=(each,)), limits=Limits(length=length, count=count, cut=alone)
        )
    assert +ours == +alone
