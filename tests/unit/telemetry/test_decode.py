"""Decoding the Telemetry API: everything that arrives is read, kept or counted; nothing raises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extension.telemetry.reading.decode import LAYOUTS, MOST_EVENTS, MOST_UNREADABLE, parse
from extension.telemetry.reading.events import (
    Event,
    ExtensionState,
    InitStart,
    LogLine,
    LogsDropped,
    PhaseSpan,
    Report,
    RestoreStart,
    RuntimeDone,
    Start,
    TelemetrySubscription,
    Tracing,
    Unknown,
)
from extension.telemetry.reading.field_readers import json_name
from extension.telemetry.reading.times import parse_time
from tests import platform_events as given

SAMPLES = Path(__file__).parents[4] / "shared" / "events"


def only(event: given.JsonEvent) -> Event:
    """Return the value that one event decodes to."""
    batch = parse(given.delivery(event))
    assert batch.bad == 0
    return batch.events[0]


def test_init_start() -> None:
    """InitStart tells how the sandbox begins, and its log stream as the instance."""
    assert only(given.init(0, 1)[0]) == InitStart(
        time_ns=given.ns(0),
        initialization_type="on-demand",
        phase="init",
        function_name="shop",
        instance_id="2026/01/01/[$LATEST]a",
    )


def test_start_with_tracing() -> None:
    """Start carries X-Ray's header and the span id that Lambda reserved."""
    assert only(given.start("r", 1)) == Start(
        time_ns=given.ns(1),
        request_id="r",
        version="$LATEST",
        tracing=Tracing(header=given.HEADER, span_id=given.RESERVED),
    )


def test_runtime_done_with_metrics_and_spans() -> None:
    """RuntimeDone's metrics and spans keep their units."""
    spans = [{"name": "responseLatency", "start": given.iso(1), "durationMs": 12.5}]
    metrics = {"durationMs": 17.12, "producedBytes": 50}
    assert only(given.done("r", 2, spans=spans, metrics=metrics)) == RuntimeDone(
        time_ns=given.ns(2),
        request_id="r",
        status="success",
        duration_ms=17.12,
        produced_bytes=50,
        spans=(PhaseSpan(name="responseLatency", start_ns=given.ns(1), duration_ms=12.5),),
    )


def test_report_with_every_metric() -> None:
    """Report's metrics are found under the names that the platform gives them."""
    metrics: dict[str, Any] = {
        "durationMs": 1.5,
        "billedDurationMs": 2,
        "memorySizeMB": 128,
        "maxMemoryUsedMB": 75,
        "initDurationMs": 235.086,
        "restoreDurationMs": 9.5,
        "billedRestoreDurationMs": 10,
    }
    assert only(given.report("r", 3, **metrics)) == Report(
        time_ns=given.ns(3),
        request_id="r",
        status="success",
        duration_ms=1.5,
        billed_duration_ms=2,
        memory_size_mb=128,
        max_memory_used_mb=75,
        init_duration_ms=235.086,
        restore_duration_ms=9.5,
        billed_restore_duration_ms=10,
    )


@pytest.mark.parametrize("record", ["plain text\n", {"level": "INFO", "message": "hello"}])
def test_log_lines_are_texts_or_objects(record: Any) -> None:
    """A function's line stays what it is, a text or a JSON object."""
    assert only(given.line(record, 1)) == LogLine(
        time_ns=given.ns(1), stream="function", record=record
    )


def test_log_line_of_another_kind_is_kept_as_json() -> None:
    """A line that is a JSON list or number is kept as its JSON text."""
    line = only(given.line([1, 2], 1))
    assert isinstance(line, LogLine)
    assert line.record == "[1, 2]"


def test_unknown_type_is_kept() -> None:
    """A type of tomorrow is kept with its record."""
    assert only(given.platform("wonder", 1, x=1)) == Unknown(
        time_ns=given.ns(1), type="platform.wonder", record={"x": 1}
    )


def test_unknown_fields_are_ignored() -> None:
    """A field that no schema names changes nothing."""
    event = given.start("r", 1)
    event["record"]["surprise"] = {"a": 1}
    event["extra"] = 2
    assert only(event) == only(given.start("r", 1))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", 5),
        ("metrics", "fast"),
        ("metrics", [17]),
        ("metrics", {"durationMs": "fast"}),
        ("metrics", {"durationMs": True}),
        ("metrics", {"durationMs": 1e300}),
        ("metrics", {"durationMs": 2**53}),
        ("metrics", None),
        ("spans", "none"),
        ("spans", [{"name": "x", "start": "noon", "durationMs": 80.0}]),
        ("spans", [{"name": "x", "start": given.iso(0), "durationMs": -1}]),
        ("spans", [{"name": "x", "start": given.iso(0), "durationMs": True}]),
        ("tracing", "Root=1"),
        ("tracing", {"value": 5}),
    ],
)
def test_optional_field_of_a_wrong_type_counts_as_absent(field: str, value: Any) -> None:
    """A field that cannot be read costs itself, not its event."""
    event = given.done("r", 1)
    event["record"][field] = value
    read = only(event)
    assert isinstance(read, RuntimeDone)
    assert (read.request_id, read.duration_ms, read.spans, read.tracing) == ("r", None, (), None)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_field_that_is_not_sent_is_what_reading_one_of_a_wrong_type_gives(kind: str) -> None:
    """Only fields that an event has are read; the defaults of its value stand for the others."""
    shape, layout = LAYOUTS[kind]
    optional = [each for each in layout if each[0] != "request_id"]
    defaults = {name: getattr(shape, name) for name, _, _ in optional}
    assert defaults == {name: read({}, key) for name, key, read in optional}


@pytest.mark.parametrize(
    "bad",
    [
        5,
        None,
        "text",
        {},
        {"type": "platform.start"},
        {"type": "platform.start", "time": "yesterday", "record": {"requestId": "r"}},
        {"type": "platform.start", "time": 5, "record": {"requestId": "r"}},
        {"type": "platform.start", "time": given.iso(1), "record": "text"},
        {"type": "platform.start", "time": given.iso(1), "record": {}},
        {"type": "platform.start", "time": given.iso(1), "record": {"requestId": ""}},
        {"type": "platform.start", "time": given.iso(1), "record": {"requestId": 5}},
        {"type": ["platform.start"], "time": given.iso(1), "record": {}},
    ],
)
def test_one_bad_record_never_costs_the_others(bad: Any) -> None:
    """What cannot be read is counted; its neighbours are read."""
    batch = parse(json.dumps([given.start("a", 1), bad, given.start("b", 2)]).encode())
    assert [event.request_id for event in batch.events if isinstance(event, Start)] == ["a", "b"]
    assert batch.bad == 1


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_is_one_bad_record(body: bytes) -> None:
    """A broken delivery is counted once."""
    assert parse(body).events == ()
    assert parse(body).bad == 1


@pytest.mark.parametrize(
    "record",
    [
        '{"n": ' + "9" * 5000 + "}",
        "[" * 50_000 + "]" * 50_000,
        '{"half": "\\ud800", "deep": ' + "[" * 50_000 + "]" * 50_000 + "}",
        '"quotes \\" and [brackets] {in, a} string"',
    ],
)
def test_whatever_a_line_holds_its_neighbours_are_read(record: str) -> None:
    """The platform puts a JSON line into the delivery as it stands; it may be unreadable."""
    line = f'{{"type": "function", "time": "{given.iso(1)}", "record": {record}}}'
    start = json.dumps(given.start("r", 1))
    batch = parse(f"[{start}, {line}, {start}]".encode())
    assert [event for event in batch.events if isinstance(event, Start)] == [only(
        given.start("r", 1)
    )] * 2  # fmt: skip
    assert len(batch.events) + batch.bad == 3


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_times_that_no_encoder_can_send_are_none(time: str) -> None:
    """.NET writes the year 1 where it has no time."""
    with pytest.raises(ValueError, match="1970"):
        parse_time(time)


@pytest.mark.parametrize("half", [b"\\ud800", b"\xed\xa0\x80"])
def test_lone_surrogates_do_not_survive(half: bytes) -> None:
    """A half character, which no encoder could send, is replaced."""
    line_of = b'[{"time":"2026-01-01T12:00:00Z","type":"function","record":"a%bb"}]'
    batch = parse(line_of % half)
    line = batch.events[0]
    assert isinstance(line, LogLine)
    assert line.record == "a?b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01T00:00:00.000001Z", 1_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:01", 1_000_000_000),
    ],
)
def test_times_are_epoch_nanoseconds(text: str, expected: int) -> None:
    """Times of any precision and offset become nanoseconds in UTC, without rounding errors."""
    assert parse_time(text) == expected


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no recorded events beside this checkout")
def test_every_recorded_event_decodes() -> None:
    """Events recorded from real sandboxes, and those of AWS's documentation, are all read."""
    files = sorted(SAMPLES.glob("*.ndjson"))
    lines = [line for file in files for line in file.read_bytes().splitlines() if line]
    assert len(lines) > 50
    for line in lines:
        batch = parse(b"[" + line + b"]")
        assert (batch.bad, len(batch.events)) == (0, 1), line
        kind = json.loads(line)["type"]
        old = kind in {"platform.end", "platform.fault", "platform.logsSubscription"}
        assert isinstance(batch.events[0], Unknown) == old, line


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("status", "status"), ("request_id", "requestId"), ("memory_size_mb", "memorySizeMB"),
        ("billed_restore_duration_ms", "billedRestoreDurationMs"),
    ],
)  # fmt: skip
def test_the_name_of_a_field_says_where_it_stands(name: str, expected: str) -> None:
    """In the words of the platform's JSON."""
    assert json_name(name) == expected


@pytest.mark.parametrize(
    ("told", "count"),
    [(12, 12), ("12", 12), (0, 0), (None, 0), ("many", 0), ("٣", 0), ("9" * 16, 0)],
)
def test_counts_are_numbers_or_texts(told: object, count: int) -> None:
    """The documentation calls some of them strings; what is no count is none."""
    event = given.platform("logsDropped", 1, reason="slow", droppedRecords=told, droppedBytes=5)
    assert only(event) == LogsDropped(
        time_ns=given.ns(1), reason="slow", dropped_records=count, dropped_bytes=5
    )


@pytest.mark.parametrize("time", ["2026-01-01T12:00:01Z", "2026-01-01T12:00:01.000000Z"])
def test_a_line_with_a_time_in_another_form_is_read(time: str) -> None:
    """As are those around it."""
    odd = {**given.line("odd", 1), "time": time}
    batch = parse(given.delivery(given.line("a", 1), odd, given.line("b", 1)))
    assert batch.events == tuple(
        LogLine(given.ns(1), "function", text) for text in ("a", "odd", "b")
    )


def test_so_many_events_of_a_broken_delivery_are_read() -> None:
    """All that is left counts as one."""
    line = json.dumps(given.line("x", 1))
    body = f"[{','.join([line] * (MOST_EVENTS + 5))},nope]".encode()
    batch = parse(body)
    assert (len(batch.events), batch.bad) == (MOST_EVENTS, 1)


def test_so_many_elements_that_cannot_be_read_are_looked_at() -> None:
    """All that is left counts as one, for each costs an exception."""
    line = json.dumps(given.line("x", 1))
    for number, bad, events in (
        (MOST_UNREADABLE - 1, MOST_UNREADABLE - 1, 1),
        (MOST_UNREADABLE, MOST_UNREADABLE + 1, 0),
        (MOST_UNREADABLE + 5, MOST_UNREADABLE + 1, 0),
    ):
        batch = parse(f"[{'nope,' * number}{line}]".encode())
        assert (batch.bad, len(batch.events)) == (bad, events)


def test_only_the_end_of_a_delivery_may_be_a_first_part() -> None:
    """What cannot be read and stands before another element goes on nowhere."""
    broken, line = '["record":{x}]', json.dumps(given.line("x", 1))
    middle, end = (parse(f"[{each}]".encode()) for each in (f"{broken},{line}", f"{line},{broken}"))
    assert (middle.bad, middle.first_part, len(middle.events)) == (1, b"", 1)
    assert (end.bad, end.first_part, len(end.events)) == (1, b"", 1)
    cut = f'[{line},{{"record":"x}}]'.encode()
    assert (parse(cut).bad, parse(cut).first_part) == (0, b'{"record":"x}]')
    unclosed = cut.removesuffix(b"}]")
    assert (parse(unclosed).bad, parse(unclosed).first_part) == (1, b"")


@pytest.mark.parametrize(
    ("told", "read"), [({}, ()), (["INVOKE", 7], ("INVOKE", "7")), ("INVOKE", ()), (None, ())]
)
def test_what_an_extension_is_registered_for_and_subscribed_to(
    told: object, read: tuple[str, ...]
) -> None:
    """Types are a list of texts; anything else counts as no types."""
    state = only(given.platform("extension", 1, name="x", state="Ready", events=told))
    assert state == ExtensionState(time_ns=given.ns(1), name="x", state="Ready", events=read)
    subscribed = only(given.platform("telemetrySubscription", 1, name="x", types=told))
    assert subscribed == TelemetrySubscription(time_ns=given.ns(1), name="x", types=read)


def test_parts_of_a_phase_may_take_no_time() -> None:
    """A duration of zero is one."""
    told = {"name": "responseDuration", "start": given.iso(1), "durationMs": 0}
    read = only(given.done("r", 2, spans=[told]))
    assert isinstance(read, RuntimeDone)
    assert read.spans == (PhaseSpan(name="responseDuration", start_ns=given.ns(1), duration_ms=0),)


def test_what_a_start_does_not_tell_is_empty() -> None:
    """Of a restore as of an initialization."""
    for kind, shape in (("restoreStart", RestoreStart), ("initStart", InitStart)):
        read = only(given.platform(kind, 1))
        assert isinstance(read, shape)
        assert (read.function_name, read.instance_id, read.instance_max_memory) == ("", "", 0)
