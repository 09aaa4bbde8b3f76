"""What becomes of a request that was accepted: read, cleaned, counted, handed on."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from extension.redaction.redactor import Redacted, Redactor
from extension.telemetry.export.buffer import REQUEST_BYTES, Signal
from extension.telemetry.export.envelopes import MOST_TOGETHER
from extension.telemetry.health import Health
from extension.telemetry.receiver.cleaning import (
    MAX_ITEM_BYTES,
    MAX_VALUES,
    SMALL_BYTES,
    Cleaner,
    TooLargeError,
)
from extension.telemetry.receiver.content import Encoding, Posted
from extension.telemetry.receiver.counts import ReceiverCounts
from extension.telemetry.receiver.messages import TextField
from extension.telemetry.receiver.posted_reader import (
    LEAST_WORK_BYTES,
    MAX_WHOLE_BYTES,
    MAX_WHOLE_ITEMS,
    MOST_ITEMS,
    MOST_NOTHINGS,
    REMEMBERED,
    STEP_NOTHINGS,
    Outgoing,
    PostedReader,
)
from extension.telemetry.receiver.text_walks import TextWalks
from tests.posted_requests import SPAN_ID, TRACE_ID, as_json, parse, points, records, spans

SECRET = "tr0ub4dor&3-correct-horse"
NAME = "shop/key"
HIDDEN = f"[REDACTED:{NAME}]"
BINARY = bytes(range(128, 160))


class Scene:
    """A reader, and what it handed on."""

    def __init__(self, redactor: Redactor | None = None, *, signals: str = "traces logs metrics"):
        self.redactor = redactor or Redactor()
        self.health = Health()
        self.counts = ReceiverCounts()
        self.taken: list[tuple[Signal, bytes, int]] = []
        self.reader = PostedReader(
            take=lambda *taken, **_: self.taken.append(taken),
            signals=signals.split(),
            redaction=self.redactor,
            counts=self.counts,
            health=self.health,
        )

    def read(self, signal: Signal, request: Any, encoding: Encoding = "protobuf") -> Any:
        """Read a request and return what was handed on, None if nothing."""
        before = len(self.taken)
        body = request if isinstance(request, bytes) else request.SerializeToString()
        for _ in self.reader.read(Posted(signal=signal, encoding=encoding, body=body)):
            pass
        return parse(signal, self.taken[-1][1]) if len(self.taken) > before else None


def with_secret(*values: str | bytes) -> Redactor:
    """Return a redactor that knows the secret."""
    redactor = Redactor()
    for value in values or (SECRET,):
        redactor.learn(NAME, value)
    return redactor


@pytest.mark.parametrize(
    ("signal", "request_", "number"),
    [("traces", spans("a", "b"), 2), ("logs", records("a"), 1), ("metrics", points("a", "b"), 2)],
)
def test_without_a_secret_the_bytes_are_the_same(
    signal: Signal, request_: Any, number: int
) -> None:
    """What is not known to us stays, too; the items are counted by signal."""
    scene = Scene(with_secret())
    body = request_.SerializeToString() + b"\xfa\x01\x03new"
    scene.read(signal, body)
    assert scene.taken == [(signal, body, number)]
    assert scene.counts.items == {signal: number}
    assert not scene.counts.redacted


def test_json_becomes_protobuf() -> None:
    """For every endpoint."""
    scene = Scene()
    request = spans("a", "b", key="v")
    assert scene.read("traces", as_json(request), "json") == request
    assert scene.taken[0][2] == 2


def a_name(request: Any) -> None:
    """A span's name."""
    request.resource_spans[0].scope_spans[0].spans[0].name = f"GET {SECRET}"


def a_key(request: Any) -> None:
    """An attribute's key."""
    request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key=f"x.{SECRET}")


def an_event(request: Any) -> None:
    """An event's name and attribute."""
    event = request.resource_spans[0].scope_spans[0].spans[0].events.add(name=SECRET)
    event.attributes.add(key="exception.stacktrace").value.string_value = f"at\n{SECRET}\n"


def a_link(request: Any) -> None:
    """A link's attribute and its trace state."""
    link = request.resource_spans[0].scope_spans[0].spans[0].links.add(trace_state=f"a={SECRET}")
    link.attributes.add(key="k").value.string_value = SECRET


def a_status(request: Any) -> None:
    """The message of a status."""
    request.resource_spans[0].scope_spans[0].spans[0].status.message = f"failed: {SECRET}"


def nested(request: Any) -> None:
    """Lists and maps in lists and maps."""
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="k").value
    inner = value.array_value.values.add().kvlist_value.values.add(key=f"k {SECRET}").value
    inner.array_value.values.add().string_value = SECRET


def a_resource(request: Any) -> None:
    """An attribute of the resource."""
    request.resource_spans[0].resource.attributes.add(key="k").value.string_value = SECRET


def an_entity(request: Any) -> None:
    """A key by which the resource is known."""
    request.resource_spans[0].resource.entity_refs.add(id_keys=["a", SECRET])


def a_scope(request: Any) -> None:
    """Name, version and attribute of a scope, and the URL of its schema."""
    inside = request.resource_spans[0].scope_spans[0]
    inside.scope.name = inside.scope.version = inside.schema_url = SECRET
    inside.scope.attributes.add(key="k").value.string_value = SECRET


def in_bytes(request: Any) -> None:
    """In a value of bytes."""
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="k").value
    value.bytes_value = f"k={SECRET}".encode()


def in_numbers(request: Any) -> None:
    """In a list of the numbers of its bytes."""
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="k").value
    value.array_value.values.extend(AnyValue(int_value=each) for each in SECRET.encode())


PLACES = [
    a_name, a_key, an_event, a_link, a_status, nested, a_resource, an_entity, a_scope, in_bytes,
    in_numbers,
]  # fmt: skip


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize("put", PLACES, ids=lambda put: put.__name__)
def test_a_secret_is_taken_out_wherever_it_stands(
    put: Callable[[Any], None], encoding: Encoding
) -> None:
    """In both encodings; it is counted, and everything around it stays."""
    request = spans("a", "b", key="v")
    put(request)
    scene = Scene(with_secret())
    body = as_json(request) if encoding == "json" else request
    left = scene.read("traces", body, encoding)
    text = str(left)
    assert "tr0ub4dor" not in text
    assert HIDDEN in text
    assert [span.name for span in left.resource_spans[0].scope_spans[0].spans][1] == "b"
    assert scene.counts.redacted == {"traces": 1}
    assert scene.health.leaks == 1


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize(
    "spelled",
    [
        "https://h/?q=tr0ub4dor%263-correct-horse",
        '{"k": "tr0ub4dor\\u00263-correct-horse"}',
        SECRET.encode().hex(),
        base64.b64encode(f"user:{SECRET}".encode()).decode(),
        base64.b64encode(f'{{"k": "{SECRET}"}}'.encode()).decode(),
    ],
)
def test_an_encoded_secret(spelled: str, encoding: Encoding) -> None:
    """In a URL, in JSON, in hexadecimal, in base64: whatever is undone in lines is undone here."""
    request = spans("a", k=spelled)
    scene = Scene(with_secret())
    body = as_json(request) if encoding == "json" else request
    (span,) = scene.read("traces", body, encoding).resource_spans[0].scope_spans[0].spans
    assert HIDDEN in span.attributes[0].value.string_value
    assert scene.counts.redacted == {"traces": 1}


def test_a_binary_secret_in_bytes() -> None:
    """In a value of bytes, and as base64 in a text."""
    request = spans("a")
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    attributes.add(key="raw").value.bytes_value = b"\x01\x02" + BINARY
    attributes.add(key="text").value.string_value = base64.b64encode(BINARY).decode()
    scene = Scene(with_secret(BINARY))
    left = scene.read("traces", request).SerializeToString()
    assert BINARY not in left
    assert base64.b64encode(BINARY) not in left
    assert left.count(HIDDEN.encode()) == 2


def test_numbers_that_are_no_secret_stay() -> None:
    """Beside a secret, whether they are few or many, or not all of them numbers."""
    request = spans("a", k=SECRET)
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    few, many = ([AnyValue(int_value=each) for each in range(size)] for size in (7, 8))
    for values in (few, many, [*few, AnyValue(string_value="x")]):
        attributes.add(key="n").value.array_value.values.extend(values)
    (span,) = Scene(with_secret()).read("traces", request).resource_spans[0].scope_spans[0].spans
    assert list(span.attributes)[1:] == list(attributes)[1:]


@pytest.mark.parametrize(
    ("signal", "request_"),
    [("logs", records(f"token {SECRET}", "b")), ("metrics", points(SECRET, "b"))],
)
def test_other_signals(signal: Signal, request_: Any) -> None:
    """Bodies of log records, names of metrics."""
    scene = Scene(with_secret())
    left = scene.read(signal, request_)
    assert HIDDEN in str(left)
    assert SECRET not in str(left)


def test_a_field_that_is_not_known_leaves_only_without_a_secret() -> None:
    """What cannot be looked through is thrown away where a secret is still found."""
    request = spans("a")
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.MergeFromString(b"\xfa\x01" + bytes([len(SECRET)]) + SECRET.encode())
    scene = Scene(with_secret())
    left = scene.read("traces", request).SerializeToString()
    assert SECRET.encode() not in left
    assert parse("traces", left).resource_spans[0].scope_spans[0].spans[0].name == "a"


def test_a_pattern_hides_more_than_is_known() -> None:
    """DISPATCH_REDACT_EXTRA is applied to each text by itself."""
    scene = Scene(Redactor(extra="^card-[0-9]+$"))
    left = scene.read("traces", spans("card-123", "my card-123"))
    names = [span.name for span in left.resource_spans[0].scope_spans[0].spans]
    assert names == ["[REDACTED]", "my card-123"]


def test_what_is_not_exported_is_not_read() -> None:
    """It is counted; whether it could be read is not known."""
    scene = Scene(signals="traces")
    assert scene.read("logs", b"\x0a\x05abc") is None
    assert scene.counts.not_forwarded == {"logs": 1}
    assert not scene.health.dropped


def test_an_item_that_endpoints_refuse_is_left_out_alone() -> None:
    """A text that is no UTF-8, an id of the wrong length: the others leave."""
    request = spans("good", "bad-id", "bad-text", "fine")
    inner = request.resource_spans[0].scope_spans[0].spans
    inner[1].trace_id = TRACE_ID[:5]
    body = request.SerializeToString().replace(b"bad-text", b"bad-\xfftxt")
    scene = Scene()
    left = scene.read("traces", body)
    names = [s.name for of in left.resource_spans for i in of.scope_spans for s in i.spans]
    assert names == ["good", "fine"]
    assert scene.taken[0][2] == 2
    assert scene.health.dropped == {"bad_item": 2}


def test_small_items_leave_without_the_one_that_is_refused() -> None:
    """Each is looked at alone, although they are smaller together than what is around them."""
    request = spans("", "", "")
    inner = request.resource_spans[0].scope_spans[0].spans
    for each in inner:
        each.Clear()
    inner[1].span_id = b"1"
    scene = Scene()
    scene.read("traces", request)
    assert [taken[2] for taken in scene.taken] == [2]
    assert scene.health.dropped == {"bad_item": 1}


def test_bytes_that_a_later_protocol_adds_are_searched() -> None:
    """Ids are none of them, and values of attributes are read by their kind."""
    walks = TextWalks(with_secret())
    value = AnyValue(bytes_value=SECRET.encode())
    walks._step(TextField("bytes_value", "bytes", ""), {})(value)
    assert value.bytes_value == HIDDEN.encode()


def test_a_bad_id_in_a_link_or_record() -> None:
    """Of spans, links and log records; none at all is fine."""
    request = spans("a", "b")
    request.resource_spans[0].scope_spans[0].spans[0].links.add(trace_id=TRACE_ID, span_id=b"1")
    scene = Scene()
    scene.read("traces", request)
    record = records("a", "b")
    record.resource_logs[0].scope_logs[0].log_records[0].span_id = SPAN_ID * 2
    record.resource_logs[0].scope_logs[0].log_records[1].ClearField("span_id")
    scene.read("logs", record)
    assert [taken[2] for taken in scene.taken] == [1, 1]
    assert scene.health.dropped == {"bad_item": 2}


@pytest.mark.parametrize("padding", [0, 100_000])
@pytest.mark.parametrize(
    "bad", [base64.b64encode(TRACE_ID).decode(), "xyz", TRACE_ID.hex()[:-1], "ff"]
)
def test_an_id_in_json_that_is_none_costs_its_own_span(bad: str, padding: int) -> None:
    """It is base64, or too short, or no number at all; also in a request that is read in steps."""
    written = [
        {"name": name, "traceId": of, "spanId": SPAN_ID.hex()}
        for name, of in (("good", TRACE_ID.hex()), ("bad", bad), ("x" * padding, TRACE_ID.hex()))
    ]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": written}]}]}).encode()
    scene = Scene()
    left = scene.read("traces", body, "json")
    names = [s.name for of in left.resource_spans for i in of.scope_spans for s in i.spans]
    assert names == ["good", "x" * padding]
    assert (scene.taken[0][2], scene.health.dropped) == (2, {"bad_item": 1})


@pytest.mark.parametrize(
    ("body", "encoding"), [(b"\x0a\x04\x12\x08ab", "protobuf"), (b'{"resourceSpans":5}', "json")]
)
def test_a_request_that_cannot_be_read_is_counted(body: bytes, encoding: Encoding) -> None:
    """It was accepted by its first bytes; nothing is handed on."""
    scene = Scene()
    assert scene.read("traces", body, encoding) is None
    assert scene.health.dropped == {"bad_request": 1}


class Broken(Redactor):
    """Fails with one text."""

    def redact(self, text: str) -> Redacted:
        """Raise, or do nothing."""
        if text == "% breaks":
            raise IndexError
        return Redacted(text)


def test_a_fault_of_ours_costs_one_item() -> None:
    """What could not be searched does not leave."""
    broken = Broken()
    broken.learn(NAME, SECRET)
    scene = Scene(broken)
    left = scene.read("traces", spans("a", "% breaks", "c"))
    names = [s.name for of in left.resource_spans for i in of.scope_spans for s in i.spans]
    assert names == ["a", "c"]
    assert scene.health.dropped == {"fault": 1}
    assert scene.health.faults == {"IndexError": 1}


def test_a_large_request_is_read_in_steps() -> None:
    """Between two of them the event loop has others to look after; it is handed on as one."""
    scene = Scene(with_secret())
    request = spans(*(f"span {number}" for number in range(500)), key="v" * 200)
    body = request.SerializeToString()
    steps = list(scene.reader.read(Posted(signal="traces", encoding="protobuf", body=body)))
    assert len(steps) > len(body) // REQUEST_BYTES
    assert len(scene.taken) == 1
    assert scene.taken[0][2] == 500


def test_an_empty_request_is_nothing() -> None:
    """Not even an item."""
    scene = Scene()
    assert scene.read("traces", spans()) is None
    assert scene.read("traces", b"{}", "json") is None
    assert not scene.health.dropped


def test_a_request_that_is_repeated_leaves_once() -> None:
    """An SDK that got no answer in time sends the same bytes again; log records have no ids."""
    scene = Scene()
    for _ in range(3):
        scene.read("logs", records("a"))
    scene.read("logs", records("b"))
    scene.read("logs", records("a"))
    assert [number for _, _, number in scene.taken] == [1, 1]
    assert scene.counts.refused == {"repeated": 3}


def test_the_same_bytes_of_another_signal_are_another_request() -> None:
    """An empty resource is the same in all of them."""
    scene = Scene()
    scene.read("traces", b"\x0a\x02\x12\x00")
    scene.read("logs", b"\x0a\x02\x12\x00")
    assert not scene.counts.refused


def test_what_was_long_ago_is_forgotten() -> None:
    """A bounded number of requests is remembered."""
    scene = Scene()
    for number in range(REMEMBERED + 1):
        scene.read("logs", records(f"{number}"))
    scene.read("logs", records("0"))
    assert not scene.counts.refused


def test_each_item_with_a_secret_is_counted() -> None:
    """Those without one are not."""
    scene = Scene(with_secret())
    scene.read("traces", spans(f"a {SECRET}", "b", f"c {SECRET}", f"d {SECRET}"))
    assert scene.counts.redacted == {"traces": 3}
    assert scene.health.leaks == 3


def test_what_is_not_known_stays_where_a_secret_was_elsewhere() -> None:
    """There is none in it."""
    request = spans(f"a {SECRET}")
    request.resource_spans[0].scope_spans[0].spans[0].MergeFromString(b"\xfa\x01\x03new")
    left = Scene(with_secret()).read("traces", request).SerializeToString()
    assert b"\xfa\x01\x03new" in left
    assert SECRET.encode() not in left


def test_a_secret_that_is_learned_later_is_found_in_a_text_that_was_clean() -> None:
    """What was clean is remembered for one request only."""
    redactor = Redactor()
    redactor.learn("other", "an0ther-secret-value")
    scene = Scene(redactor)
    assert SECRET in str(scene.read("traces", spans("a", k=SECRET)))
    redactor.learn(NAME, SECRET)
    hexadecimal = SECRET.encode().hex()
    for value in (SECRET, hexadecimal):
        assert value not in str(scene.read("traces", spans("b", k=value)))


def test_secrets_in_texts_and_bytes_of_one_item() -> None:
    """Each is taken out, and the item is counted once."""
    request = spans("a", k=SECRET.encode().hex())
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    attributes.add(key="raw").value.bytes_value = SECRET.encode().hex().encode()
    scene = Scene(with_secret())
    left = scene.read("traces", request).SerializeToString()
    assert SECRET.encode().hex().encode() not in left
    assert left.count(HIDDEN.encode()) == 2
    assert scene.counts.redacted == {"traces": 1}


def test_a_metric_that_is_left_out_is_counted_by_its_points() -> None:
    """An envelope that has none counts as one."""
    scene = Scene()
    body = (
        points("bad-text", "fine", each=3).SerializeToString().replace(b"bad-text", b"bad-\xfftxt")
    )
    left = scene.read("metrics", body)
    assert [metric.name for metric in left.resource_metrics[0].scope_metrics[0].metrics] == ["fine"]
    assert scene.health.dropped == {"bad_item": 3}
    scene.read("metrics", points("bad-text", each=0).SerializeToString().replace(b"bad", b"b\xffd"))
    assert scene.health.dropped == {"bad_item": 4}


def spans_with(values: int, *, more: bool = False) -> bytes:
    """Return a request with one span, and so many values in it and around it."""
    request = spans("a")
    [of] = request.resource_spans
    del of.resource.attributes[:]
    attributes = of.scope_spans[0].spans[0].attributes
    del attributes[:]
    for _ in range(values - 3):  # a resource, a scope and the span are values, too
        attributes.add(key="key")
    if more:
        attributes[0].value.array_value.values.add(string_value="x")
    body: bytes = request.SerializeToString()
    assert len(body) > SMALL_BYTES
    return body


def test_an_item_has_so_many_values() -> None:
    """Wherever in it they are: all of an item are looked at in one go."""
    body = spans_with(MAX_VALUES)
    assert Cleaner(Redactor()).clean("traces", body) == body
    for too_large in (spans_with(MAX_VALUES + 1), spans_with(MAX_VALUES, more=True)):
        with pytest.raises(TooLargeError):
            Cleaner(Redactor()).clean("traces", too_large)


@pytest.mark.parametrize("more", [0, 1])
def test_an_item_has_so_many_bytes(more: int) -> None:
    """With its resource and scope."""
    length = MAX_ITEM_BYTES + more
    filler = length - len(spans("a", key="v" * length).SerializeToString())
    body = spans("a", key="v" * (length + filler)).SerializeToString()
    assert len(body) == length
    scene = Scene()
    scene.read("traces", body)
    assert scene.health.dropped == ({"too_large": 1} if more else {})


@pytest.mark.parametrize("more", [0, 1])
def test_a_request_has_so_many_empty_envelopes(more: int) -> None:
    """One that has more is no request; what came before is handed on."""
    scene = Scene()
    filler = spans("x", key="v" * REQUEST_BYTES).SerializeToString()
    body = filler + b"\x0a\0" * (MOST_NOTHINGS + more)
    steps = list(scene.reader.read(Posted(signal="traces", encoding="protobuf", body=body)))
    assert len(steps) == 1 + MOST_NOTHINGS // STEP_NOTHINGS
    assert [number for _, _, number in scene.taken] == [1]
    assert scene.health.dropped == ({"bad_request": 1} if more else {})


def test_what_is_said_of_a_resource_is_read_so_many_times() -> None:
    """It leaves with each part of its items; too much of it is no request."""

    def sent(parts: int, *, text_bytes: int) -> Any:
        request = spans()
        [of] = request.resource_spans
        of.resource.attributes.add(key="k").value.string_value = "v" * text_bytes
        for _ in range(parts * MOST_TOGETHER):
            of.scope_spans[0].spans.add()
        return request

    part_bytes = 1 << 18
    fill = 2 * part_bytes - len(sent(1, text_bytes=part_bytes).SerializeToString())
    assert len(sent(1, text_bytes=fill).SerializeToString()) == part_bytes
    scene = Scene()
    scene.read("traces", sent(40, text_bytes=fill))
    most = LEAST_WORK_BYTES // part_bytes + 1
    assert sum(number for *_, number in scene.taken) == most * MOST_TOGETHER
    assert scene.health.dropped == {"bad_request": 1}


@pytest.mark.parametrize("more", [0, 1])
def test_a_request_has_so_many_items(more: int) -> None:
    """Those beyond it say nothing."""
    scene = Scene()
    items = b"\x12\0" * (MOST_ITEMS + more)
    length = bytes([len(items) & 127 | 128, len(items) >> 7 & 127 | 128, len(items) >> 14])
    inner = b"\x12" + length + items
    length = bytes([len(inner) & 127 | 128, len(inner) >> 7 & 127 | 128, len(inner) >> 14])
    scene.read("traces", b"\x0a" + length + inner)
    assert scene.health.dropped == ({"bad_request": 1} if more else {})
    assert sum(number for _, _, number in scene.taken) == MOST_ITEMS


@pytest.mark.parametrize(
    ("part", "number"),
    [(b"x" * MAX_WHOLE_BYTES, 1), (b"x", MAX_WHOLE_ITEMS)],
    ids=["bytes", "items"],
)
def test_what_is_too_much_for_a_whole_leaves_in_parts(part: bytes, number: int) -> None:
    """In their order, and as they come; what just fits leaves as one."""
    taken: list[tuple[bytes, int, bool]] = []

    def take(signal: Signal, body: bytes, count: int, *, is_whole: bool) -> None:
        assert signal == "logs"
        taken.append((body, count, is_whole))

    whole = Outgoing("logs", take)
    whole.add(part, number)
    whole.add(b"", 0)
    assert taken == []
    assert list(whole.rest()) == []
    assert taken == [(part, number, True)]
    taken.clear()
    parts = Outgoing("logs", take)
    parts.add(part, number)
    parts.add(b"y", 1)
    assert taken == [(part, number, False)]
    parts.add(b"z", 2)
    assert taken == [(part, number, False), (b"y", 1, False)]
    parts.add(b"without items", 0)
    parts.add(b"last", 3)
    assert len(list(parts.rest())) == 1
    assert taken[2:] == [(b"z", 2, False), (b"last", 3, False)]
    taken.clear()
    several = Outgoing("logs", take)
    for kept in (b"a", b"b"):
        several.add(kept, 1)
    several.add(part, number)
    assert taken == [(b"a", 1, False)]
    assert len(list(several.rest())) == 2
    assert taken[1:] == [(b"b", 1, False), (part, number, False)]


def test_counts_that_are_worth_a_line() -> None:
    """Those that are not zero; what was read is what was received."""
    scene = Scene()
    scene.read("traces", spans("a", "b"))
    scene.counts.requests["traces"] += 1
    scene.counts.refused["waiting"] += 0
    assert scene.counts.summary() == {"received.traces": 2, "received.requests.traces": 1}
    assert scene.counts.metrics() == {
        ("lambda_dispatch.received.items", "traces"): 2,
        ("lambda_dispatch.received.requests", "traces"): 1,
        ("lambda_dispatch.received.refused", "waiting"): 0,
    }


@pytest.mark.parametrize("value", [b"", b"text", b"\xff\xfe", "ä".encode(), b"\x00"])
def test_bytes_without_a_secret_are_the_same(value: bytes) -> None:
    """Whether they are a text or none, and whatever is hidden beside them."""
    request = spans("a")
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    attributes.add(key="raw").value.bytes_value = value
    scene = Scene(with_secret())
    assert scene.read("traces", request) == request
    assert not scene.counts.redacted
    attributes.add(key="k").value.string_value = SECRET
    [span] = scene.read("traces", request).resource_spans[0].scope_spans[0].spans
    assert [each.value.bytes_value for each in span.attributes if each.key == "raw"] == [value]
    assert scene.counts.redacted == {"traces": 1}


class Blind(Redactor):
    """Finds a secret in whatever is left."""

    def may_stand_in(self, raw: bytes) -> bool:
        """Find one."""
        return bool(raw)


def test_a_text_that_was_clean_is_searched_for_what_is_learned_since() -> None:
    """A secret may be read from the cache between two exports."""
    scene = Scene(with_secret("another-secret-of-the-function"))
    assert scene.read("traces", spans("a", key=SECRET)) == spans("a", key=SECRET)
    scene.redactor.learn(NAME, SECRET)
    assert scene.read("traces", spans("b", key=SECRET)) == spans("b", key=HIDDEN)


def test_an_item_in_which_a_secret_is_left_does_not_leave() -> None:
    """Wherever it is that it cannot be taken out."""
    blind = Blind()
    blind.learn(NAME, SECRET)
    scene = Scene(blind)
    assert scene.read("traces", spans("a", "b")) is None
    assert scene.health.dropped == {"secret": 2}


def test_a_large_text_is_one_value() -> None:
    """An item with it is taken, however many bytes it has up to the bound of an item."""
    body = records("x" * (2 * SMALL_BYTES)).SerializeToString()
    assert Cleaner(Redactor()).clean("logs", body) == body


@pytest.mark.parametrize(("more", "is_too_large"), [(0, False), (1, True)])
def test_each_text_of_a_list_is_a_value(more: int, *, is_too_large: bool) -> None:
    """As the names of keys by which a resource refers to what it is of."""
    request = records("x")
    others = 4  # the resource, the scope, the record, and what refers
    [of] = request.resource_logs
    of.resource.entity_refs.add(id_keys=["k"] * (MAX_VALUES - others + more))
    body = request.SerializeToString()
    assert len(body) > SMALL_BYTES
    if not is_too_large:
        assert Cleaner(Redactor()).clean("logs", body) == body
        return
    with pytest.raises(TooLargeError):
        Cleaner(Redactor()).clean("logs", body)
