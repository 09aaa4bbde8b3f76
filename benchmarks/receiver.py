"""What an OpenTelemetry SDK in the function costs: its wait, each span's CPU, init, memory.

The function waits for the answer to its export and for nothing else, so that is timed as the SDK
sees it, over a kept connection. Spans have eight attributes, one of them a URL of its own.
"""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from statistics import median

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.api import Api
from benchmarks.contenders import FLAGS, ROOT, TELEMETRY, free_port, modes
from benchmarks.process import live
from benchmarks.rows import Row, bounded, compare, take_turns
from extension.redaction.redactor import Redactor
from extension.telemetry.health import Health
from extension.telemetry.receiver.content import Encoding, Posted
from extension.telemetry.receiver.counts import ReceiverCounts
from extension.telemetry.receiver.posted_reader import PostedReader

UNKNOWN = (b"\xfa\x01\x04" + number.to_bytes(4) for number in count())
BLANKS = (b" " * number for number in count())
"""What makes a request another one without a change to it: a field of a newer protocol, blanks."""

TURNS = 9
POSTS = 300
SPANS = 1000
FLUSHED = 50
"""Spans that one invocation exports."""

SECRETS = 100
AT_MOST_US = 20
AT_MOST_MS = 3

OFF, ON = "without the receiver", "with it"
PARSED = "protobuf's parser and serializer"
CONSTANT = "a protocol that answers a constant"

PROGRAM = """
import asyncio, socket, sys
sys.path.insert(0, sys.argv[1])
listening = socket.create_server(("127.0.0.1", int(sys.argv[2])))
listening.setblocking(False)
"""
OURS = f"""{PROGRAM}
from extension.telemetry.receiver.receiver import Receiver

async def main():
    receiver = Receiver(log=None)
    receiver.opened(lambda posted: True)
    await receiver.open([listening])
    await asyncio.Event().wait()

asyncio.run(main())
"""
THEIRS = f"""{PROGRAM}
class Constant(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.received = transport, bytearray()

    def data_received(self, data):
        self.received += data
        head, found, body = self.received.partition(b"\\r\\n\\r\\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\\r\\n")[0] or 0)
        if found and len(body) >= length:
            self.received.clear()
            self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")

async def main():
    server = await asyncio.get_running_loop().create_server(Constant, sock=listening)
    await server.serve_forever()

asyncio.run(main())
"""


def rows() -> Iterator[Row]:
    """Measure what waits, what is read, and what it takes to be there."""
    yield _waiting()
    yield from _reading()
    yield from _starting()


def _waiting() -> Row:
    body = _request(FLUSHED)
    with _serving(OURS) as ours, _serving(THEIRS) as theirs:
        turns = take_turns(
            {
                "ours": partial(_post_ms, ours, body),
                "theirs": partial(_post_ms, theirs, body),
            },
            turns=TURNS,
        )
    return bounded(
        f"receiver: from an SDK's POST of {FLUSHED} spans to its answer",
        turns["ours"],
        turns["theirs"],
        unit="ms",
        reference=CONSTANT,
        at_most=AT_MOST_MS,
    )


def _reading() -> Iterator[Row]:
    body = _request(SPANS)
    for kind, known in ((f"{SECRETS} secrets known", SECRETS), ("no secret known", 0)):
        turns = take_turns(
            {
                "ours": partial(_us_a_span, partial(_read, _reader(known), "protobuf", body)),
                "parsed": partial(_us_a_span, partial(_parse, body)),
            },
            turns=TURNS,
        )
        yield bounded(
            f"receiver: CPU of a span of {len(body) // SPANS} bytes in protobuf, {kind}",
            turns["ours"],
            turns["parsed"],
            unit="µs",
            reference=PARSED,
            at_most=AT_MOST_US,
        )
    written = _as_json(body)
    turns = take_turns(
        {
            "ours": partial(_us_a_span, partial(_read, _reader(SECRETS), "json", written)),
            "parsed": partial(_us_a_span, partial(_parse, body)),
        },
        turns=TURNS,
    )
    yield compare(
        f"receiver: CPU of a span in JSON, {SECRETS} secrets known",
        turns["ours"],
        turns["parsed"],
        unit="µs",
        reference=PARSED,
    )


def _starting() -> Iterator[Row]:
    with Api() as api:
        off = modes(api)[TELEMETRY]
        on = replace(off, environ={**off.environ, "DISPATCH_OTLP_PORT": str(free_port())})
        lives = take_turns(
            {name: partial(live, each, api) for name, each in ((OFF, off), (ON, on))}, turns=TURNS
        )
    figures: Mapping[str, tuple[str, str]] = {
        "wall to /register": ("register_ms", "ms"),
        "wall to the first /next": ("next_ms", "ms"),
        "CPU to the first /next": ("cpu_ms", "ms"),
        "RSS after the first invocation": ("rss_mib", "MiB"),
    }
    for what, (name, unit) in figures.items():
        yield compare(
            f"receiver, {TELEMETRY}: {what}",
            [getattr(life, name) for life in lives[ON]],
            [getattr(life, name) for life in lives[OFF]],
            unit=unit,
            reference=OFF,
        )


@contextmanager
def _serving(program: str) -> Iterator[http.client.HTTPConnection]:
    """Run a server in a process of its own; yield a connection to it."""
    port = free_port()
    process = subprocess.Popen([sys.executable, *FLAGS, "-c", program, str(ROOT), str(port)])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        _connect(connection)
        yield connection
    finally:
        connection.close()
        process.kill()
        process.wait()


def _connect(connection: http.client.HTTPConnection) -> None:
    end_s = time.perf_counter() + 10
    while True:
        try:
            return connection.connect()
        except OSError:
            if time.perf_counter() > end_s:
                raise


def _post_ms(connection: http.client.HTTPConnection, body: bytes) -> float:
    """Return the median of many posts."""
    taken = []
    for _ in range(POSTS):
        began_ns = time.perf_counter_ns()
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        answer = connection.getresponse()
        answer.read()
        taken.append((time.perf_counter_ns() - began_ns) / 1e6)
        assert answer.status == 200
    return median(taken)


def _us_a_span(work: Callable[[], None]) -> float:
    began_s = time.process_time()
    work()
    return (time.process_time() - began_s) / SPANS * 1e6


def _reader(known: int) -> PostedReader:
    redactor = Redactor()
    for number in range(known):
        redactor.learn(f"secret-{number}", secrets.token_urlsafe(24))
    return PostedReader(
        take=lambda *_, **__: None,
        signals=("traces",),
        redaction=redactor,
        counts=ReceiverCounts(),
        health=Health(),
    )


def _read(reader: PostedReader, encoding: Encoding, body: bytes) -> None:
    """Read it as one that has not come before."""
    body += next(UNKNOWN if encoding == "protobuf" else BLANKS)
    for _ in reader.read(Posted(signal="traces", encoding=encoding, body=body)):
        pass


def _parse(body: bytes) -> None:
    ExportTraceServiceRequest.FromString(body).SerializeToString()


def _request(number: int) -> bytes:
    request = ExportTraceServiceRequest()
    of = request.resource_spans.add()
    of.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = of.scope_spans.add()
    scope.scope.name = "shop"
    for order in range(number):
        span = scope.spans.add(
            name="GET /orders/{id}",
            trace_id=secrets.token_bytes(16),
            span_id=secrets.token_bytes(8),
            parent_span_id=secrets.token_bytes(8),
            kind="SPAN_KIND_CLIENT",
            start_time_unix_nano=1_700_000_000_000_000_000 + order,
            end_time_unix_nano=1_700_000_000_000_000_000 + 2 * order,
            flags=257,
        )
        texts = {
            "http.request.method": "GET",
            "url.full": f"https://shop.example.com/orders/{order}?full=1",
            "url.scheme": "https",
            "server.address": "shop.example.com",
            "user_agent.original": "python-requests/2.32",
            "network.protocol.version": "1.1",
        }
        for key, text in texts.items():
            span.attributes.add(key=key).value.string_value = text
        for key, whole in {"http.response.status_code": 200, "server.port": 443}.items():
            span.attributes.add(key=key).value.int_value = whole
    body: bytes = request.SerializeToString()
    return body


def _as_json(body: bytes) -> bytes:
    """Return a request as Node.js writes it."""

    def hexadecimal(value: object) -> object:
        if isinstance(value, dict):
            return {
                key: base64.b64decode(each).hex() if key.endswith("Id") else hexadecimal(each)
                for key, each in value.items()
            }
        return [hexadecimal(each) for each in value] if isinstance(value, list) else value

    request = ExportTraceServiceRequest.FromString(body)
    plain = json_format.MessageToDict(request, use_integers_for_enums=True)
    return json.dumps(hexadecimal(plain)).encode()
