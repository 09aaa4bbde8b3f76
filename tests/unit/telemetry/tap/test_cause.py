"""Whose trace an invocation continues, what it is linked to, and what its span says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension.telemetry.tap import names
from extension.telemetry.tap.cause import (
    CauseOptions,
    cause_of,
    read_cause,
)
from extension.telemetry.tap.partial_json import Excerpt
from tests.unit.telemetry.tap.sample_attributes import ATTRIBUTES
from tests.unit.telemetry.tap.samples import (
    AGENT,
    ALB,
    DIRECT,
    DURABLE,
    EVENTBRIDGE,
    HTTP_API,
    HTTP_AUTHORIZER,
    KAFKA,
    ORDER,
    REQUEST_AUTHORIZER,
    REST,
    S3,
    SAMPLES,
    SPAN,
    SPAN_ID,
    SQS,
    TRACE_ID,
    TRACEPARENT,
    WEBSOCKET,
    XRAY,
    notification,
    source_of,
    sqs_record,
)

PARENTS = {
    "alb", "api_gateway.authorizer", "api_gateway.authorizer of HTTP", "api_gateway.http",
    "api_gateway.http in format 1.0", "api_gateway.rest", "api_gateway.websocket", "appsync",
    "appsync.authorizer", "appsync.events", "direct", "durable_execution", "function_url",
    "step_functions", "vpc_lattice", "vpc_lattice of version 1",
}  # fmt: skip
LINKS = {
    "activemq", "cloudevents", "eventbridge", "kafka", "kinesis", "lambda.destination", "rabbitmq",
    "sns", "sqs",
}  # fmt: skip
PUBLIC = PARENTS - {"direct", "step_functions"}
DISTRUST = CauseOptions(trusts_caller=False)
ADOPT = CauseOptions(adopts_single_message=True)


def context(**custom: str) -> str:
    """Return a client context as SDKs write it."""
    return json.dumps({"custom": custom})


def batch(*records: dict[str, Any]) -> dict[str, Any]:
    """Return an event of a queue."""
    return {"Records": list(records)}


def traceparent(number: int) -> dict[str, Any]:
    """Return the attributes of the message that the span of this number sent."""
    text = f"00-{TRACE_ID}-{number:016x}-01"
    return {"traceparent": {"stringValue": text, "dataType": "String"}}


@pytest.mark.parametrize("name", SAMPLES)
def test_callers_become_parents_and_senders_links(name: str) -> None:
    """Requests continue their caller's trace; messages are linked to what sent them."""
    cause = cause_of(SAMPLES[name])
    assert (cause.parent.ids if cause.parent else None) == (SPAN if name in PARENTS else None)
    assert [link.ids for link in cause.links] == ([SPAN] if name in LINKS else [])


@pytest.mark.parametrize("name", sorted(PARENTS | LINKS))
def test_a_caller_at_a_public_endpoint_may_be_ignored(name: str) -> None:
    """Callers that need permission, and senders of messages, are used all the same."""
    cause = cause_of(SAMPLES[name], options=DISTRUST)
    spans = [cause.parent, *cause.links] if cause.parent else cause.links
    assert [span.ids for span in spans] == ([] if name in PUBLIC else [SPAN])


@pytest.mark.parametrize("name", SAMPLES)
def test_the_client_context_of_a_direct_invoke_is_the_parent(name: str) -> None:
    """Code that invokes the function with a service's event waits for the response itself."""
    own = f"00-{TRACE_ID}-{7:016x}-01"
    cause = cause_of(SAMPLES[name], client_context=context(traceparent=own), options=DISTRUST)
    assert cause.parent is not None
    assert cause.parent.span_id == 7


@pytest.mark.parametrize(
    "text", ["", "{", "7", '{"custom": 7}', '{"custom": {"traceparent": 7}}', "x" * 20_000]
)
def test_a_client_context_that_names_no_span_is_nothing(text: str) -> None:
    """The function may have a client context of its own."""
    assert cause_of({}, client_context=text).parent is None


def test_a_client_context_of_a_bounded_length_is_read() -> None:
    """A longer one than Lambda takes is not parsed."""
    text = context(traceparent=TRACEPARENT)
    assert cause_of({}, client_context=text.ljust(16_384)).parent is not None
    assert cause_of({}, client_context=text.ljust(16_385)).parent is None


def test_java_writes_the_client_context_with_a_capital() -> None:
    """`Custom` is `custom`."""
    text = json.dumps({"Custom": {"traceparent": TRACEPARENT}})
    found = cause_of({}, client_context=text).parent
    assert found is not None
    assert found.ids == SPAN


def test_the_client_context_comes_with_the_headers() -> None:
    """Names of headers are in lower case, whatever the client wrote."""
    headers = {"lambda-runtime-client-context": context(traceparent=TRACEPARENT)}
    found = read_cause(Excerpt(b"{}"), headers=headers).parent
    assert found is not None
    assert found.ids == SPAN


def test_a_tool_of_a_gateway_is_named() -> None:
    """AgentCore's gateway says in the client context alone which tool it calls."""
    cause = cause_of(ORDER, client_context=context(bedrockAgentCoreToolName="shop___find_tea"))
    assert cause.source == "agentcore.gateway"
    assert cause.attributes[names.TOOL_NAME] == "find_tea"
    assert (cause.sent_ns, cause.message_count, cause.name) == (0, 0, "")


@pytest.mark.parametrize(("length", "is_tool"), [(128, True), (129, False)])
def test_the_name_of_a_tool_is_bounded(length: int, *, is_tool: bool) -> None:
    """With a longer one the event is a caller's."""
    cause = cause_of(ORDER, client_context=context(bedrockAgentCoreToolName="x" * length))
    assert (names.TOOL_NAME in cause.attributes) == is_tool
    assert cause.source == ("agentcore.gateway" if is_tool else "direct")


def test_a_tool_s_caller_is_the_parent() -> None:
    """What it says of itself stands beside the tool's name."""
    given = context(bedrockAgentCoreToolName="shop___find_tea", traceparent=TRACEPARENT)
    found = cause_of(ORDER, client_context=given).parent
    assert found is not None
    assert found.ids == SPAN


def test_a_batch_has_a_link_for_each_sender() -> None:
    """Messages of the same span are one link."""
    sent = [sqs_record(attributes=traceparent(number)) for number in (1, 2, 2, 3)]
    cause = cause_of(batch(*sent))
    assert [link.span_id for link in cause.links] == [1, 2, 3]
    assert cause.attributes[names.MESSAGING_COUNT] == 4
    assert names.MESSAGING_ID not in cause.attributes


def test_links_are_bounded() -> None:
    """A batch of ten thousand has as many links as a span may have."""
    sent = [sqs_record(attributes=traceparent(number)) for number in range(1, 2000)]
    cause = cause_of(batch(*sent))
    assert [link.span_id for link in cause.links] == list(range(1, 129))
    assert cause.message_count == 1999


def test_senders_are_looked_for_in_the_first_messages_of_a_batch() -> None:
    """A batch of thousands costs no more than one of that many."""
    sent = [sqs_record(attributes={}) for _ in range(257)]
    sent[255] = sqs_record(attributes=traceparent(1))
    sent[256] = sqs_record(attributes=traceparent(2))
    assert [link.span_id for link in cause_of(batch(*sent)).links] == [1]


@pytest.mark.parametrize(("length", "is_kept"), [(1024, True), (1025, False)])
def test_a_text_is_kept_whole_or_not_at_all(length: int, *, is_kept: bool) -> None:
    """No part of a secret is in what is too long."""
    identity = {**REST["requestContext"]["identity"], "userAgent": "x" * length}
    event = {**REST, "requestContext": {**REST["requestContext"], "identity": identity}}
    assert (names.USER_AGENT in cause_of(event).attributes) == is_kept


def test_a_header_that_is_no_text_is_left_out() -> None:
    """The other headers tell what they tell."""
    headers = {**ALB["headers"], "host": 7, "x-forwarded-for": None}
    attributes = cause_of({**ALB, "headers": headers}).attributes
    assert names.SERVER_ADDRESS not in attributes
    assert names.CLIENT_ADDRESS not in attributes
    assert attributes[names.USER_AGENT] == AGENT


def test_the_sender_of_a_single_message_may_be_the_parent() -> None:
    """Where the user says so: the trace goes on through the queue."""
    for event in (SQS, EVENTBRIDGE):
        cause = cause_of(event, options=ADOPT)
        assert cause.parent is not None
        assert (cause.parent.ids, cause.links) == (SPAN, ())


def test_a_caller_that_waits_is_the_parent_whatever_the_message_s_sender_is() -> None:
    """The sender stays a link."""
    own = f"00-{TRACE_ID}-{7:016x}-01"
    cause = cause_of(SQS, client_context=context(traceparent=own), options=ADOPT)
    assert cause.parent is not None
    assert cause.parent.span_id == 7
    assert [link.ids for link in cause.links] == [SPAN]


def test_a_batch_of_several_has_no_parent() -> None:
    """Nor has a batch whose end is unknown, for it may have more."""
    two = batch(sqs_record(number=1), sqs_record(number=2, attributes={}))
    assert cause_of(two, options=ADOPT).parent is None
    assert cause_of(SQS, options=ADOPT, is_cut=True).parent is None


def test_fields_in_the_body_name_the_span() -> None:
    """Services that publish ids of their own in the JSON of messages are linked."""
    body = {"meta": {"trace_id": TRACE_ID, "span_id": SPAN_ID}, **ORDER}
    options = CauseOptions(trace_fields=("meta.trace_id", "meta.span_id"))
    events = [
        batch(sqs_record(body, attributes={})),
        batch(sqs_record(notification(body, attributes={}), attributes={})),
        {**EVENTBRIDGE, "detail": body},
        batch(sqs_record({**EVENTBRIDGE, "detail": body}, attributes={})),
    ]
    for event in events:
        assert [link.ids for link in cause_of(event, options=options).links] == [SPAN]
        assert cause_of(event).links == ()


def test_fields_in_the_body_of_a_direct_invoke_name_the_parent() -> None:
    """A caller can put its ids into the event."""
    event = {"trace_id": TRACE_ID, "span_id": SPAN_ID}
    found = cause_of(event, options=CauseOptions(trace_fields=("trace_id", "span_id"))).parent
    assert found is not None
    assert found.ids == SPAN


def test_a_body_of_http_is_not_read() -> None:
    """It is the user's, whatever fields are configured."""
    event = {
        **HTTP_API,
        "headers": {},
        "body": json.dumps({"trace_id": TRACE_ID, "span_id": SPAN_ID}),
    }
    assert (
        cause_of(event, options=CauseOptions(trace_fields=("trace_id", "span_id"))).parent is None
    )


def test_what_the_publisher_names_goes_before_the_queue_s_header() -> None:
    """X-Ray's header names the service that passed the message on, if nothing else is known."""
    plain = sqs_record(attributes={})
    plain["attributes"]["AWSTraceHeader"] = XRAY.replace(SPAN_ID, f"{5:016x}")
    named = {**plain, "messageAttributes": traceparent(6)}
    assert [link.span_id for link in cause_of(batch(plain)).links] == [5]
    assert [link.span_id for link in cause_of(batch(named)).links] == [6]


def test_whether_a_caller_sampled_is_known() -> None:
    """The flags of a caller that keeps nothing are there to be honoured."""
    for flags, sampled in (("00", False), ("01", True)):
        event = {**DIRECT, "traceparent": TRACEPARENT[:-2] + flags}
        found = cause_of(event).parent
        assert found is not None
        assert found.sampled is sampled


def test_a_durable_execution_has_the_cause_it_began_with() -> None:
    """Each time it goes on, the caller is the one that started it, and is trusted as much."""
    assert cause_of(DURABLE).attributes[names.DETAIL] == "start"
    operations = [*DURABLE["InitialExecutionState"]["Operations"], {"Type": "STEP"}]
    later = {**DURABLE, "InitialExecutionState": {"Operations": operations}}
    cause = cause_of(later)
    assert cause.attributes[names.DETAIL] == "resume"
    assert cause.parent is not None
    assert cause.parent.ids == SPAN


def test_a_durable_execution_has_the_senders_but_not_the_times_of_its_messages() -> None:
    """They waited for its first invocation alone."""
    details = {"InputPayload": json.dumps(SQS)}
    first = {**DURABLE["InitialExecutionState"]["Operations"][0], "ExecutionDetails": details}
    cause = cause_of({**DURABLE, "InitialExecutionState": {"Operations": [first]}})
    assert cause.source == "durable_execution"
    assert [link.ids for link in cause.links] == [SPAN]
    assert cause.sent_ns == 0


@pytest.mark.parametrize("name", SAMPLES)
def test_each_source_has_its_attributes(name: str) -> None:
    """And no others."""
    attributes = dict(cause_of(SAMPLES[name]).attributes)
    assert attributes.pop(names.FAAS_TRIGGER)
    assert attributes.pop(names.SOURCE) == source_of(name)
    assert attributes == ATTRIBUTES.get(name, {})


def test_a_request_has_the_attributes_of_http() -> None:
    """As the semantic conventions call them."""
    assert dict(cause_of(REST).attributes) == {
        "faas.trigger": "http",
        "lambda_dispatch.cause.source": "api_gateway.rest",
        "http.request.method": "POST",
        "http.route": "/orders/{id}",
        "url.path": "/orders/7",
        "url.scheme": "https",
        "server.address": "api.tea.example",
        "client.address": "203.0.113.9",
        "user_agent.original": AGENT,
        "network.protocol.version": "1.1",
    }


@pytest.mark.parametrize("event", [REQUEST_AUTHORIZER, HTTP_AUTHORIZER])
def test_a_request_to_authorize_has_a_route(event: Any) -> None:
    """The route that is asked for, in either format; the path may name a person."""
    attributes = cause_of(event).attributes
    assert attributes["http.request.method"] == "POST"
    assert attributes["http.route"] == "/orders/{id}"
    assert "url.path" not in attributes


def test_a_frame_of_a_websocket_has_no_method() -> None:
    """Its route is the key by which the gateway chose the function."""
    attributes = cause_of(WEBSOCKET).attributes
    assert attributes["network.protocol.name"] == "websocket"
    assert attributes["http.route"] == "$connect"
    assert "http.request.method" not in attributes


def test_messages_have_the_attributes_of_messaging() -> None:
    """As the semantic conventions call them."""
    assert dict(cause_of(SQS).attributes) == {
        "faas.trigger": "pubsub",
        "lambda_dispatch.cause.source": "sqs",
        "messaging.system": "aws_sqs",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": "orders",
        "messaging.message.id": "059f36b4-87a3-44ab-83d2-661975000001",
        "aws.sqs.queue.url": "https://sqs.eu-central-1.amazonaws.com/111122223333/orders",
    }


def test_a_topic_has_partition_and_offset() -> None:
    """The offset is that of a single message."""
    attributes = cause_of(KAFKA).attributes
    assert attributes["messaging.destination.partition.id"] == "0"
    assert attributes["messaging.kafka.offset"] == 15


def test_a_change_has_the_attributes_of_a_document() -> None:
    """The key is written as it is called, not as URLs spell it."""
    attributes = cause_of(S3).attributes
    assert attributes["faas.document.collection"] == "tea-pictures"
    assert attributes["faas.document.name"] == "new/green tea.png"
    assert attributes["faas.document.operation"] == "insert"
    assert attributes["faas.document.time"] == "2025-11-27T08:00:00.000Z"


@pytest.mark.parametrize(
    ("number", "is_told"), [(0, True), ((1 << 63) - 1, True), (1 << 63, False), ("0", False)]
)
def test_a_partition_and_an_offset_are_numbers_of_64_bits(number: Any, *, is_told: bool) -> None:
    """What is larger, or no number, is no attribute."""
    record = {**KAFKA["records"]["brews-0"][0], "partition": number, "offset": number}
    attributes = cause_of({**KAFKA, "records": {"brews-0": [record]}}).attributes
    assert attributes.get(names.MESSAGING_PARTITION) == (str(number) if is_told else None)
    assert attributes.get(names.KAFKA_OFFSET) == (number if is_told else None)


def test_how_often_a_message_was_tried_is_told() -> None:
    """The most often tried one of a batch; a first time is nothing to tell."""
    again = sqs_record(number=2)
    again["attributes"]["ApproximateReceiveCount"] = "4"
    assert cause_of(batch(sqs_record(), again)).attributes[names.RECEIVE_COUNT] == 4
    assert names.RECEIVE_COUNT not in cause_of(SQS).attributes


def test_queues_of_a_batch_are_named_only_if_they_are_one() -> None:
    """A name that is right for some of the messages is none."""
    other = {**sqs_record(), "eventSourceARN": "arn:aws:sqs:eu-central-1:111122223333:returns"}
    cause = cause_of(batch(sqs_record(), other))
    assert names.MESSAGING_DESTINATION not in cause.attributes
    assert names.AWS_SQS_QUEUE_URL not in cause.attributes
    assert cause.name == ""


def test_names_that_users_chose_can_be_left_out() -> None:
    """Paths, keys, addresses and ids are no attributes then; routes and queues are."""
    options = CauseOptions(with_names=False)
    for name, event in SAMPLES.items():
        attributes = cause_of(event, options=options).attributes
        assert not names.CHOSEN_BY_USERS & attributes.keys(), name
    assert cause_of(REST, options=options).attributes["http.route"] == "/orders/{id}"
    assert cause_of(SQS, options=options).attributes["messaging.destination.name"] == "orders"


@pytest.mark.parametrize("method", ["BREW", "get the tea", "x" * 300])
def test_an_unknown_method_names_no_span(method: str) -> None:
    """It may be anything, so that there would be no end of names."""
    cause = cause_of({**ALB, "httpMethod": method})
    assert cause.name == "HTTP"
    assert cause.attributes["http.request.method"] == "_OTHER"
