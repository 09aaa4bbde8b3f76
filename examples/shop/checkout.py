"""Takes an order over HTTP and notifies three services, each in another way: SNS, EventBridge, SQS.

Every message names this invocation's span, in one of the places where services write it. No SDK of
OpenTelemetry is needed: with active tracing, Lambda says which span it is.
"""

import json
import os
from typing import Any

import boto3

sns, events, sqs = (boto3.client(name) for name in ("sns", "events", "sqs"))


def current_span() -> tuple[str, str]:
    """Return the trace id and the span id of this invocation."""
    fields = dict(pair.split("=", 1) for pair in os.environ["_X_AMZN_TRACE_ID"].split(";"))
    return fields["Root"].removeprefix("1-").replace("-", ""), fields["Parent"]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Place one order."""
    order = json.loads(event["body"])
    trace_id, span_id = current_span()
    traceparent = f"00-{trace_id}-{span_id}-01"
    sns.publish(
        TopicArn=os.environ["TOPIC_ARN"],
        Message=json.dumps(order),
        MessageAttributes={"traceparent": {"DataType": "String", "StringValue": traceparent}},
    )
    detail = {**order, "trace_id": trace_id, "span_id": span_id}
    events.put_events(
        Entries=[
            {
                "EventBusName": os.environ["BUS_NAME"],
                "Source": "shop.checkout",
                "DetailType": "OrderPlaced",
                "Detail": json.dumps(detail),
            }
        ]
    )
    carrier = json.dumps({"traceparent": traceparent})
    sqs.send_message(
        QueueUrl=os.environ["QUEUE_URL"],
        MessageBody=json.dumps(order),
        MessageAttributes={"_datadog": {"DataType": "String", "StringValue": carrier}},
    )
    return {"statusCode": 202, "body": json.dumps({"order": order["order"]})}
