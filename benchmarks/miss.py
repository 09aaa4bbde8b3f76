"""What a miss costs beyond the call itself: a GET with the cache off beside the caller's boto3.

Both end at one endpoint on loopback that answers at once with the same parameter; a hit is the
same GET with the cache on.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from typing import Any

import boto3

from benchmarks.api import Api
from benchmarks.contenders import PARAMETERS, SANDBOX, modes
from benchmarks.process import NS_PER_MS, Process
from benchmarks.rows import Row, compare, take_turns

TURNS = 5
GETS = 40

NAME = "/app/name"
PARAMETER = {"Name": NAME, "Type": "String", "Value": "x" * 1024, "Version": 1}
ANSWER = json.dumps({"Parameter": PARAMETER}).encode()
TARGET = f"/systemsmanager/parameters/get?name={NAME}"
TOKEN = {"X-Aws-Parameters-Secrets-Token": SANDBOX["AWS_SESSION_TOKEN"]}


def rows() -> Iterator[Row]:
    """Measure single GETs, one after the other, over a connection that is kept."""
    with ExitStack() as stack:
        endpoint = f"http://127.0.0.1:{stack.enter_context(Endpoint()).server_address[1]}"
        turns = take_turns(
            {
                "boto3": _repeat(_boto3_call(endpoint)),
                "miss": _repeat(_get(stack, endpoint, cache="false")),
                "hit": _repeat(_get(stack, endpoint, cache="true")),
            },
            turns=TURNS,
        )
    same = "the same call with boto3 by the caller"
    yield compare("miss: one GET", turns["miss"], turns["boto3"], unit="ms", reference=same)
    yield compare("hit: one GET", turns["hit"], turns["boto3"], unit="ms", reference=same)


class Endpoint(ThreadingHTTPServer):
    """Parameter Store with one parameter."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _repeat(ask: Callable[[], object]) -> Callable[[], float]:
    """Return a measurement in milliseconds: the median of several."""

    def measure() -> float:
        taken = []
        for _ in range(GETS):
            began_ns = time.perf_counter_ns()
            ask()
            taken.append((time.perf_counter_ns() - began_ns) / NS_PER_MS)
        return median(taken)

    return measure


def _boto3_call(endpoint: str) -> Callable[[], object]:
    client = boto3.client(
        "ssm",
        region_name=SANDBOX["AWS_REGION"],
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        endpoint_url=endpoint,
    )
    return lambda: client.get_parameter(Name=NAME)


def _get(stack: ExitStack, endpoint: str, *, cache: str) -> Callable[[], object]:
    """Start the extension and return a GET, which raises for any answer but 200."""
    api = stack.enter_context(Api())
    contender = modes(api)[PARAMETERS]
    environ = {
        **contender.environ,
        "AWS_ENDPOINT_URL": endpoint,
        "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED": cache,
    }
    stack.enter_context(Process(replace(contender, environ=environ), api))
    connection = HTTPConnection("127.0.0.1", contender.port)

    def ask() -> None:
        connection.request("GET", TARGET, headers=TOKEN)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"a GET was answered with {answer.status}: {body[:200]!r}")

    return ask
