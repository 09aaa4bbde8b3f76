"""One scripted process inside a sandbox: makes the calls of its script, notes what it sees.

It is copied, with its steps, into an executable of its own, so it imports the standard library
alone and may be run by any user. A step is a dict with one of these keys:

call        [method, path]; with optional headers, body (JSON value or str), label, and
            background: do not wait for the answer, size: a body of so many bytes,
            in_chunks: a body without a length
serve       HTTP or TCP: open a telemetry listener; its port is {port} from then on
until       SHUTDOWN or INVOKE: call /next until that event has come
print, exit, sleep
wait_for        a label that any actor has noted
wait_for_event  text of an event that any listener got; with optional times

In paths, headers and bodies {id} is the own identifier, {request} the last request id seen,
{token} the key to the credentials endpoint.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
NEXT = "/2020-01-01/extension/event/next"
IDENTIFIER = "Lambda-Extension-Identifier"
PATIENCE_S = 60.0


class Actor:
    """Performs steps; every observation becomes a line of `notes`."""

    def __init__(self, name: str, *, notes: Path, api: str) -> None:
        self.name = name
        token = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        self.values = {"id": "", "request": "", "port": "", "token": token}
        self._notes = notes
        self._api = api
        self._lock = threading.Lock()

    def perform(self, step: dict[str, Any]) -> None:
        """Do one step."""
        if "call" in step:
            if step.get("background"):
                ready = step | {"headers": self._headers(step)}
                threading.Thread(target=self.call, args=(ready,), daemon=True).start()
            else:
                self.call(step)
        elif "serve" in step:
            self.values["port"] = str(self._serve(step["serve"]))
        elif "until" in step:
            self._next_until(step["until"])
        elif "print" in step:
            sys.stdout.write(step["print"] + "\n")
            sys.stdout.flush()
        elif "wait_for" in step:
            self._wait(lambda: self._is_noted(step["wait_for"]))
        elif "wait_for_event" in step:
            wanted, times = step["wait_for_event"], step.get("times", 1)
            self._wait(lambda: self._has_got(wanted, times))
        elif "sleep" in step:
            time.sleep(step["sleep"])  # noqa: TID251  # a process that is busy or hangs
        elif "exit" in step:
            os._exit(step["exit"])

    def call(self, step: dict[str, Any]) -> dict[str, Any]:
        """Make one call of the API and note its answer, and when it was asked for.

        What an answer lets others do may be noted before the answer is: asking comes first.
        """
        began, (method, path) = _now(), step["call"]
        body = "x" * step["size"] if "size" in step else self._filled(step.get("body", ""))
        headers = self._headers(step)
        connection = http.client.HTTPConnection(self._api)
        try:
            sent: Any = body.encode()
            if step.get("in_chunks"):
                sent, headers = _halves(sent), {**headers, "Transfer-Encoding": "chunked"}
            connection.request(
                method, self._filled(path), body=sent, headers=headers, encode_chunked=True
            )
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            return self.note(step, time=began, status=0, headers={}, body=type(error).__name__)
        finally:
            connection.close()
        self._remember(dict(answer.headers), text)
        headers = dict(answer.headers)
        return self.note(step, time=began, status=answer.status, headers=headers, body=text)

    def note(self, step: dict[str, Any], **seen: Any) -> dict[str, Any]:
        """Write down one observation."""
        label = step.get("label") or " ".join(step.get("call", ["telemetry"]))
        line = {"actor": self.name, "label": label, "time": _now(), **seen}
        with self._lock, self._notes.open("a") as file:
            file.write(json.dumps(line) + "\n")
        return line

    def _headers(self, step: dict[str, Any]) -> dict[str, str]:
        return {name: self._filled(value) for name, value in step.get("headers", {}).items()}

    def _filled(self, value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        for name, replacement in self.values.items():
            text = text.replace('"{port}"', self.values["port"])  # a number where JSON wants one
            text = text.replace("{" + name + "}", replacement)
        return text

    def _remember(self, headers: dict[str, str], text: str) -> None:
        self.values["id"] = headers.get(IDENTIFIER, self.values["id"])
        request = headers.get("Lambda-Runtime-Aws-Request-Id", "")
        self.values["request"] = request or self.values["request"]

    def _next_until(self, wanted: str) -> None:
        event, turn = "", 0
        while event != wanted:
            turn += 1
            label = f"next {turn} until {wanted}"
            seen = self.call(
                {"label": label, "call": ["GET", NEXT], "headers": {IDENTIFIER: "{id}"}}
            )
            try:
                event = json.loads(seen["body"])["eventType"]
            except (ValueError, KeyError, TypeError):
                return

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = _now() + PATIENCE_S
        while _now() < deadline and not condition():
            time.sleep(0.01)  # noqa: TID251  # the other actor is another process

    def _is_noted(self, label: str) -> bool:
        return any(seen["label"] == label for seen in self._noted_by_anybody())

    def _has_got(self, event: str, times: int) -> bool:
        batches = (each for each in self._noted_by_anybody() if each["label"] == "telemetry")
        got = (batch["body"].count(event) for batch in batches)
        return bool(sum(got) >= times)

    def _noted_by_anybody(self) -> list[dict[str, Any]]:
        every = self._notes.parent.glob("*.ndjson")
        return [seen for notes in every for seen in read_notes(notes)]

    def _serve(self, protocol: str) -> int:
        if protocol == "TCP":
            return self._serve_tcp()
        actor = self

        class Listener(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length).decode()
                actor.note({}, path=self.path, headers=dict(self.headers), body=body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing: a line of an extension would be telemetry again."""

        server = ThreadingHTTPServer((LOOPBACK, 0), Listener)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_port

    def _serve_tcp(self) -> int:
        server = socket.create_server((LOOPBACK, 0))

        def read() -> None:
            connection, _ = server.accept()
            for line in connection.makefile("r", encoding="utf-8"):
                self.note({}, body=f"[{line.strip()}]")

        threading.Thread(target=read, daemon=True).start()
        return int(server.getsockname()[1])


def _halves(body: bytes) -> Iterator[bytes]:
    """Yield a body in two chunks."""
    half = len(body) // 2
    yield from (body[:half], body[half:])


def read_notes(file: Path) -> list[dict[str, Any]]:
    """Return what was noted by now; its actor may be in the middle of the next line."""
    whole_lines = file.read_text().split("\n")[:-1]
    return [json.loads(line) for line in whole_lines]


def _now() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)  # the same for all processes


def act(name: str, notes: str, steps: list[dict[str, Any]]) -> None:
    """Perform all steps as the process `name`."""
    api = os.environ["AWS_LAMBDA_RUNTIME_API"]
    actor = Actor(name, notes=Path(notes) / f"{name}.ndjson", api=api)
    actor.note({"label": "starts"})
    for step in steps:
        actor.perform(step)
    sys.stdout.flush()
