"""What invokes the functions: requests of an HTTP and of a REST API, a batch of messages."""

from __future__ import annotations

from typing import Any

CALLER_TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER_SPAN = "b7ad6b7169203331"
PRODUCER_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PRODUCER_SPAN = "00f067aa0ba902b7"
SENDER_TRACE = "5759e988bd862e3fe1be46a994272793"
SENDER_SPAN = "53995c3f42cd8ad8"
"""The same message's sender as X-Ray calls it."""

TRACEPARENT = f"00-{CALLER_TRACE}-{CALLER_SPAN}-01"
XRAY_HEADER = f"Root=1-{CALLER_TRACE[:8]}-{CALLER_TRACE[8:]};Parent={CALLER_SPAN};Sampled=1"
_SENDER = f"Root=1-{SENDER_TRACE[:8]}-{SENDER_TRACE[8:]};Parent={SENDER_SPAN};Sampled=1"


def http(**headers: str) -> dict[str, Any]:
    """Return what an HTTP API (payload format 2.0) hands to a function."""
    return {
        "version": "2.0",
        "routeKey": "GET /orders/{id}",
        "rawPath": "/orders/7",
        "rawQueryString": "full=1",
        "headers": {
            "host": "shop.example.com",
            "user-agent": "curl/8",
            "x-forwarded-proto": "https",
            **headers,
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "shop",
            "domainName": "shop.example.com",
            "http": {
                "method": "GET",
                "path": "/orders/7",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "curl/8",
            },
            "requestId": "r-1",
            "routeKey": "GET /orders/{id}",
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }


def rest(**headers: str) -> dict[str, Any]:
    """Return what a REST API (payload format 1.0) hands to a function."""
    return {
        "resource": "/orders/{id}",
        "path": "/orders/7",
        "httpMethod": "GET",
        "headers": {
            "Host": "shop.example.com",
            "User-Agent": "curl/8",
            "X-Forwarded-Proto": "https",
            **headers,
        },
        "queryStringParameters": {"full": "1"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "shop",
            "httpMethod": "GET",
            "path": "/orders/7",
            "requestId": "r-1",
            "resourcePath": "/orders/{id}",
            "stage": "prod",
        },
        "isBase64Encoded": False,
    }


def queue(messages: int = 2) -> dict[str, Any]:
    """Return a batch of a queue; the first message names its producer in both ways."""
    return {"Records": [_message(number) for number in range(1, messages + 1)]}


def _message(number: int) -> dict[str, Any]:
    traceparent = f"00-{PRODUCER_TRACE}-{PRODUCER_SPAN}-01"
    traced = {"traceparent": {"stringValue": traceparent, "dataType": "String"}}
    return {
        "messageId": f"m-{number}",
        "receiptHandle": "h",
        "body": "{}",
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1795000000000",
            "SenderId": "AIDA",
            "ApproximateFirstReceiveTimestamp": "1795000000001",
            **({"AWSTraceHeader": _SENDER} if number == 1 else {}),
        },
        "messageAttributes": traced if number == 1 else {},
        "md5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:orders",
        "awsRegion": "eu-central-1",
    }
