"""A function that posts a span while it is loaded, and again over the same connection."""

from __future__ import annotations

import http.client
import json
import os
from typing import Any

connection = http.client.HTTPConnection("localhost", int(os.environ["DISPATCH_OTLP_PORT"]))


def post(name: str) -> int:
    """Return the status of a request with one span; a new connection is an error."""
    span = {"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "name": name}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    connection.request("POST", "/v1/traces", body, {"Content-Type": "application/json"})
    with connection.getresponse() as answer:
        answer.read()
        return answer.status


connection.connect()
connection.auto_open = 0
loaded = post("loaded")


def handler(event: dict[str, Any], context: Any) -> object:
    """Post a span; return how that and the first one were answered."""
    return [loaded, post(f"invoked {event['number']}")]
