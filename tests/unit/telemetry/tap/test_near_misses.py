"""What looks like a service's event, or a part of one, and is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension.telemetry.tap import names
from extension.telemetry.tap.answer import read_answer
from extension.telemetry.tap.carriers import from_pairs, parse_body
from extension.telemetry.tap.cause import Cause, cause_of
from extension.telemetry.tap.copied_message import Copied, read_message
from extension.telemetry.tap.http_requests import read_headers, request_attributes
from extension.telemetry.tap.json_paths import epoch_ns, time_ns
from extension.telemetry.tap.partial_json import Excerpt, read_head
from extension.telemetry.tap.tapped import Tapped
from extension.telemetry.tap.tapped_requests import TappedRequests
from extension.telemetry.tap.trace_context import read_context
from extension.telemetry.tap.workflow_events import started_by
from tests.unit.telemetry.tap.samples import (
    DURABLE,
    HTTP_AUTHORIZER,
    SQS,
    STEP,
    TRACE_ID,
    sqs_record,
)

ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"


def without(event: Any, *path: str | int) -> Any:
    """Return a copy of an event that lacks something."""
    copy = json.loads(json.dumps(event))
    place = copy
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return copy


@pytest.mark.parametrize(
    "event",
    [
        {"raw_path": "/orders"},
        {"method": "GET"},
        {"requestContext": {"http": {"method": "GET"}}},
        {"version": "2.0", "requestContext": {"http": {}}},
        {"requestContext": {"domainName": "a.lambda-url.eu-central-1.on.aws"}},
        {"records": [{"recordId": "1"}]},
        {"invocationId": "1", "records": [{}]},
        {"typeName": "Query", "arguments": {}},
        {"fieldName": "orders", "arguments": {}},
        {"typeName": "Query", "fieldName": "orders"},
        {"arguments": {}},
        {"rmqMessagesByQueue": {}},
        {"requestContext": {"connectionId": "1", "eventType": "MESSAGE", "http": {}}},
        {"tasks": []},
        {"invocationSchemaVersion": "1.0"},
        {"eventSource": ["aws:kafka"], "records": {"orders-0": []}},
        {"eventSource": "aws:kafka", "records": {}},
        {"eventSource": ["aws:amq"], "messages": [{}]},
        {"eventSource": "aws:amq", "messages": []},
        {"httpMethod": "GET", "path": "/orders"},
        {"httpMethod": "GET", "resource": "/orders"},
    ],
)
def test_half_of_a_form_is_none(event: Any) -> None:
    """A caller of its own may send anything: it is recognised by no single field."""
    assert cause_of(event).source == "direct"


@pytest.mark.parametrize(
    ("event", "source"),
    [
        ({"raw_path": "/a", "method": "GET"}, "vpc_lattice"),
        ({"httpMethod": "GET", "path": "/a", "resource": "/a"}, "api_gateway.rest"),
        (
            {"httpMethod": "GET", "path": "/a", "requestContext": {"httpMethod": "GET"}},
            "api_gateway.rest",
        ),
        ({"typeName": "Query", "fieldName": "a", "arguments": {}}, "appsync"),
        ({"invocationSchemaVersion": "1.0", "tasks": []}, "s3.batch"),
        ({"invocationId": "1", "records": [{"recordId": "1"}]}, "firehose"),
        ({"deliveryStreamArn": "a", "records": [{"recordId": "1"}]}, "firehose"),
    ],
)
def test_both_halves_are_enough(event: Any, source: str) -> None:
    """Whatever else an event of that service has."""
    assert cause_of(event).source == source


def test_a_state_machine_is_named_by_an_arn() -> None:
    """An object with the same members may be a caller's own."""
    assert cause_of(STEP).source == "step_functions"
    text = json.dumps(STEP)
    machine = text.partition('"StateMachine"')[2].partition('"Id": "')[2].partition('"')[0]
    assert cause_of(json.loads(text.replace(machine, "mine"))).source == "direct"


def test_a_queue_whose_name_has_a_colon_is_no_fault() -> None:
    """No queue has; an event that says so is recognised all the same."""
    record = {**sqs_record(), "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:a:b"}
    assert cause_of({"Records": [record]}).source == "sqs"


def test_what_began_a_durable_execution_is_told_by_its_first_operation() -> None:
    """A later state of it may have details of something else."""
    assert started_by(DURABLE) != ""
    first = DURABLE["InitialExecutionState"]["Operations"][0]
    other = {**DURABLE, "InitialExecutionState": {"Operations": [{**first, "Type": "STEP"}]}}
    assert started_by(other) == ""


@pytest.mark.parametrize(
    "event",
    [
        {"Records": [without(SQS["Records"][0], "attributes")]},
        {"Records": [{"eventSource": "aws:dynamodb"}]},
    ],
)
def test_what_has_no_time_was_sent_at_none(event: Any) -> None:
    """Not at the beginning of 1970."""
    assert cause_of(event).sent_ns == 0


def test_an_empty_list_is_no_value_of_a_header() -> None:
    """Multi-value headers may have one."""
    assert from_pairs([("traceparent", []), ("b3", ["0"])]) == {"b3": "0"}


def test_a_body_without_a_word_that_is_looked_for_is_not_parsed() -> None:
    """It may be large, and the function waits."""
    assert parse_body('{"traceparent": 1}', words=("b3",)) is None
    assert parse_body('{"traceparent": 1}', words=("b3", "traceparent")) == {"traceparent": 1}


def test_a_trace_id_of_datadog_has_its_own_lower_half() -> None:
    """Even ones as well as odd ones."""
    carrier = {"x-datadog-trace-id": "4", "x-datadog-parent-id": "6"}
    found = read_context(carrier)
    assert found is not None
    assert found.ids == (4, 6)


@pytest.mark.parametrize(
    ("text", "sampled"), [("1", True), ("TRUE", True), ("0", False), ("false", False), ("d", None)]
)
def test_whether_b3_was_sampled(text: str, *, sampled: bool | None) -> None:
    """Unknown where it is said otherwise."""
    carrier = {"x-b3-traceid": TRACE_ID, "x-b3-spanid": "1" * 16, "x-b3-sampled": text}
    found = read_context(carrier)
    assert found is not None
    assert found.sampled is sampled


def test_an_item_that_failed_without_an_id_means_all_of_them() -> None:
    """As a queue reads it, also beside items that have one."""
    failures = {"batchItemFailures": [{"itemIdentifier": "a"}, {}]}
    cause = Cause(source="sqs", trigger="pubsub", expects="batch", message_count=5)
    data = json.dumps(failures).encode()
    assert read_answer(Excerpt(data), cause=cause, headers={}).failed_messages == 5


def test_a_body_in_chunks_that_has_not_begun_is_not_whole() -> None:
    """Nothing is said of it but its size."""
    start = f"POST /2018-06-01/runtime/invocation/{ID}/response HTTP/1.1"
    head = f"{start}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    message = read_message(Copied(head, b"", len(head)))
    assert not message.body.is_whole


def test_only_headers_that_are_used_are_kept() -> None:
    """Others may hold a token."""
    event = {"headers": {"Host": "a.example", "X-Token": "secret", "User-Agent": 7}}
    assert read_headers(event) == {"host": "a.example"}


def test_the_client_that_the_service_names_goes_before_what_the_client_says() -> None:
    """`X-Forwarded-For` comes from anywhere."""
    forwarded = {"x-forwarded-for": "192.0.2.1, 192.0.2.2"}
    named = request_attributes(forwarded, client="192.0.2.9")
    assert named["client.address"] == "192.0.2.9"
    assert request_attributes(forwarded)["client.address"] == "192.0.2.1"


@pytest.mark.parametrize(("digits", "is_time"), [(19, True), (20, False)])
def test_a_time_has_forty_characters_at_most(digits: int, *, is_time: bool) -> None:
    """More digits than nanoseconds have are cut, and a longer text is none."""
    text = f"2026-01-01T12:00:00.{'0' * digits}Z"
    assert bool(time_ns(text)) is is_time


def test_after_an_event_two_may_be_missing_again() -> None:
    """One that was lost says nothing of whether the runtime is tapped."""
    requests = TappedRequests()
    head = (
        f"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {ID}\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    data = head.encode()
    requests.settle("missed")
    requests.take(Copied(data, b"", len(data)), first_ns=1, last_ns=2, is_complete=True)
    assert requests.settle(ID).cause is not None
    requests.settle("missed")
    assert requests.awaits("next")
    requests.settle("missed")
    assert not requests.awaits("next")


def response_of(request_id: str, *, path: str = "response") -> Copied:
    """Return the copy of a response to an invocation, or of an error."""
    place = f"invocation/{request_id}/{path}" if request_id else path
    head = f"POST /2018-06-01/runtime/{place} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    return Copied(head, b"", len(head))


def event_of(request_id: str, **event: Any) -> Copied:
    """Return the copy of an event."""
    body = json.dumps(event)
    head = f"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {request_id}\r\n"
    data = f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    return Copied(data, b"", len(data))


def test_an_event_may_come_after_its_response() -> None:
    """On another connection; until then it is awaited."""
    requests = TappedRequests()
    requests.take(response_of(ID), first_ns=1, last_ns=2, is_complete=True)
    assert requests.awaits(ID)
    requests.take(event_of(ID), first_ns=3, last_ns=4, is_complete=True)
    assert not requests.awaits(ID)
    requests.settle("missed")
    assert requests.awaits("next")


def test_a_state_without_a_secret_goes_with_its_span() -> None:
    """What another vendor has written into it."""
    requests = TappedRequests()
    parent = {"traceparent": f"00-{TRACE_ID}-{'1' * 16}-01", "tracestate": "a=b"}
    requests.take(event_of(ID, **parent), first_ns=1, last_ns=2, is_complete=True)
    cause = requests.of(ID).cause
    assert cause is not None
    assert cause.parent is not None
    assert cause.parent.trace_state == "a=b"


def test_sixty_four_requests_are_known() -> None:
    """The oldest is forgotten for another one."""
    requests = TappedRequests()
    for number in range(65):
        copied = event_of(f"{number:08x}{ID[8:]}")
        requests.take(copied, first_ns=1, last_ns=2, is_complete=True)
    known = [requests.of(f"{number:08x}{ID[8:]}").cause is not None for number in range(65)]
    assert known == [False] + [True] * 64


@pytest.mark.parametrize(
    ("at_ms", "is_found"), [(999, False), (1_000, True), (2_100, True), (2_101, False)]
)
def test_an_error_belongs_to_the_init_in_which_it_was_reported(
    at_ms: int, *, is_found: bool
) -> None:
    """Up to a tenth of a second later, as the platform's times are whole milliseconds."""
    requests, ms = TappedRequests(), 1_000_000
    copied = response_of("", path="init/error")
    requests.take(copied, first_ns=1, last_ns=at_ms * ms, is_complete=True)
    found = requests.init_error(start_ns=1_000 * ms, end_ns=2_000 * ms)
    assert (found is not None) is is_found


def test_the_first_byte_counts_from_the_event_and_never_before_it() -> None:
    """Where that was not copied, from the start of the invocation."""
    for received_ns, ms in ((5_000_000, 4.0), (0, 8.0), (20_000_000, 0.0)):
        tapped = Tapped(first_byte_ns=9_000_000, received_ns=received_ns)
        assert tapped.attributes(start_ns=1_000_000)[names.FIRST_BYTE_MS] == ms


def test_a_window_without_records_is_its_stream_s() -> None:
    """The last call of a tumbling window."""
    arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/orders"
    event = {"window": {}, "eventSourceARN": arn, "Records": []}
    assert "orders" in cause_of(event).name


def test_records_that_failed_are_those_that_say_so() -> None:
    """The others were transformed, or dropped on purpose."""
    cause = Cause(source="firehose", trigger="pubsub", expects="transform")
    results = ("Ok", "ProcessingFailed", "Dropped")
    data = json.dumps({"records": [{"result": each} for each in results]}).encode()
    assert read_answer(Excerpt(data), cause=cause, headers={}).failed_messages == 1


@pytest.mark.parametrize(("flags", "sampled"), [("01", True), ("10", False), ("11", True)])
def test_the_lowest_bit_says_whether_a_span_was_sampled(flags: str, *, sampled: bool) -> None:
    """Of two hexadecimal digits."""
    found = read_context({"traceparent": f"00-{TRACE_ID}-{'1' * 16}-{flags}"})
    assert found is not None
    assert found.sampled is sampled


def test_b3_that_says_only_whether_it_is_sampled_names_no_span() -> None:
    """As a caller may send it."""
    assert read_context({"x-b3-sampled": "1"}) is None


def test_a_type_that_is_no_text_is_no_fault() -> None:
    """A field's name alone is known then."""
    event = {"info": {"fieldName": "orders", "parentTypeName": 7}, "arguments": {}}
    assert cause_of(event).source == "appsync"


def test_the_first_moment_is_a_time() -> None:
    """Only 0 is none."""
    assert (epoch_ns(1, unit_ns=1), epoch_ns(0, unit_ns=1)) == (1, 0)


def test_json_is_read_sixty_four_levels_deep() -> None:
    """What is deeper is left out."""
    depth, value = 0, read_head(b"[" * 70)
    while isinstance(value, list):
        depth, value = depth + 1, value[0] if value else None
    assert depth == 64


def test_times_of_a_table_may_be_in_milliseconds() -> None:
    """Where the number is too large for seconds."""
    change = {"ApproximateCreationDateTime": 1_767_268_800_000}
    event = {"Records": [{"eventSource": "aws:dynamodb", "dynamodb": change}]}
    assert cause_of(event).sent_ns == 1_767_268_800_000 * 1_000_000


@pytest.mark.parametrize(("length", "is_kept"), [(1024, True), (1025, False)])
def test_a_long_agent_is_left_out(length: int, *, is_kept: bool) -> None:
    """A secret is not recognised by a part of it."""
    agent = "x" * length
    assert request_attributes({}, agent=agent)["user_agent.original"] == (agent if is_kept else "")


def test_a_header_without_a_value_is_none() -> None:
    """Lists of values may be empty."""
    assert read_headers({"multiValueHeaders": {"Host": [], "X-Forwarded-For": ["192.0.2.1"]}}) == {
        "x-forwarded-for": "192.0.2.1"
    }


def test_a_request_to_authorize_has_a_method_in_every_format() -> None:
    """Where the route does not say it."""
    event = {**HTTP_AUTHORIZER, "routeKey": "$default"}
    assert cause_of(event).attributes["http.request.method"] == "POST"
