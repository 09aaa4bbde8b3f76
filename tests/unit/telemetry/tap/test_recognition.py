"""Which service an event is from, and what its span is called."""

from __future__ import annotations

import pytest

from extension.telemetry.tap import names
from extension.telemetry.tap.cause import cause_of
from extension.telemetry.tap.facts import Source, cloud_event
from extension.telemetry.tap.recognition import SOURCES
from extension.telemetry.tap.store_events import OBJECT_LAMBDA
from tests.unit.telemetry.tap.samples import (
    AGENT_CALL,
    ALB,
    APPSYNC,
    DOCUMENTDB,
    DYNAMODB,
    FIREHOSE,
    HTTP_API,
    KINESIS,
    RABBITMQ,
    REST,
    S3,
    SAMPLES,
    SENT_NS,
    SQS,
    STEP,
    STREAM_ARN,
    WEBSOCKET,
    source_of,
)

TIMES_UNKNOWN = {
    "api_gateway.authorizer by token", "appsync", "appsync.authorizer", "appsync.events",
    "cloudwatch.logs", "direct", "durable_execution", "s3.batch", "s3.object_lambda",
    "vpc_lattice of version 1",
}  # fmt: skip
"""Samples whose events have no time at all."""

TRIGGERS = {
    "pubsub": {
        "activemq", "cloudevents", "cloudwatch.logs", "eventbridge", "firehose", "kafka", "kinesis",
        "lambda.destination", "rabbitmq", "ses", "sns", "sqs",
    },
    "datasource": {"documentdb", "dynamodb", "eventbridge.s3", "s3", "s3.batch"},
    "timer": {"eventbridge.schedule", "eventbridge.scheduler"},
    "http": {
        "alb", "api_gateway.authorizer", "api_gateway.http", "api_gateway.rest",
        "api_gateway.websocket", "appsync", "appsync.authorizer", "appsync.events", "cloudfront",
        "function_url", "s3.object_lambda", "vpc_lattice",
    },
}  # fmt: skip

SPAN_NAMES = {
    "activemq": "process kettle",
    "alb": "GET",
    "api_gateway.http": "POST /orders/{id}",
    "api_gateway.http in format 1.0": "POST /orders/{id}",
    "api_gateway.rest": "POST /orders/{id}",
    "api_gateway.websocket": "$connect",
    "appsync": "Mutation.placeOrder",
    "cloudwatch.logs": "process /aws/lambda/tea",
    "eventbridge": "process Order placed",
    "firehose": "process archive",
    "function_url": "POST",
    "kafka": "process brews",
    "kinesis": "process clicks",
    "rabbitmq": "process kettle",
    "sns": "process order-placed",
    "sqs": "process orders",
    "vpc_lattice": "GET",
    "vpc_lattice of version 1": "GET",
}
"""Every other span is called like the function."""


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_is_recognised(name: str) -> None:
    """An event of a service has that service as its source."""
    assert cause_of(SAMPLES[name]).source == source_of(name)


def test_every_row_has_a_sample() -> None:
    """No row of a table is untested, except those of rare services."""
    rare = {
        "cloudwatch.dashboard",
        "iot.button",
        "iot.provisioning",
        "sagemaker.ground_truth",
        "workmail",
    }
    sampled = {source_of(name) for name in SAMPLES}
    assert {row.name for row in SOURCES} - sampled == rare


@pytest.mark.parametrize("row", SOURCES, ids=lambda row: row.name)
def test_a_row_knows_its_own_events_only(row: Source) -> None:
    """No row takes an event away from another that is asked after it."""
    others = [name for name in SAMPLES if cause_of(SAMPLES[name]).source != row.name]
    later = SOURCES[SOURCES.index(row) + 1 :]
    after = {each.name for each in later}
    taken = [name for name in others if source_of(name) in after and row.matches(SAMPLES[name])]
    assert taken == []


@pytest.mark.parametrize("name", SAMPLES)
def test_the_trigger_is_of_the_conventions(name: str) -> None:
    """What has no trigger of the conventions is `other`; messages are consumed."""
    cause = cause_of(SAMPLES[name])
    expected = [trigger for trigger, those in TRIGGERS.items() if source_of(name) in those]
    assert cause.trigger == (expected[0] if expected else "other")
    assert cause.attributes[names.FAAS_TRIGGER] == cause.trigger
    assert cause.kind == ("consumer" if cause.trigger == "pubsub" else "server")


@pytest.mark.parametrize("name", SAMPLES)
def test_the_span_is_named_after_what_it_works_on(name: str) -> None:
    """A route or a queue names the span where there is one."""
    assert cause_of(SAMPLES[name]).name == SPAN_NAMES.get(name, "")


@pytest.mark.parametrize("name", SAMPLES)
def test_the_time_of_the_event_is_read(name: str) -> None:
    """Whatever unit or form a service writes it in, it is the same moment."""
    cause = cause_of(SAMPLES[name])
    by_services = cause.trigger == "other" and source_of(name) not in (
        "cloudwatch.alarm",
        "step_functions",
    )
    is_unknown = name in TIMES_UNKNOWN or by_services or source_of(name) in ("cloudfront", "ses")
    assert cause.sent_ns == (0 if is_unknown else SENT_NS)


def test_a_batch_of_resolvers_is_one_field() -> None:
    """AppSync's batch is a list of requests of the same field, or of one."""
    for batch in ([APPSYNC], [APPSYNC, APPSYNC]):
        assert cause_of(batch).name == "Mutation.placeOrder"


def test_a_pipe_passes_records_on_in_a_list() -> None:
    """Those of queues and tables as they are, those of streams in one object each."""
    record = KINESIS["Records"][0]
    flat = record["kinesis"] | {key: record[key] for key in record if key != "kinesis"}
    for event, piped in ((SQS, SQS["Records"]), (DYNAMODB, DYNAMODB["Records"]), (KINESIS, [flat])):
        assert cause_of(piped) == cause_of(event)
    assert cause_of([record, 7]).source == "kinesis"


def test_the_last_call_of_a_window_may_have_no_records() -> None:
    """The end of a tumbling window is still the stream's."""
    event = {
        "Records": [],
        "eventSourceARN": STREAM_ARN,
        "window": {"start": "2025-11-27T08:00:00Z", "end": "2025-11-27T08:05:00Z"},
        "isFinalInvokeForWindow": True,
    }
    cause = cause_of(event)
    assert cause.source == cause_of(DYNAMODB).source
    assert cause.attributes[names.DOCUMENT_COLLECTION] == "Orders"


def test_a_health_check_says_so() -> None:
    """The checks of a load balancer can be distinguished from the traffic of users."""
    event = {**ALB, "headers": {"user-agent": "ELB-HealthChecker/2.0"}}
    assert cause_of(event).attributes[names.DETAIL] == "health check"


@pytest.mark.parametrize(
    "event",
    [
        None,
        7,
        "text",
        [],
        [1],
        {},
        {"Records": []},
        {"Records": [7]},
        {"resource": "/teas", "path": "/teas"},
        {"resource": "/teas", "httpMethod": "GET"},
        {"path": "/teas", "httpMethod": "GET"},
        {"version": "2.0", "requestContext": {}},
        {"specversion": "1.0", "type": "tea"},
        {"source": "aws.cloudwatch"},
        {"source": "aws.scheduler", "detail-type": ""},
        {"triggerSource": "PreSignUp_SignUp"},
        {"RequestType": "Create", "StackId": "tea"},
        {"session": {}, "request": {"type": "tea"}},
        {"messageVersion": "1.0", "agent": {}},
        {"bot": {}},
        {"type": "TOKEN"},
        {"StateMachine": STEP["StateMachine"]},
        {key: STEP[key] for key in ("StateMachine", "State")},
        {"type": "REQUEST", "authorizationToken": "tea"},
        {"window": "open"},
        {"eventSourceARN": STREAM_ARN},
        {"eventSourceARN": KINESIS["Records"][0]["eventSourceARN"]},
        {"info": {"fieldName": "tea"}},
        {"typeName": "Tea", "fieldName": "tea"},
        {"eventSource": "tea", "messages": [{"destination": {"physicalName": "kettle"}}]},
        {"eventSource": "tea", "records": {"brews-0": []}},
        {"eventSource": "aws:rmq"},
        {"DurableExecutionArn": "tea", "CheckpointToken": "tea"},
        {"requestPayload": {}},
        {"detail-type": "Order placed"},
        {"requestContext": {"connectionId": "EbNnYeQgFiACHPA="}},
        {"requestContext": {"condition": "Success"}},
        {"xAmzRequestId": "1"},
        {"getObjectContext": {}},
        {"invocationSchemaVersion": "1.0"},
    ],
)
def test_anything_else_is_a_direct_invoke(event: object) -> None:
    """What no service sends has a cause all the same."""
    cause = cause_of(event)
    assert (cause.source, cause.trigger, cause.parent, cause.links) == ("direct", "other", None, ())


def test_a_request_s_path_may_stand_in_the_context_alone() -> None:
    """Frameworks that make up events for their tests leave out the rest."""
    event = {key: value for key, value in HTTP_API.items() if key not in ("rawPath", "routeKey")}
    cause = cause_of(event)
    assert cause.attributes[names.URL_PATH] == "/orders/7"
    assert cause.name == "POST /orders/{id}"


@pytest.mark.parametrize("kind", OBJECT_LAMBDA)
def test_each_request_of_object_lambda_is_known(kind: str) -> None:
    """The detail says which one it is."""
    event = {"xAmzRequestId": "1", kind: {"inputS3Url": "https://tea.example"}}
    cause = cause_of(event)
    assert cause.source == "s3.object_lambda"
    assert f"{cause.attributes[names.DETAIL]}Context" == kind


def test_a_field_of_a_type_has_no_operation() -> None:
    """Only the fields of the three root types are operations."""
    info = {**APPSYNC["info"], "parentTypeName": "Order"}
    cause = cause_of({**APPSYNC, "info": info})
    assert cause.name == "Order.placeOrder"
    assert names.GRAPHQL_OPERATION_TYPE not in cause.attributes


def test_a_request_of_unknown_form_has_few_attributes() -> None:
    """What is absent is not made up."""
    event = {"requestContext": {"elb": {"targetGroupArn": "a"}}, "path": "tea", "httpMethod": ""}
    assert set(cause_of(event).attributes) == {names.FAAS_TRIGGER, names.SOURCE, names.URL_SCHEME}
    assert cause_of(event).sent_ns == 0


def test_a_task_of_either_version_names_its_bucket() -> None:
    """The newer one by name, the older by ARN."""
    for task in ({"s3Bucket": "tea-pictures"}, {"s3BucketArn": "arn:aws:s3:::tea-pictures"}):
        event = {"invocationSchemaVersion": "2.0", "tasks": [{"taskId": "1", **task}]}
        assert cause_of(event).attributes[names.AWS_S3_BUCKET] == "tea-pictures"


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("ObjectCreated:Put", "insert"),
        ("s3:ObjectRemoved:Delete", "delete"),
        ("LifecycleExpiration:Delete", "delete"),
        ("ObjectRestore:Completed", None),
    ],
)
def test_what_was_done_to_an_object_is_told(kind: str, operation: str | None) -> None:
    """What changed no object is no operation of the conventions."""
    event = {"Records": [{**S3["Records"][0], "eventName": kind}]}
    assert cause_of(event).attributes.get(names.DOCUMENT_OPERATION) == operation


@pytest.mark.parametrize(
    ("kinds", "operation"),
    [
        (["INSERT"], "insert"),
        (["MODIFY", "MODIFY"], "edit"),
        (["REMOVE"], "delete"),
        (["INSERT", "REMOVE"], None),
    ],
)
def test_what_was_done_to_items_is_told(kinds: list[str], operation: str | None) -> None:
    """If it was the same for all."""
    records = [{**DYNAMODB["Records"][0], "eventName": kind} for kind in kinds]
    found = cause_of({"Records": records}).attributes
    assert found.get(names.DOCUMENT_OPERATION) == operation


@pytest.mark.parametrize(
    ("kind", "operation"),
    [("insert", "insert"), ("update", "edit"), ("replace", "edit"), ("delete", "delete")],
)
def test_what_was_done_to_a_document_is_told(kind: str, operation: str) -> None:
    """With the collection that it is in."""
    change = {**DOCUMENTDB["events"][0]["event"], "operationType": kind}
    attributes = cause_of({**DOCUMENTDB, "events": [{"event": change}]}).attributes
    assert attributes[names.DOCUMENT_OPERATION] == operation
    assert attributes[names.DOCUMENT_COLLECTION] == "tea/orders"


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("Nov 27, 2025, 8:00:00 AM", SENT_NS),
        ("Nov 27, 2025, 8:00:00\u202fPM", SENT_NS + 12 * 3600 * 10**9),
        ("Nov 27, 2025, 12:00:00 AM", SENT_NS - 8 * 3600 * 10**9),
        (SENT_NS // 1_000_000, SENT_NS),
        ("Mar 27, 2025, 8:00:00 AM", SENT_NS - 245 * 86_400 * 10**9),
        ("Nov 31, 2025, 8:00:00 AM", 0),
        ("Foo 27, 2025, 8:00:00 AM", 0),
        ("now", 0),
        (None, 0),
    ],
)
def test_the_time_of_a_rabbit_is_read(text: object, time_ns: int) -> None:
    """Lambda writes it as Java does, in words."""
    message = RABBITMQ["rmqMessagesByQueue"]["kettle::/"][0]
    properties = {**message["basicProperties"], "timestamp": text}
    messages = {"kettle::/": [{**message, "basicProperties": properties}]}
    assert cause_of({**RABBITMQ, "rmqMessagesByQueue": messages}).sent_ns == time_ns


@pytest.mark.parametrize("missing", ["deliveryStreamArn", "invocationId"])
def test_a_delivery_may_lack_one_of_its_names(missing: str) -> None:
    """Either says that Firehose sent the records."""
    event = {key: value for key, value in FIREHOSE.items() if key != missing}
    assert cause_of(event).source == "firehose"


@pytest.mark.parametrize("missing", ["specversion", "type"])
def test_a_cloud_event_has_a_version_and_a_type(missing: str) -> None:
    """Fields of an object without both are no attributes."""
    fields = {"specversion": "1.0", "type": "tea", "id": "1", "source": "/shop"}
    assert cloud_event(fields)[names.CLOUDEVENTS_ID] == "1"
    assert cloud_event({key: fields[key] for key in fields if key != missing}) == {}


def test_a_window_of_records_ends_without_records() -> None:
    """The final call for a window of Kinesis is the stream's, too."""
    arn = KINESIS["Records"][0]["eventSourceARN"]
    assert cause_of({"window": {}, "Records": [], "eventSourceARN": arn}).source == "kinesis"


@pytest.mark.parametrize("missing", ["eventType", "routeKey"])
def test_a_frame_of_a_websocket_may_lack_its_type_or_its_route(missing: str) -> None:
    """Either says that the request came through a connection."""
    context = {key: value for key, value in WEBSOCKET["requestContext"].items() if key != missing}
    event = {**WEBSOCKET, "requestContext": context}
    assert cause_of(event).source == "api_gateway.websocket"


def test_a_message_of_an_agent_is_no_request() -> None:
    """Whatever else it has: Bedrock and Lex write the version of their messages."""
    assert cause_of({**REST, "messageVersion": "1.0"}).source == "direct"
    assert cause_of({**AGENT_CALL, "path": "/teas", "resource": "/teas"}).source == "bedrock.agent"


def test_a_rest_request_may_have_its_resource_in_the_context_alone() -> None:
    """It still names the span."""
    event = {key: value for key, value in REST.items() if key != "resource"}
    cause = cause_of(event)
    assert (cause.source, cause.name) == ("api_gateway.rest", "POST /orders/{id}")


@pytest.mark.parametrize(
    ("sample", "missing"),
    [("s3", "eventSource"), ("s3", "s3"), ("sns", "EventSource"), ("sns", "Sns")],
)
def test_a_record_is_known_by_its_source_or_by_its_content(sample: str, missing: str) -> None:
    """Services that imitate S3 or SNS do not write all of it."""
    record = {key: each for key, each in SAMPLES[sample]["Records"][0].items() if key != missing}
    assert cause_of({"Records": [record]}).source == sample


def test_the_oldest_change_says_how_long_a_batch_of_items_has_waited() -> None:
    """Wherever it stands in the batch; a change without a time does not count."""
    record = DYNAMODB["Records"][0]
    seconds = record["dynamodb"]["ApproximateCreationDateTime"]
    times = [seconds + 5, seconds, None, seconds + 7]
    records = [
        {**record, "dynamodb": {**record["dynamodb"], "ApproximateCreationDateTime": each}}
        for each in times
    ]
    assert cause_of({"Records": records}).sent_ns == SENT_NS


@pytest.mark.parametrize(
    ("parent", "field", "name"),
    [
        ("Order", "tea", "Order.tea"),
        ("Order; drop", "tea", "tea"),
        ("Order", "tea; drop", ""),
    ],
)
def test_a_field_with_names_of_another_form_names_no_span(
    parent: str, field: str, name: str
) -> None:
    """What is no name of GraphQL is left out; without the field's name there is none."""
    info = {**APPSYNC["info"], "parentTypeName": parent, "fieldName": field}
    assert cause_of({**APPSYNC, "info": info}).name == name
