"""The least an extension can be, in Python: what every start is compared with.

Run as an executable of this name; it registers, and asks for events until SHUTDOWN.
"""

from __future__ import annotations

import http.client
import json
import os
from pathlib import Path

NAME = {"Lambda-Extension-Name": Path(__file__).name}
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def call(method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[str, bytes]:
    """Return the identifier in the answer, if there is one, and its body."""
    api.request(method, f"/2020-01-01/extension/{path}", body, headers)
    answer = api.getresponse()
    return answer.headers.get("Lambda-Extension-Identifier", ""), answer.read()


def main() -> None:
    """Live as long as the sandbox does."""
    identifier, _ = call("POST", "register", NAME, '{"events": ["INVOKE", "SHUTDOWN"]}')
    event = ""
    while event != "SHUTDOWN":
        _, body = call("GET", "event/next", {"Lambda-Extension-Identifier": identifier})
        event = json.loads(body)["eventType"]


main()
