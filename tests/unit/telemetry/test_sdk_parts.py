"""What the function's SDK sends, by trace."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from extension.telemetry.otlp.sdk_parts import divide, mark

ONE, OTHER = 1, 2


def traces(*scopes: list[tuple[int, str]]) -> bytes:
    """Return spans by their trace and their state, a list for each scope of a resource."""
    request = ExportTraceServiceRequest()
    of = request.resource_spans.add(schema_url="of resource")
    of.resource.attributes.add(key="service")
    for number, spans in enumerate(scopes):
        scope = of.scope_spans.add(schema_url=f"of scope {number}")
        scope.scope.name = f"scope {number}"
        for trace_id, state in spans:
            scope.spans.add(trace_id=trace_id.to_bytes(16), trace_state=state)
    body: bytes = request.SerializeToString()
    return body


def logs(*records: tuple[bytes, int]) -> bytes:
    """Return records by their trace and their severity."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for trace_id, severity in records:
        scope.log_records.add(trace_id=trace_id, severity_number=severity)
    body: bytes = request.SerializeToString()
    return body


def ids(body: bytes) -> list[list[int]]:
    """Return the traces of the spans in each scope of a request."""
    found = []
    for of in ExportTraceServiceRequest.FromString(body).resource_spans:
        [scope] = of.scope_spans
        assert of.schema_url == "of resource"
        assert [each.key for each in of.resource.attributes] == ["service"]
        assert scope.schema_url == f"of {scope.scope.name}"
        found.append([int.from_bytes(span.trace_id) for span in scope.spans])
    return found


def test_a_request_of_one_trace_stays_as_it_is() -> None:
    """Byte by byte."""
    body = traces([(ONE, ""), (ONE, "ot=th:8"), (ONE, "")])
    [part] = divide("traces", body, 3)
    assert part.body is body
    assert (part.signal, part.count, part.trace_id) == ("traces", 3, ONE)
    assert (part.tracestate, part.is_detail) == ("ot=th:8", False)


def test_each_trace_is_a_request_with_its_envelopes() -> None:
    """In the order of its first span, with resource and scopes as they were."""
    body = traces([(ONE, "a=1"), (OTHER, ""), (ONE, "b=2")], [(OTHER, "c=3")])
    one, other = divide("traces", body, 4)
    assert (one.trace_id, one.count, one.tracestate) == (ONE, 2, "a=1")
    assert (other.trace_id, other.count, other.tracestate) == (OTHER, 2, "c=3")
    assert ids(one.body) == [[ONE, ONE]]
    assert ids(other.body) == [[OTHER], [OTHER]]


def test_what_cannot_be_read_is_of_no_trace() -> None:
    """An endpoint may know better."""
    [part] = divide("logs", b"\xff", 7, detail_below=9)
    assert (part.signal, part.body, part.count, part.trace_id) == ("logs", b"\xff", 7, 0)
    assert not part.is_detail


def found(body: bytes, **more: Any) -> list[tuple[int, bool, int]]:
    """Return trace, kind and number of the parts of some records."""
    parts = divide("logs", body, 0, **more)
    return [(part.trace_id, part.is_detail, part.count) for part in parts]


def test_details_are_parts_of_their_own() -> None:
    """Records below a level; those without a level are none."""
    one = ONE.to_bytes(16)
    body = logs((one, 0), (one, 1), (one, 8), (one, 9))
    assert found(body) == [(ONE, False, 4)]
    assert found(body, detail_below=9) == [(ONE, False, 2), (ONE, True, 2)]


def test_records_outside_of_a_trace() -> None:
    """Those without an id, and those with one of another length."""
    assert found(logs((b"", 1), (b"1234", 1), (ONE.to_bytes(16), 1))) == [
        (0, False, 2), (ONE, False, 1),
    ]  # fmt: skip


def test_spans_have_no_details() -> None:
    """Whatever the level is: they have none."""
    body = traces([(ONE, "")])
    assert [part.is_detail for part in divide("traces", body, 1, detail_below=9)] == [False]


def test_spans_say_by_which_share_they_were_kept() -> None:
    """In the state of each of them, beside what else is there."""
    marked = ExportTraceServiceRequest.FromString(mark(traces([(ONE, ""), (ONE, "a=1")]), 1 << 55))
    states = [span.trace_state for span in marked.resource_spans[0].scope_spans[0].spans]
    assert states == ["ot=th:8", "ot=th:8,a=1"]
