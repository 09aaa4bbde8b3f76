"""One event of each source, written by the documentation, of a shop that sells tea.

All of them name the span `SPAN` where their source lets a publisher or a caller name one, and were
accepted at `SENT_NS`. Texts whose fields hold what must stay secret have `SECRET` in them.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SPAN = (int(TRACE_ID, 16), int(SPAN_ID, 16))
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
XRAY = f"Root=1-{TRACE_ID[:8]}-{TRACE_ID[8:]};Parent={SPAN_ID};Sampled=1"
SENT_MS = 1_764_230_400_000
SENT_NS = SENT_MS * 1_000_000
SENT = "2025-11-27T08:00:00.000Z"
SECRET = "correct-horse-battery-staple"
ACCOUNT = "111122223333"
REGION = "eu-central-1"
AGENT = "tea-app/3.1"
HOST = "api.tea.example"
ADDRESS = "203.0.113.9"
QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"
TOPIC_ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:order-placed"

Event = dict[str, Any]


def packed(value: Any) -> str:
    """Return JSON in base64."""
    return base64.b64encode(json.dumps(value).encode()).decode()


def numbers(text: str) -> list[int]:
    """Return bytes as Java writes them."""
    return [byte - 256 if byte > 127 else byte for byte in text.encode()]


ORDER: Event = {"order": 7, "card": SECRET}
HEADERS = {
    "Host": HOST,
    "User-Agent": AGENT,
    "X-Forwarded-For": f"{ADDRESS}, 198.51.100.1",
    "X-Forwarded-Proto": "https",
    "Authorization": f"Bearer {SECRET}",
    "Cookie": f"session={SECRET}",
    "traceparent": TRACEPARENT,
    "tracestate": "tea=1",
}
LOWER_HEADERS = {name.lower(): text for name, text in HEADERS.items()}
QUERY = {"coupon": SECRET}
SQS_ATTRIBUTE = {"traceparent": {"stringValue": TRACEPARENT, "dataType": "String"}}
SNS_ATTRIBUTE = {"traceparent": {"Type": "String", "Value": TRACEPARENT}}

REST: Event = {
    "resource": "/orders/{id}",
    "path": "/orders/7",
    "httpMethod": "POST",
    "headers": HEADERS,
    "multiValueHeaders": {name: [text] for name, text in HEADERS.items()},
    "queryStringParameters": QUERY,
    "multiValueQueryStringParameters": {"coupon": [SECRET]},
    "pathParameters": {"id": "7"},
    "stageVariables": {"key": SECRET},
    "requestContext": {
        "resourceId": "abc123",
        "resourcePath": "/orders/{id}",
        "httpMethod": "POST",
        "path": "/live/orders/7",
        "accountId": ACCOUNT,
        "protocol": "HTTP/1.1",
        "stage": "live",
        "domainName": HOST,
        "requestTimeEpoch": SENT_MS,
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "identity": {"sourceIp": ADDRESS, "userAgent": AGENT, "apiKey": SECRET},
        "authorizer": {"principalId": SECRET},
    },
    "body": json.dumps(ORDER),
    "isBase64Encoded": False,
}

HTTP_API: Event = {
    "version": "2.0",
    "routeKey": "POST /orders/{id}",
    "rawPath": "/orders/7",
    "rawQueryString": f"coupon={SECRET}",
    "cookies": [f"session={SECRET}"],
    "headers": LOWER_HEADERS,
    "queryStringParameters": QUERY,
    "requestContext": {
        "accountId": ACCOUNT,
        "apiId": "a1b2c3",
        "authorizer": {"jwt": {"claims": {"sub": SECRET}}},
        "domainName": HOST,
        "http": {
            "method": "POST",
            "path": "/orders/7",
            "protocol": "HTTP/1.1",
            "sourceIp": ADDRESS,
            "userAgent": AGENT,
        },
        "requestId": "JKJaXmPLvHcESHA=",
        "routeKey": "POST /orders/{id}",
        "stage": "$default",
        "timeEpoch": SENT_MS,
    },
    "body": json.dumps(ORDER),
    "isBase64Encoded": False,
}

URL_HOST = f"teashopteashop.lambda-url.{REGION}.on.aws"
FUNCTION_URL: Event = {
    **HTTP_API,
    "routeKey": "$default",
    "requestContext": {
        **HTTP_API["requestContext"],
        "routeKey": "$default",
        "domainName": URL_HOST,
    },
}

HTTP_API_1: Event = {**REST, "version": "1.0"}

GROUP_ARN = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/tea/6d0ecf831eec9f09"
ALB: Event = {
    "requestContext": {"elb": {"targetGroupArn": GROUP_ARN}},
    "httpMethod": "GET",
    "path": "/teas",
    "queryStringParameters": QUERY,
    "headers": {**LOWER_HEADERS, "x-amzn-trace-id": f"Root=1-{SENT_MS // 1000:08x}-{'a' * 24}"},
    "body": "",
    "isBase64Encoded": False,
}

LATTICE: Event = {
    "version": "2.0",
    "path": "/teas",
    "method": "GET",
    "headers": {name.lower(): [text] for name, text in HEADERS.items()},
    "queryStringParameters": {"coupon": [SECRET]},
    "body": json.dumps(ORDER),
    "requestContext": {
        "serviceNetworkArn": f"arn:aws:vpc-lattice:{REGION}:{ACCOUNT}:servicenetwork/sn-1",
        "serviceArn": f"arn:aws:vpc-lattice:{REGION}:{ACCOUNT}:service/svc-1",
        "identity": {"principal": SECRET},
        "timeEpoch": str(SENT_MS * 1000),
    },
}

LATTICE_1: Event = {
    "raw_path": "/teas",
    "method": "GET",
    "headers": LOWER_HEADERS,
    "query_string_parameters": QUERY,
    "body": json.dumps(ORDER),
    "is_base64_encoded": False,
}

WEBSOCKET: Event = {
    "headers": HEADERS,
    "requestContext": {
        "routeKey": "$connect",
        "eventType": "CONNECT",
        "connectionId": "EbNnYeQgFiACHPA=",
        "requestTimeEpoch": SENT_MS,
        "domainName": HOST,
        "stage": "live",
        "identity": {"sourceIp": ADDRESS, "userAgent": AGENT},
        "authorizer": {"principalId": SECRET},
    },
    "body": json.dumps(ORDER),
}

METHOD_ARN = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:a1b2c3/live/POST/orders/7"
TOKEN_AUTHORIZER: Event = {
    "type": "TOKEN",
    "authorizationToken": SECRET,
    "methodArn": METHOD_ARN,
}
REQUEST_AUTHORIZER: Event = {**REST, "type": "REQUEST", "methodArn": METHOD_ARN}
HTTP_AUTHORIZER: Event = {
    **HTTP_API,
    "type": "REQUEST",
    "routeArn": METHOD_ARN,
    "identitySource": [SECRET],
}
APPSYNC_AUTHORIZER: Event = {
    "authorizationToken": SECRET,
    "requestContext": {
        "apiId": "a1b2c3",
        "accountId": ACCOUNT,
        "requestId": "f4081827-1111-4444-5555-5cf4695f339f",
        "queryString": f"query {{ tea(key: {SECRET}) }}",
        "variables": {"key": SECRET},
    },
    "requestHeaders": LOWER_HEADERS,
}

APPSYNC: Event = {
    "arguments": {"card": SECRET},
    "identity": {"sub": SECRET, "sourceIp": [ADDRESS]},
    "source": {"card": SECRET},
    "request": {"headers": LOWER_HEADERS, "domainName": None},
    "prev": {"result": SECRET},
    "info": {
        "selectionSetGraphQL": f"{{ {SECRET} }}",
        "parentTypeName": "Mutation",
        "fieldName": "placeOrder",
        "variables": {"card": SECRET},
    },
    "stash": {},
}
APPSYNC_EVENTS: Event = {
    "identity": {"sub": SECRET},
    "request": {"headers": LOWER_HEADERS},
    "info": {
        "channel": {"path": f"/orders/{SECRET}", "segments": ["orders", SECRET]},
        "channelNamespace": {"name": "orders"},
        "operation": "PUBLISH",
    },
    "events": [{"id": "1", "payload": ORDER}],
}


def sqs_record(body: Any = ORDER, *, attributes: Event | None = None, number: int = 1) -> Event:
    """Return a message of the queue."""
    return {
        "messageId": f"059f36b4-87a3-44ab-83d2-66197500000{number}",
        "receiptHandle": SECRET,
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(SENT_MS),
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": str(SENT_MS + 40),
        },
        "messageAttributes": SQS_ATTRIBUTE if attributes is None else attributes,
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE_ARN,
        "awsRegion": REGION,
    }


SQS: Event = {"Records": [sqs_record()]}

SNS: Event = {
    "Records": [
        {
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": f"{TOPIC_ARN}:21be56ed-a058-49f5-8c98-aedd2564c486",
            "Sns": {
                "Type": "Notification",
                "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
                "TopicArn": TOPIC_ARN,
                "Subject": SECRET,
                "Message": json.dumps(ORDER),
                "Timestamp": SENT,
                "SignatureVersion": "1",
                "Signature": SECRET,
                "SigningCertUrl": f"https://sns.example/cert?{SECRET}",
                "UnsubscribeUrl": f"https://sns.example/?Token={SECRET}",
                "MessageAttributes": SNS_ATTRIBUTE,
            },
        }
    ]
}


def notification(message: Any = ORDER, *, attributes: Event | None = None) -> Event:
    """Return what a topic puts into a queue."""
    return {
        "Type": "Notification",
        "MessageId": "d6c0f2a1-0000-4000-8000-000000000001",
        "TopicArn": TOPIC_ARN,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": SENT,
        "Signature": SECRET,
        "UnsubscribeURL": f"https://sns.example/?Token={SECRET}",
        "MessageAttributes": SNS_ATTRIBUTE if attributes is None else attributes,
    }


EVENTBRIDGE: Event = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Order placed",
    "source": "shop.orders",
    "account": ACCOUNT,
    "time": "2025-11-27T08:00:00Z",
    "region": REGION,
    "resources": [f"arn:aws:tea:{REGION}:{ACCOUNT}:{SECRET}"],
    "detail": {**ORDER, "traceparent": TRACEPARENT},
}
SCHEDULED: Event = {
    **EVENTBRIDGE,
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/every-morning"],
    "detail": {},
}
SCHEDULER: Event = {
    **SCHEDULED,
    "source": "aws.scheduler",
    "resources": [f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/every-morning"],
    "detail": "{}",
}
S3_BY_BUS: Event = {
    **EVENTBRIDGE,
    "detail-type": "Object Created",
    "source": "aws.s3",
    "detail": {
        "version": "0",
        "bucket": {"name": "tea-pictures"},
        "object": {"key": "new/green tea.png", "size": 5, "etag": "b1946ac9", "sequencer": "00"},
        "request-id": "C3D13FE58DE4C810",
        "requester": ACCOUNT,
        "source-ip-address": ADDRESS,
    },
}
ALARM: Event = {
    "source": "aws.cloudwatch",
    "alarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:cold-tea",
    "accountId": ACCOUNT,
    "time": "2025-11-27T08:00:00.000+0000",
    "region": REGION,
    "alarmData": {
        "alarmName": "cold-tea",
        "state": {"value": "ALARM", "reason": SECRET, "timestamp": "2025-11-27T08:00:00.000+0000"},
        "configuration": {"description": SECRET},
    },
}
CLOUDEVENT: Event = {
    "specversion": "1.0",
    "id": "A234-1234-1234",
    "source": f"https://user:{SECRET}@shop.example/orders?key={SECRET}",
    "type": "example.shop.order.placed",
    "subject": SECRET,
    "time": "2025-11-27T08:00:00Z",
    "datacontenttype": "application/json",
    "traceparent": TRACEPARENT,
    "data": ORDER,
}

S3: Event = {
    "Records": [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": REGION,
            "eventTime": SENT,
            "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": SECRET},
            "requestParameters": {"sourceIPAddress": ADDRESS},
            "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "new-pictures",
                "bucket": {"name": "tea-pictures", "arn": "arn:aws:s3:::tea-pictures"},
                "object": {"key": "new/green+tea.png", "size": 5, "eTag": "b1946ac9"},
            },
        }
    ]
}
STREAM_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Orders/stream/2025-11-01T00:00:00.000"
DYNAMODB: Event = {
    "Records": [
        {
            "eventID": "c4ca4238a0b923820dcc509a6f75849b",
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": {
                "ApproximateCreationDateTime": SENT_MS // 1000,
                "Keys": {"Card": {"S": SECRET}},
                "NewImage": {"Card": {"S": SECRET}},
                "SequenceNumber": "111",
                "SizeBytes": 26,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "eventSourceARN": STREAM_ARN,
        }
    ]
}
DOCUMENTDB: Event = {
    "eventSourceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:tea",
    "eventSource": "aws:docdb",
    "events": [
        {
            "event": {
                "_id": {"_data": "0163eeb6e7000000090100000009000041e1"},
                "clusterTime": {"$timestamp": {"t": SENT_MS // 1000, "i": 9}},
                "documentKey": {"_id": {"$oid": SECRET}},
                "fullDocument": ORDER,
                "ns": {"db": "tea", "coll": "orders"},
                "operationType": "update",
            }
        }
    ],
}
OBJECT_LAMBDA: Event = {
    "xAmzRequestId": "1a5ed718-5f53-471d-b6fe-5cf62d88d02a",
    "getObjectContext": {
        "inputS3Url": f"https://tea.s3.example/a?X-Amz-Signature={SECRET}",
        "outputRoute": "io-use1-001",
        "outputToken": SECRET,
    },
    "configuration": {
        "accessPointArn": f"arn:aws:s3-object-lambda:{REGION}:{ACCOUNT}:accesspoint/tea-ap",
        "payload": SECRET,
    },
    "userRequest": {
        "url": f"https://tea.s3.example/a?X-Amz-Security-Token={SECRET}",
        "headers": HEADERS,
    },
    "userIdentity": {"accessKeyId": SECRET},
    "protocolVersion": "1.00",
}
S3_BATCH: Event = {
    "invocationSchemaVersion": "1.0",
    "invocationId": "YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo",
    "job": {"id": "f3cc4f60-61f6-4a2b-8a21-d07600c373ce"},
    "tasks": [{"taskId": "dGFzaw", "s3Key": SECRET, "s3BucketArn": "arn:aws:s3:::tea-pictures"}],
}

SEQUENCE = "49590338271490256608559692538361571095921575989136588898"
KINESIS: Event = {
    "Records": [
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": SECRET,
                "sequenceNumber": SEQUENCE,
                "data": packed({**ORDER, "traceparent": TRACEPARENT}),
                "approximateArrivalTimestamp": SENT_MS / 1000,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"shardId-000000000006:{SEQUENCE}",
            "eventName": "aws:kinesis:record",
            "awsRegion": REGION,
            "eventSourceARN": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/clicks",
        }
    ]
}
FIREHOSE: Event = {
    "invocationId": "4c4bbe0e-6d0e-4b5f-9a41-1d1c1d1c1d1c",
    "deliveryStreamArn": f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/archive",
    "region": REGION,
    "records": [
        {
            "recordId": "record1",
            "approximateArrivalTimestamp": SENT_MS,
            "data": packed(ORDER),
        }
    ],
}
LOG_LINES = {
    "messageType": "DATA_MESSAGE",
    "owner": ACCOUNT,
    "logGroup": "/aws/lambda/tea",
    "logStream": "2025/11/27/[$LATEST]abc",
    "subscriptionFilters": ["all"],
    "logEvents": [{"id": "1", "timestamp": SENT_MS, "message": SECRET}],
}
CLOUDWATCH_LOGS: Event = {
    "awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(LOG_LINES).encode())).decode()}
}

KAFKA: Event = {
    "eventSource": "aws:kafka",
    "eventSourceArn": f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/tea/751d2973-a626",
    "bootstrapServers": "b-1.tea.kafka.example:9092",
    "records": {
        "brews-0": [
            {
                "topic": "brews",
                "partition": 0,
                "offset": 15,
                "timestamp": SENT_MS,
                "timestampType": "CREATE_TIME",
                "key": packed(SECRET),
                "value": packed(ORDER),
                "headers": [{"traceparent": numbers(TRACEPARENT)}, {"who": numbers("Zoë")}],
            }
        ]
    },
}
BROKER_ARN = f"arn:aws:mq:{REGION}:{ACCOUNT}:broker:tea:b-9bcfa592-423a-4942-879d-eb284b418fc8"
ACTIVEMQ: Event = {
    "eventSource": "aws:mq",
    "eventSourceArn": BROKER_ARN,
    "messages": [
        {
            "messageID": "ID:b-9bcfa592-1.mq.example-37557-1234520418293-4:1:1:1:1",
            "messageType": "jms/text-message",
            "deliveryMode": 1,
            "timestamp": SENT_MS,
            "brokerInTime": SENT_MS + 10,
            "redelivered": False,
            "destination": {"physicalName": "kettle"},
            "data": packed(ORDER),
            "properties": {"traceparent": TRACEPARENT, "who": SECRET},
        }
    ],
}
RABBITMQ: Event = {
    "eventSource": "aws:rmq",
    "eventSourceArn": BROKER_ARN,
    "rmqMessagesByQueue": {
        "kettle::/": [
            {
                "basicProperties": {
                    "contentType": "application/json",
                    "headers": {"traceparent": {"bytes": numbers(TRACEPARENT)}},
                    "deliveryMode": 1,
                    "correlationId": SECRET,
                    "replyTo": SECRET,
                    "expiration": "60000",
                    "messageId": "m-1",
                    "timestamp": "Nov 27, 2025, 8:00:00 AM",
                    "userId": SECRET,
                    "bodySize": 80,
                },
                "redelivered": False,
                "data": packed(ORDER),
            }
        ]
    },
}

FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:tea"
STEP: Event = {
    **ORDER,
    "Execution": {
        "Id": f"arn:aws:states:{REGION}:{ACCOUNT}:execution:Brew:run-1",
        "Input": ORDER,
        "Name": "run-1",
        "StartTime": SENT,
    },
    "StateMachine": {"Id": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:Brew", "Name": "Brew"},
    "State": {"Name": "Boil", "EnteredTime": SENT, "RetryCount": 0},
    "traceparent": TRACEPARENT,
}
DURABLE: Event = {
    "DurableExecutionArn": f"{FUNCTION_ARN}:1/durable-execution/a/b",
    "CheckpointToken": SECRET,
    "InitialExecutionState": {
        "Operations": [
            {
                "Id": "a",
                "Type": "EXECUTION",
                "Status": "STARTED",
                "ExecutionDetails": {"InputPayload": json.dumps(HTTP_API)},
            }
        ],
        "NextMarker": "",
    },
}
DESTINATION: Event = {
    "version": "1.0",
    "timestamp": SENT,
    "requestContext": {
        "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
        "functionArn": f"{FUNCTION_ARN}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    },
    "requestPayload": {**ORDER, "traceparent": TRACEPARENT},
    "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
    "responsePayload": {"errorMessage": SECRET},
}
DIRECT: Event = {**ORDER, "traceparent": TRACEPARENT, "method": "brew"}

COGNITO: Event = {
    "version": "1",
    "triggerSource": "PreSignUp_SignUp",
    "region": REGION,
    "userPoolId": f"{REGION}_abc",
    "userName": SECRET,
    "callerContext": {"awsSdkVersion": "3", "clientId": "abc"},
    "request": {"userAttributes": {"email": SECRET}},
    "response": {},
}
CLOUDFORMATION: Event = {
    "RequestType": "Create",
    "ResponseURL": f"https://cfn.s3.example/?X-Amz-Signature={SECRET}",
    "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/tea/1",
    "RequestId": "unique-id",
    "ResourceType": "Custom::Tea",
    "LogicalResourceId": "Tea",
    "ResourceProperties": {"Password": SECRET},
}
CODEPIPELINE: Event = {
    "CodePipeline.job": {
        "id": "11111111-abcd-1111-abcd-111111abcdef",
        "accountId": ACCOUNT,
        "data": {
            "artifactCredentials": {"secretAccessKey": SECRET, "sessionToken": SECRET},
            "continuationToken": SECRET,
        },
    }
}
SES: Event = {
    "Records": [
        {
            "eventVersion": "1.0",
            "eventSource": "aws:ses",
            "ses": {"mail": {"source": SECRET, "commonHeaders": {"subject": SECRET}}},
        }
    ]
}
CODECOMMIT: Event = {
    "Records": [
        {
            "eventId": "5a824061",
            "eventSource": "aws:codecommit",
            "userIdentityARN": f"arn:aws:iam::{ACCOUNT}:user/{SECRET}",
        }
    ]
}
EDGE: Event = {
    "Records": [
        {
            "cf": {
                "config": {"distributionId": "EDFDVBD6EXAMPLE", "eventType": "viewer-request"},
                "request": {"uri": "/", "querystring": SECRET},
            }
        }
    ]
}
SYNC: Event = {
    "version": 2,
    "eventType": "SyncTrigger",
    "identityPoolId": SECRET,
    "identityId": SECRET,
    "datasetRecords": {"key": {"newValue": SECRET}},
}
CODEDEPLOY: Event = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": SECRET}
CONFIG: Event = {
    "invokingEvent": json.dumps(ORDER),
    "ruleParameters": SECRET,
    "resultToken": SECRET,
    "configRuleName": "tea-is-hot",
}
AGENT_CALL: Event = {
    "messageVersion": "1.0",
    "agent": {"name": "brewer", "id": "A", "alias": "B", "version": "1"},
    "inputText": SECRET,
    "sessionId": SECRET,
    "actionGroup": "kettle",
    "apiPath": f"/teas/{SECRET}",
    "httpMethod": "GET",
    "sessionAttributes": {"key": SECRET},
}
LEX: Event = {
    "messageVersion": "1.0",
    "invocationSource": "DialogCodeHook",
    "inputTranscript": SECRET,
    "sessionId": SECRET,
    "bot": {"name": "Brewer", "aliasName": "live"},
    "sessionState": {"intent": {"name": "OrderTea"}},
}
CONNECT: Event = {
    "Name": "ContactFlowEvent",
    "Details": {
        "ContactData": {"Channel": "VOICE", "CustomerEndpoint": {"Address": SECRET}},
        "Parameters": {"key": SECRET},
    },
}
ALEXA: Event = {
    "version": "1.0",
    "session": {"user": {"userId": SECRET, "accessToken": SECRET}},
    "context": {"System": {"apiAccessToken": SECRET}},
    "request": {"type": "IntentRequest", "intent": {"name": "OrderTea"}},
}
SMART_HOME: Event = {
    "directive": {
        "header": {"namespace": "Alexa.PowerController", "name": "TurnOn"},
        "endpoint": {"scope": {"token": SECRET}},
        "payload": {},
    }
}
ROTATION: Event = {"Step": "createSecret", "SecretId": SECRET, "ClientRequestToken": SECRET}
ANALYTICS: Event = {
    "invocationId": "00540a87-5050-496a-84e4-e7d92bbaf5e2",
    "applicationArn": f"arn:aws:kinesisanalytics:{REGION}:{ACCOUNT}:application/tea",
    "records": [{"recordId": "1", "data": packed(ORDER)}],
}
VPN: Event = {"connection-id": "cvpn-1", "endpoint-id": "e-1", "username": SECRET}
IOT_AUTHORIZER: Event = {
    "token": SECRET,
    "protocols": ["mqtt"],
    "protocolData": {"mqtt": {"password": SECRET}},
}

SAMPLES: dict[str, Event] = {
    "activemq": ACTIVEMQ,
    "alb": ALB,
    "alexa": ALEXA,
    "alexa.smart_home": SMART_HOME,
    "api_gateway.authorizer": REQUEST_AUTHORIZER,
    "api_gateway.authorizer by token": TOKEN_AUTHORIZER,
    "api_gateway.authorizer of HTTP": HTTP_AUTHORIZER,
    "api_gateway.http": HTTP_API,
    "api_gateway.http in format 1.0": HTTP_API_1,
    "api_gateway.rest": REST,
    "api_gateway.websocket": WEBSOCKET,
    "appsync": APPSYNC,
    "appsync.authorizer": APPSYNC_AUTHORIZER,
    "appsync.events": APPSYNC_EVENTS,
    "bedrock.agent": AGENT_CALL,
    "client_vpn": VPN,
    "cloudevents": CLOUDEVENT,
    "cloudformation": CLOUDFORMATION,
    "cloudfront": EDGE,
    "cloudwatch.alarm": ALARM,
    "cloudwatch.logs": CLOUDWATCH_LOGS,
    "codecommit": CODECOMMIT,
    "codedeploy": CODEDEPLOY,
    "codepipeline": CODEPIPELINE,
    "cognito": COGNITO,
    "cognito.sync": SYNC,
    "config": CONFIG,
    "connect": CONNECT,
    "direct": DIRECT,
    "documentdb": DOCUMENTDB,
    "durable_execution": DURABLE,
    "dynamodb": DYNAMODB,
    "eventbridge": EVENTBRIDGE,
    "eventbridge.s3": S3_BY_BUS,
    "eventbridge.schedule": SCHEDULED,
    "eventbridge.scheduler": SCHEDULER,
    "firehose": FIREHOSE,
    "function_url": FUNCTION_URL,
    "iot.authorizer": IOT_AUTHORIZER,
    "kafka": KAFKA,
    "kinesis": KINESIS,
    "kinesis_analytics": ANALYTICS,
    "lambda.destination": DESTINATION,
    "lex": LEX,
    "rabbitmq": RABBITMQ,
    "s3": S3,
    "s3.batch": S3_BATCH,
    "s3.object_lambda": OBJECT_LAMBDA,
    "secretsmanager.rotation": ROTATION,
    "ses": SES,
    "sns": SNS,
    "sqs": SQS,
    "step_functions": STEP,
    "vpc_lattice": LATTICE,
    "vpc_lattice of version 1": LATTICE_1,
}
"""By the source that is recognised, and what distinguishes two of the same."""


def source_of(name: str) -> str:
    """Return the source that a sample is recognised as."""
    return name.partition(" ")[0]
