"""A function that posts OTLP as an SDK does: spans before it answers, log records on a thread."""

from __future__ import annotations

import http.client
import json
import os
import queue
import threading
import time
from typing import Any

TYPE = {"Content-Type": "application/json"}
late: queue.Queue[int] = queue.Queue()
acknowledged: list[int] = []


def connect() -> http.client.HTTPConnection:
    """Return a connection that is kept across freezes."""
    return http.client.HTTPConnection("localhost", int(os.environ["DISPATCH_OTLP_PORT"]))


def post_late() -> None:
    """Post a record for each number, half of it now and half of it a moment later."""
    connection = connect()
    while True:
        number = late.get()
        record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": f"record {number}"}}
        body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
        connection.putrequest("POST", "/v1/logs")
        for name, value in {**TYPE, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders(body[: len(body) // 2])
        time.sleep(0.002)
        connection.send(body[len(body) // 2 :])
        answer = connection.getresponse()
        if (answer.status, answer.read()) == (200, b"{}"):
            acknowledged.append(number)
        late.task_done()


spans = connect()
threading.Thread(target=post_late, daemon=True).start()


def handler(event: dict[str, Any], _context: object) -> object:
    """Post five spans and leave a record to the thread; at the end, wait for the thread.

    With `print` it writes a line, too.
    """
    number = event["number"]
    if event.get("print"):
        print(f"line {number}")
    made = [
        {
            "traceId": f"{number:032x}",
            "spanId": f"{number * 8 + order + 1:016x}",
            "name": f"work {number} {order}",
            "kind": 1,
            "startTimeUnixNano": str(time.time_ns()),
            "endTimeUnixNano": str(time.time_ns()),
        }
        for order in range(5)
    ]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": made}]}]})
    spans.request("POST", "/v1/traces", body, TYPE)
    answer = spans.getresponse()
    assert (answer.status, answer.read()) == (200, b"{}")
    late.put(number)
    if event.get("last"):
        late.join()
    return len(acknowledged)
