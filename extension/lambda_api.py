"""Client of the Extensions API and the Telemetry API; the first call, /register, is bootstrap's.

Never through a proxy, whatever HTTP_PROXY says, and /next never with a timeout: it is a long
poll that spans the freeze between two invocations.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html,
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple

from extension.frozen import Frozen
from extension.http_messages import (
    END_OF_HEAD,
    TO_THE_END,
    BadMessageError,
    Head,
    read_answer_head,
    read_body,
)
from extension.lambda_events import LambdaEvent, parse_event

READ_BYTES = 65_536
CALL_TIMEOUT_S = 5.0
"""For calls on loopback other than /next."""

SCHEMA_VERSIONS = ("2025-01-29", "2022-12-13", "2022-07-01")
"""Newest first; an older platform refuses what it does not know with 400."""

BUFFERING = {"maxItems": 1000, "maxBytes": 1_048_576, "timeoutMs": 25}
"""The smallest delay that the platform allows, for the last invocation's data waits for it, and the
largest delivery: a record that is larger comes in two parts."""


class Registration(Frozen):
    """What /register told about the function."""

    function_name: str = ""
    function_version: str = ""
    handler: str = ""
    account_id: str = ""


class ApiError(Exception):
    """A refusal or an answer that is not in the protocol; says the status and the error type."""


class Answer(NamedTuple):
    """Status and body."""

    status: int
    body: bytes


class LambdaApi:
    """The calls of one registered extension."""

    def __init__(self, address: str, *, identifier: str) -> None:
        self._address = address
        self._identifier = identifier
        self._kept: socket.socket | None = None
        """A connection that is kept, also because there may be no descriptor left for another."""

    async def next_event(self) -> LambdaEvent:
        """Say that the last event is done with and wait for the next one, however long.

        Raises:
            ApiError: the call was refused.
            NotAnEventError: the event is of no known type.
            OSError: the API could not be reached.
        """
        answer = await self._call("GET", "/2020-01-01/extension/event/next", timeout_s=None)
        if answer.status != 200:
            raise ApiError(f"/next answered {answer.status} {_error_type(answer.body)}")
        return parse_event(answer.body)

    async def subscribe(self, types: Sequence[str], *, port: int) -> bool:
        """Ask for telemetry on `port`; False where this platform has none (202 or 404).

        Raises:
            ApiError: the subscription was refused in every schema version.
            OSError: the API could not be reached.
        """
        refusal = ""
        for version in SCHEMA_VERSIONS:
            answer = await self._put_subscription(version, types, port)
            if answer.status == 200:
                return True
            if answer.status in {202, 404}:
                return False
            refusal = f"subscribing answered {answer.status} {_error_type(answer.body)}"
            if answer.status != 400:
                break
        raise ApiError(refusal)

    def close(self) -> None:
        """Close the connection that is kept."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    async def _put_subscription(self, version: str, types: Sequence[str], port: int) -> Answer:
        wanted = {
            "schemaVersion": version,
            "types": list(types),
            "buffering": BUFFERING,
            "destination": {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}"},
        }
        body = json.dumps(wanted).encode()
        return await self._call("PUT", "/2022-07-01/telemetry", body, timeout_s=CALL_TIMEOUT_S)

    async def _call(
        self, method: str, path: str, body: bytes = b"", *, timeout_s: float | None
    ) -> Answer:
        """Make one call, over the connection of the last one if that is still good."""
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {self._address}",
            f"Lambda-Extension-Identifier: {self._identifier}",
            f"Content-Length: {len(body)}",
        ]
        request = "\r\n".join([*lines, "", ""]).encode() + body
        async with asyncio.timeout(timeout_s):
            kept, self._kept = self._kept, None
            if kept is not None:
                try:
                    return await self._exchange(kept, request)
                except (OSError, ApiError, BadMessageError):
                    pass  # it died in a freeze
            return await self._exchange(await self._connect(), request)

    async def _connect(self) -> socket.socket:
        host, _, port = self._address.rpartition(":")
        connection = socket.socket()
        try:
            connection.settimeout(0)  # as asyncio wants it
            await asyncio.get_running_loop().sock_connect(connection, (host, int(port)))
        except BaseException:
            connection.close()
            raise
        return connection

    async def _exchange(self, connection: socket.socket, request: bytes) -> Answer:
        """Send a request and read its answer; whatever goes wrong, the connection is closed."""
        try:
            await asyncio.get_running_loop().sock_sendall(connection, request)
            answer, stays_open = await _receive(connection)
        except BaseException:
            connection.close()
            raise
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
