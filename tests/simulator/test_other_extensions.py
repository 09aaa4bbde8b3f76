"""Extensions written for Lambda, not for this simulator, live in it.

The client re-enacts the protocol of AWS's Python sample of a telemetry extension: register for
INVOKE and SHUTDOWN, listen on sandbox.localdomain, subscribe with small buffers, and hand batches
on from a queue whenever an event comes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from simulator.local_lambda import LocalLambda
from tests.scripted.stage import Stage
from tests.simulator.running import lines_of, settings_for

SAMPLE = """#!{python}
import json
import os
import socketserver
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from queue import Queue

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
NAME = Path(__file__).name
queue = Queue()
types = []
invocations = 0


def call(method, path, body=None, headers=None):
    request = urllib.request.Request(
        f"http://{{API}}{{path}}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={{"Content-Type": "application/json"}} | (headers or {{}}),
    )
    with urllib.request.urlopen(request) as answer:
        return answer.headers, answer.read()


class Listener(BaseHTTPRequestHandler):
    def do_POST(self):
        queue.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def dispatch(minimum):
    if queue.qsize() < minimum:
        return
    while not queue.empty():
        for event in queue.get():
            types.append(event["type"])
            with open({received!r}, "a") as file:
                file.write(event["type"] + "\\n")


server = socketserver.ThreadingTCPServer(("", 0), Listener)
threading.Thread(target=server.serve_forever, daemon=True).start()
headers, _ = call(
    "POST",
    "/2020-01-01/extension/register",
    {{"events": ["INVOKE", "SHUTDOWN"]}},
    {{"Lambda-Extension-Name": NAME}},
)
own = {{"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}}
call(
    "PUT",
    "/2022-07-01/telemetry",
    {{
        "schemaVersion": "2022-07-01",
        "destination": {{
            "protocol": "HTTP",
            "URI": f"http://sandbox.localdomain:{{server.server_address[1]}}",
        }},
        "types": ["extension", "platform", "function"],
        "buffering": {{"timeoutMs": 1000, "maxBytes": 262144, "maxItems": 10000}},
    }},
    own,
)
print("subscribed", flush=True)
while True:
    _, event = call("GET", "/2020-01-01/extension/event/next", headers=own)
    event = json.loads(event)
    if event["eventType"] == "SHUTDOWN":
        deadline = time.monotonic() + 30
        while types.count("platform.report") < invocations and time.monotonic() < deadline:
            dispatch(0)
            time.sleep(0.01)
        sys.exit(0)
    invocations += 1
    dispatch(10)
"""


async def test_awss_python_sample_lives_here(tmp_path: Path) -> None:
    """It registers, subscribes, gets every event at the end, and exits by itself."""
    stage = Stage.build(tmp_path)
    received = tmp_path / "received"
    stage.add_program(
        "python-telemetry-sample", SAMPLE.format(python=sys.executable, received=str(received))
    )
    async with LocalLambda(settings_for(stage)) as function:
        for number in range(3):
            assert (await function.invoke(number)).status == "success"

    assert lines_of(function, "extension") == ["subscribed\n"]
    assert received.read_text().split() == [event.type for event in function.events]
    [ended] = [ended for ended in function.exits if ended.kind == "extension"]
    assert (ended.returncode, ended.killed) == (0, False)
