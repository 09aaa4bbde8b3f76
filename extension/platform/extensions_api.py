"""Client of the Extensions API while the event loop runs; `bootstrap` makes the calls before.

It never uses a proxy, whatever HTTP_PROXY says, and /next never has a timeout: it is a long poll
that spans the freeze between two invocations.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

from extension.http.messages import (
    END_OF_HEAD,
    TO_THE_END,
    BadMessageError,
    Head,
    read_answer_head,
    read_body,
)
from extension.platform import plain_http
from extension.platform.bootstrap import NEXT_PATH, Start
from extension.platform.events import LambdaEvent, parse_event
from extension.platform.plain_http import RefusedError, Response
from extension.process.frozen import Frozen

READ_BYTES = 65_536


class Registration(Frozen):
    """The function that /register describes; a field is empty if it was not sent."""

    function_name: str = ""
    function_version: str = ""
    account_id: str = ""


class ExtensionsApi:
    """The events of one registered extension.

    The connection on which /next was requested is kept in `Start` until the response has been read:
    if the event loop dies, `survive` reads it there, because a second request is refused.
    """

    def __init__(self, start: Start) -> None:
        self._start = start
        self._kept: socket.socket | None = None
        """An idle connection, for the next request: there may be no descriptor for a new one."""
        if start.pending_next is not None:
            start.pending_next.settimeout(0)  # asyncio needs it

    async def next_event(self) -> LambdaEvent:
        """Report that the last event is done with, and wait for the next one, without a limit.

        Raises:
            RefusedError: the call was refused.
            BadMessageError: the response is not HTTP, or ended early.
            NotAnEventError: the event is of an unknown type.
            OSError: the API could not be reached.
        """
        if self._start.held_event:
            event, self._start.held_event = self._start.held_event, b""
            return parse_event(event, received_ns=self._start.held_ns)
        response = await self._next()
        if response.status != 200:
            raise RefusedError(response)
        return parse_event(response.body)

    async def _next(self) -> Response:
        """Return the response to /next, over the last call's connection if that still works."""
        try:
            if self._start.pending_next is None and self._kept is not None:
                await self._request(self._kept)
            if self._start.pending_next is not None:
                return await self._read(self._start.pending_next)
        except (OSError, BadMessageError):
            pass  # the connection was lost, as in a freeze
        connection = await self._connect()
        await self._request(connection)
        return await self._read(connection)

    async def _connect(self) -> socket.socket:
        failure = OSError("the host name of the API has no address")
        for family, kind, protocol, socket_address in self._start.api_address.resolve():
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(0)  # asyncio needs it
                await asyncio.get_running_loop().sock_connect(connection, socket_address)
                return connection
            except BaseException as error:
                connection.close()
                if not isinstance(error, OSError):
                    raise
                failure = error
        raise failure

    async def _request(self, connection: socket.socket) -> None:
        """Send the request; from then on the response is pending on this connection."""
        self._kept = None
        request = plain_http.request(
            self._start.api_address, method="GET", path=NEXT_PATH, headers=self._start.identity
        )
        try:
            await asyncio.get_running_loop().sock_sendall(connection, request)
        except BaseException:
            connection.close()
            raise
        self._start.pending_next = connection

    async def _read(self, connection: Any) -> Response:
        """Read the response; if that fails, the connection is closed."""
        try:
            response, stays_open = await receive(connection)
        except Exception:
            self._start.pending_next = None
            connection.close()
            raise
        self._start.pending_next = None
        if stays_open:
            self._kept = connection
        else:
            connection.close()
        return response


async def receive(connection: Any) -> tuple[Response, bool]:
    """Return a response, and whether its connection can be used again."""
    received, body = bytearray(), bytearray()
    head = None
    while head is None or not read_body(head, received, body):
        data = await asyncio.get_running_loop().sock_recv(connection, READ_BYTES)
        if not data:
            if head is None or head.length != TO_THE_END:
                raise BadMessageError("the response ended early")
            break
        received += data
        head = head or _read_head(received)
    response = Response(status=int(head.target), headers=dict(head.headers), body=bytes(body))
    return response, head.keeps_alive and not received


def _read_head(received: bytearray) -> Head | None:
    """Take a head off what was received, None if it is incomplete; interim heads are skipped."""
    head = None
    while (head is None or head.target.startswith("1")) and END_OF_HEAD in received:
        lines, _, rest = received.partition(END_OF_HEAD)
        head = read_answer_head(bytes(lines))
        received[:] = rest
    return None if head is None or head.target.startswith("1") else head


def parse_registration(body: bytes) -> Registration:
    """Return what /register sent; empty as far as it cannot be parsed."""
    try:
        sent: Any = json.loads(body)
    except ValueError:
        sent = None
    fields = sent if isinstance(sent, dict) else {}
    return Registration(
        function_name=str(fields.get("functionName") or ""),
        function_version=str(fields.get("functionVersion") or ""),
        account_id=str(fields.get("accountId") or ""),
    )
