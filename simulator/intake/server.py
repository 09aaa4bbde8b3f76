"""An OTLP/HTTP intake on loopback: keeps and decodes what is posted, answers as it is set to.

It judges like a collector: what is not a POST of well-formed OTLP, in protobuf or JSON, is
refused. Posts to any other path (raw JSON, say) are kept in `requests` undecoded.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web
from google.protobuf.message import DecodeError

from simulator.intake.decoder import REQUESTS, decode_logs, decode_metrics, decode_traces
from simulator.intake.json_form import to_protobuf
from simulator.intake.replies import Answer, Reply
from simulator.serving import Arrivals, Opened, serving

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AsyncExitStack

    from simulator.intake.otlp import LogRecord, Metric, Span

_MAX_BODY_BYTES = 64 * 1024 * 1024
_JSON = "application/json"
# The response has the content type of the request: an empty message of no bytes, or of two.
_SUCCESS = {
    "application/x-protobuf": Reply(),
    _JSON: Reply(headers={"Content-Type": _JSON}, body=b"{}"),
}
_EITHER_ZLIB_OR_GZIP_HEADER = zlib.MAX_WBITS | 32


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeRequest:
    """One HTTP request as it came in; `raw` is the body on the wire, `body` decompressed.

    `headers` are found in any case; `body` is empty when it could not be decompressed.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes
    body: bytes

    def json(self) -> Any:
        """The body as JSON; raises ValueError."""
        return json.loads(self.body)


class Intake(Opened):
    """The intake: `async with Intake() as intake`, then give `intake.url` to the sender.

    `respond` is a list of answers, used up one per request (then everything succeeds), or a
    callable that chooses by request. It may be replaced at any time.
    `requests` holds every request; `spans`, `logs` and `metrics` only what an answer accepted.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        respond: Iterable[Answer] | Callable[[IntakeRequest], Answer] = (),
    ) -> None:
        super().__init__()
        self.respond = respond if callable(respond) else list(respond)
        self.requests: list[IntakeRequest] = []
        self.spans: list[Span] = []
        self.logs: list[LogRecord] = []
        self.metrics: list[Metric] = []
        self.url = ""
        self._port = port
        self._tls = tls
        self._arrivals = Arrivals()
        self._signals: dict[str, tuple[Callable[[bytes], list[Any]], list[Any]]] = {
            "/v1/traces": (decode_traces, self.spans),
            "/v1/logs": (decode_logs, self.logs),
            "/v1/metrics": (decode_metrics, self.metrics),
        }

    async def _open(self, stack: AsyncExitStack) -> None:
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._receive)
        server = serving(app, port=self._port, tls=self._tls)
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{await stack.enter_async_context(server)}"

    async def wait_for(
        self, condition: Callable[[Intake], bool], *, deadline_s: float = 10.0
    ) -> None:
        """Return when the condition holds; raises TimeoutError with what did arrive."""
        await self._arrivals.wait_for(
            lambda: condition(self), deadline_s=deadline_s, summary=self._summary
        )

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        problem = ""
        try:
            body = _decompress(raw, encoding=request.headers.get("Content-Encoding", ""))
        except ValueError as error:
            body, problem = b"", str(error)
        seen = IntakeRequest(
            method=request.method,
            path=request.path_qs,
            headers=request.headers,
            raw=raw,
            body=body,
        )
        answer = Reply(status=400, body=problem.encode()) if problem else self._answer(seen)
        self.requests.append(seen)
        await self._arrivals.notify()
        return await answer.send(request)

    def _answer(self, request: IntakeRequest) -> Answer:
        """Judge the request, choose the answer, and keep what the answer accepts."""
        decode, kept = self._signals.get(request.path, (None, []))
        if request.method != "POST":
            return Reply(status=405)
        if decode is None:
            return self._next_answer(request)
        content_type = request.headers.get("Content-Type", "")
        if content_type not in _SUCCESS:
            return Reply(status=415, body=f"not OTLP: {content_type!r}".encode())
        body = request.body
        try:
            if content_type == _JSON:
                body = to_protobuf(body, REQUESTS[request.path]())
            items = decode(body)
        except (DecodeError, ValueError) as error:
            return Reply(status=400, body=f"not OTLP: {error}".encode())
        answer = self._next_answer(request)
        if answer.accepts:
            kept.extend(items)
        return _SUCCESS[content_type] if answer == Reply() else answer

    def _next_answer(self, request: IntakeRequest) -> Answer:
        if callable(self.respond):
            return self.respond(request)
        return self.respond.pop(0) if self.respond else Reply()

    def _summary(self) -> str:
        paths = ", ".join(f"{request.method} {request.path}" for request in self.requests)
        names = ", ".join(span.name for span in self.spans)
        return (
            f"requests [{paths}], spans [{names}], "
            f"{len(self.logs)} log records, {len(self.metrics)} metrics"
        )


def _decompress(raw: bytes, *, encoding: str) -> bytes:
    """The body without its Content-Encoding of gzip, deflate or none; raises ValueError."""
    match encoding.lower():
        case "" | "identity":
            return raw
        case "gzip" | "deflate":
            try:
                return zlib.decompress(raw, _EITHER_ZLIB_OR_GZIP_HEADER)
            except zlib.error as error:
                raise ValueError(f"not {encoding}: {error}") from error
        case other:
            raise ValueError(f"Content-Encoding {other} is not supported")
