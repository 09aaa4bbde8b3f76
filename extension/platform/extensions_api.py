"""Client of the Extensions API once the loop runs; the calls before that are the bootstrap's.

Never through a proxy, whatever HTTP_PROXY says, and /next never with a timeout: it is a long
poll that spans the freeze between two invocations.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any, NamedTuple

from extension.http.messages import (
    END_OF_HEAD,
    TO_THE_END,
    BadMessageError,
    Head,
    read_answer_head,
    read_body,
)
from extension.platform import plain_http
from extension.platform.bootstrap import FINAL, NEXT_PATH, Boot
from extension.platform.events import LambdaEvent, parse_event
from extension.process.frozen import Frozen

READ_BYTES = 65_536


class Registration(Frozen):
    """What /register told about the function."""

    function_name: str = ""
    function_version: str = ""
    handler: str = ""
    account_id: str = ""


class ApiError(Exception):
    """A refusal or an answer that is not in the protocol; says the status and the error type."""

    def __init__(self, text: str, *, status: int = 0) -> None:
        super().__init__(text)
        self.is_final = status in FINAL
        """Whether asking again changes nothing."""


class Answer(NamedTuple):
    """Status and body."""

    status: int
    body: bytes


class LambdaApi:
    """The events of one registered extension.

    The connection over which /next was asked for is kept in `Boot`, as long as its answer is to
    come: should the loop die, `survive` reads it there, for asking twice is refused.
    """

    def __init__(self, booted: Boot) -> None:
        self._booted = booted
        self._kept: socket.socket | None = None
        """A connection that is kept, also because there may be no descriptor left for another."""
        if booted.asked is not None:
            booted.asked.settimeout(0)  # as asyncio wants it

    async def next_event(self) -> LambdaEvent:
        """Say that the last event is done with and wait for the next one, however long.

        Raises:
            ApiError: the call was refused.
            NotAnEventError: the event is of no known type.
            OSError: the API could not be reached.
        """
        answer = await self._next()
        if answer.status != 200:
            text = f"/next answered {answer.status} {_error_type(answer.body)}"
            raise ApiError(text, status=answer.status)
        return parse_event(answer.body)

    def close(self) -> None:
        """Close the connection that is kept."""
        for each in (self._kept, self._booted.asked):
            if each is not None:
                each.close()
        self._kept = self._booted.asked = None

    async def _next(self) -> Answer:
        """Read the answer to /next, asked for over the last connection if that is still good."""
        try:
            if self._booted.asked is None and self._kept is not None:
                await self._ask(self._kept)
            if self._booted.asked is not None:
                return await self._answer(self._booted.asked)
        except (OSError, ApiError, BadMessageError):
            pass  # it died in a freeze
        await self._ask(await self._connect())
        assert self._booted.asked is not None
        return await self._answer(self._booted.asked)

    async def _connect(self) -> socket.socket:
        failure = OSError("the name of the API has no address")
        for family, kind, protocol, place in self._booted.address.places():
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(0)  # as asyncio wants it
                await asyncio.get_running_loop().sock_connect(connection, place)
                return connection
            except BaseException as error:
                connection.close()
                if not isinstance(error, OSError):
                    raise
                failure = error
        raise failure

    async def _ask(self, connection: socket.socket) -> None:
        """Send the request; from here on its answer is to come over this connection."""
        self._kept = None
        asked = plain_http.request(
            self._booted.address, method="GET", path=NEXT_PATH, headers=self._booted.identity
        )
        try:
            await asyncio.get_running_loop().sock_sendall(connection, asked)
        except BaseException:
            connection.close()
            raise
        self._booted.asked = connection

    async def _answer(self, connection: Any) -> Answer:
        """Read the answer; if that fails, the connection is closed."""
        try:
            answer, stays_open = await _receive(connection)
        except Exception:
            self._booted.asked = None
            connection.close()
            raise
        self._booted.asked = None
        if stays_open:
            self._kept = connection
        else:
            connection.close()
        return answer


async def _receive(connection: socket.socket) -> tuple[Answer, bool]:
    """Return an answer, and whether its connection is good for another."""
    received, body = bytearray(), bytearray()
    head = None
    while head is None or not read_body(head, received, body):
        more = await asyncio.get_running_loop().sock_recv(connection, READ_BYTES)
        if not more:
            if head is None or head.length != TO_THE_END:
                raise ApiError("the answer has no end")
            break
        received += more
        head = head or _read_head(received)
    return Answer(int(head.target), bytes(body)), head.keeps_alive and not received


def _read_head(received: bytearray) -> Head | None:
    """Take a head off what was received, None if it is not whole; interim ones say nothing."""
    head = None
    while (head is None or head.target.startswith("1")) and END_OF_HEAD in received:
        lines, _, rest = received.partition(END_OF_HEAD)
        head = read_answer_head(bytes(lines))
        received[:] = rest
    return None if head is None or head.target.startswith("1") else head


def parse_registration(body: bytes) -> Registration:
    """Return what /register told; empty where it said nothing that can be read."""
    try:
        told: Any = json.loads(body)
    except ValueError:
        told = None
    told = told if isinstance(told, dict) else {}
    return Registration(
        function_name=str(told.get("functionName") or ""),
        function_version=str(told.get("functionVersion") or ""),
        handler=str(told.get("handler") or ""),
        account_id=str(told.get("accountId") or ""),
    )


def _error_type(body: bytes) -> str:
    try:
        return str(json.loads(body).get("errorType", ""))
    except (ValueError, AttributeError):
        return ""
