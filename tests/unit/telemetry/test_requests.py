"""Items encoded to small requests, once, with their exact number."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from extension.telemetry.assembly.finished import LooseRecords
from extension.telemetry.export.buffer import REQUEST_BYTES
from extension.telemetry.health import Health
from extension.telemetry.otlp.logs import LogEncoder
from extension.telemetry.otlp.requests import Requests
from extension.telemetry.otlp.resource import build_resource
from extension.telemetry.reading.records import Record
from extension.telemetry.resource_identity import ResourceIdentity
from tests.unit.telemetry.test_exporter import spans


def requests(health: Health | None = None) -> Requests:
    """Return requests of a function."""
    resource = build_resource(ResourceIdentity(function_name="shop", region="eu-central-1"))
    return Requests(resource, health=health or Health())


def log_records(*bodies: Any, health: Health | None = None) -> list[bytes]:
    """Return log records with these bodies."""
    records = tuple(
        Record(time_ns=number, observed_ns=number, stream="function", body=body)
        for number, body in enumerate(bodies, start=1)
    )
    return LogEncoder(health=health or Health()).encode(LooseRecords(records=records))


def test_requests_joined_are_one_request() -> None:
    """Byte by byte: nothing is encoded again when a batch is put together."""
    made = requests()
    [first], [second] = made.spans(spans()), made.spans(spans()[:1])
    merged = ExportTraceServiceRequest.FromString(first.body + second.body)
    counts = [len(each.scope_spans[0].spans) for each in merged.resource_spans]
    assert counts == [first.count, second.count] == [3, 1]


def test_each_request_names_the_sandbox() -> None:
    """Whichever of them are lost, the others say whose they are."""
    made = requests()
    made.use(
        build_resource(ResourceIdentity(function_name="shop"), instance_id="2026/01/01/[$LATEST]a")
    )
    [outgoing] = made.logs(log_records("x"))
    [each] = ExportLogsServiceRequest.FromString(outgoing.body).resource_logs
    attributes = {each.key: each.value.string_value for each in each.resource.attributes}
    assert attributes["faas.instance"] == "2026/01/01/[$LATEST]a"


def test_many_records_become_small_requests() -> None:
    """In their order; a batch is then made to the measure of the endpoint."""
    bodies = [f"{number} {'x' * 1000}" for number in range(200)]
    made = list(requests().logs(log_records(*bodies)))
    assert max(len(each.body) for each in made) <= REQUEST_BYTES
    merged = ExportLogsServiceRequest.FromString(b"".join(each.body for each in made))
    arrived = [
        record.body.string_value
        for each in merged.resource_logs
        for record in each.scope_logs[0].log_records
    ]
    assert arrived == bodies
    assert sum(each.count for each in made) == 200


def test_a_record_that_cannot_be_encoded_costs_itself_alone() -> None:
    """Whatever stands before and behind it goes out; the culprit is counted."""
    health = Health()
    bodies: list[Any] = ["a", "b", object(), "c", "d"]
    made = list(requests(health).logs(log_records(*bodies, health=health)))
    assert sum(each.count for each in made) == 4
    assert health.dropped == {"unencodable": 1}
    assert health.faults.total() == 1


def test_a_request_is_full_at_its_bytes() -> None:
    """Items that are as many as a request takes are one; a byte more begins another."""
    half, rest = b"x" * (REQUEST_BYTES // 2), b"x" * (REQUEST_BYTES - REQUEST_BYTES // 2)
    made = requests()
    assert [each.count for each in made.logs([half, rest])] == [2]
    assert [each.count for each in made.logs([half, rest + b"x"])] == [1, 1]
    assert [each.count for each in made.logs([half + rest + b"x", half, half])] == [1, 2]
    assert list(made.logs([])) == []
    assert list(made.spans([])) == []


def test_a_span_that_cannot_be_encoded_costs_itself_alone() -> None:
    """Each is encoded by itself; what cannot be is a fault of ours, and counted."""
    health = Health()
    good, bad = spans(), spans()
    bad[1]._context = None
    [made] = requests(health).spans([*good, bad[1], good[0]])
    assert made.count == 4
    assert health.dropped == {"unencodable": 1}
    assert health.faults == {"AttributeError": 1}


def test_a_request_has_the_schema_of_its_names() -> None:
    """Of the resource, and of our scope; the placeholder by which both are encoded is gone."""
    [made] = requests().spans(spans()[:1])
    [of] = ExportTraceServiceRequest.FromString(made.body).resource_spans
    [scope] = of.scope_spans
    assert of.schema_url == scope.schema_url == "https://opentelemetry.io/schemas/1.37.0"
    assert scope.scope.name == "lambda-dispatch"
    assert [each.key for each in of.resource.attributes][:1] == ["service.name"]
    assert len(scope.spans) == 1
