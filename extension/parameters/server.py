"""HTTP on localhost: token, readiness, query and lookup of each request, and its reply."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from extension.aws.errors import UpstreamError
from extension.http.connections import connection_limit
from extension.http.messages import Head, Reply
from extension.http.requests import LONGEST_REMEMBERED, REMEMBERED_HEADS
from extension.http.server import HttpServer
from extension.parameters import access, request, response, several
from extension.parameters.access import Tokens
from extension.parameters.answer import Result, Served
from extension.parameters.hooks import Hooks
from extension.parameters.lookup import Lookup
from extension.parameters.request import Query, Rejection, Several
from extension.process.clock import Clock, http_date
from extension.process.log import Log

BACKLOG = 4096
"""Connections that may wait in the kernel's queue; the kernel caps it at net.core.somaxconn."""

LONGEST_TRACEPARENT = 128
"""Characters: version 00 has 55, later ones may be longer."""

Responder = Callable[[Head], Reply | Awaitable[Reply]]
"""From the head of a request to its reply, or to what to wait for."""


class Asked(NamedTuple):
    """What a head asks for. It has no token: that is judged at each request."""

    query: Query | Several | Rejection
    traceparent: str | None
    as_json: bool


class Exchange:
    """Turns one request into its reply; `ready` and `keeps` are asked at each request."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        lookup: Lookup,
        ready: Callable[[], bool],
        keeps: Callable[[], bool],
        json_errors: bool,
        decrypt: bool,
        from_near: bool = False,
        clock: Clock,
        hooks: Hooks,
    ) -> None:
        self._tokens = tokens
        self._lookup = lookup
        self._ready = ready
        self._keeps = keeps
        self._json_errors = json_errors
        self._decrypt = decrypt
        self._from_near = from_near
        self._clock = clock
        self._hooks = hooks
        self._remembered = lru_cache(REMEMBERED_HEADS)(self._read)

    def reply(self, head: Head) -> Reply | Awaitable[Reply]:
        """Return the reply to one request, at once if possible; no request makes it raise."""
        if head.target == "/ping" and head.method == "GET":
            return response.HEALTHY
        if not self._tokens.admits_at_once(access.token_of(head.headers)):
            return self._reply_if_admitted(head)
        return self._reply_to_admitted(head)

    async def _reply_if_admitted(self, head: Head) -> Reply:
        """Reply when it is known whether the token is a new one."""
        if not await self._tokens.admits(access.token_of(head.headers)):
            return response.refusal(access.UNAUTHORIZED)
        reply = self._reply_to_admitted(head)
        return reply if isinstance(reply, Reply) else await reply

    def _reply_to_admitted(self, head: Head) -> Reply | Awaitable[Reply]:
        query, traceparent, as_json = self._asked(head)
        if not isinstance(query, Rejection) and not self._ready():
            query = response.NOT_READY
        if isinstance(query, Rejection):
            return response.refusal(query, as_json=as_json)
        if isinstance(query, Several):
            return self._reply_to_several(query, traceparent)
        served = self._lookup.find(query, traceparent=traceparent, keep=self._keeps())
        if served is None:
            return self._reply_from_aws(query, traceparent, as_json=as_json)
        self._hooks.answer(served.result, age_s=served.age_s, waited_s=0.0)
        return response.success(served, query, as_json=as_json)

    def _asked(self, head: Head) -> Asked:
        """Return what a request asks for, read once from heads that are equal."""
        is_small = head.size <= LONGEST_REMEMBERED and request.MANY not in head.target
        return (self._remembered if is_small else self._read)(head)

    def _read(self, head: Head) -> Asked:
        headers = head.headers
        if not head.minor:
            # HTTP/1.0 requires no Host; browsers do not speak it, so DNS rebinding is no issue.
            headers = {"host": "localhost", **headers}
        refused = access.refusal(headers, head.target, from_near=self._from_near)
        query = refused or request.read(head.method, head.target, decrypt=self._decrypt)
        traceparent = headers.get("traceparent")
        if traceparent is not None and len(traceparent) > LONGEST_TRACEPARENT:
            traceparent = None
        return Asked(
            query, traceparent, self._json_errors or headers.get("accept") == response.JSON
        )

    async def _reply_from_aws(
        self, query: Query, traceparent: str | None, *, as_json: bool
    ) -> Reply:
        try:
            served = await self._look_up(query, traceparent)
        except UpstreamError as error:
            return response.failure(error, as_json=as_json)
        return response.success(served, query, as_json=as_json)

    async def _reply_to_several(self, asked: Several, traceparent: str | None) -> Reply:
        """Look each query up, as if it were alone; one that is repeated is looked up once."""
        queries = dict.fromkeys(query for _, query in asked.queries)
        looked_up = await asyncio.gather(*(self._outcome(each, traceparent) for each in queries))
        outcomes = dict(zip(queries, looked_up, strict=True))
        return several.reply((name, query, outcomes[query]) for name, query in asked.queries)

    async def _outcome(self, query: Query, traceparent: str | None) -> several.Outcome:
        try:
            return await self._look_up(query, traceparent)
        except UpstreamError as error:
            return error

    async def _look_up(self, query: Query, traceparent: str | None) -> Served:
        began = self._clock.now()
        try:
            served = await self._lookup.get(query, traceparent=traceparent, keep=self._keeps())
        except UpstreamError:
            waited_s = self._clock.now().since(began)
            self._hooks.answer(Result.ERROR, age_s=0.0, waited_s=waited_s)
            raise
        waited_s = 0.0 if served.result is Result.HIT else self._clock.now().since(began)
        self._hooks.answer(served.result, age_s=served.age_s, waited_s=waited_s)
        return served


class Server:
    """Serves `respond` over HTTP on sockets that are bound already."""

    def __init__(
        self, respond: Responder, *, sockets: Sequence[socket.socket], clock: Clock, log: Log
    ) -> None:
        self._respond = respond
        self._sockets = sockets
        self._clock = clock
        self._log = log
        self._server = HttpServer(
            self._handle,
            max_connections=connection_limit(),
            max_body_bytes=0,
            date=lambda: http_date(clock.now()),
        )

    async def start(self) -> None:
        """Accept connections; they stay open, as the function may reuse them after a thaw."""
        await self._server.start(self._sockets, backlog=BACKLOG)

    async def settled(self, *, within_s: float) -> None:
        """Wait until the requests under way are answered."""
        await self._server.settled(within_s=within_s)

    def _handle(self, head: Head, body: bytes) -> Reply | Awaitable[Reply]:
        del body  # a GET has none
        try:
            reply = self._respond(head)
        except Exception as error:  # noqa: BLE001  # a fault of ours must not end the connection
            return self._failed(error)
        return reply if isinstance(reply, Reply) else self._later(reply)

    async def _later(self, reply: Awaitable[Reply]) -> Reply:
        try:
            return await reply
        except Exception as error:  # noqa: BLE001  # likewise
            return self._failed(error)

    def _failed(self, error: Exception) -> Reply:
        self._log.error("request failed", error=type(error).__name__)
        return response.failure(UpstreamError("InternalFailure"))
