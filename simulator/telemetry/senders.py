"""Two ways to bring a batch of events to a listener: HTTP and TCP.

The name in a destination is not looked up: listeners are on loopback.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from io import BytesIO
from typing import TYPE_CHECKING, Protocol

import aiohttp

if TYPE_CHECKING:
    from simulator.telemetry.subscription import Subscription

_CONNECT_TIMEOUT_S = 1.0


class DeliveryError(Exception):
    """A batch was not acknowledged; the message says why."""


class Sender(Protocol):
    """Brings one batch to a listener."""

    async def send(self, batch: list[bytes]) -> None:
        """Return once the batch is acknowledged; raises DeliveryError."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class HttpSender:
    """Posts a JSON array; the Host header keeps the subscribed name."""

    def __init__(self, session: aiohttp.ClientSession, subscription: Subscription) -> None:
        self._session = session
        self._url = f"http://127.0.0.1:{subscription.port}{subscription.path}"
        self._host = f"{subscription.host}:{subscription.port}"

    async def send(self, batch: list[bytes]) -> None:
        """Post the batch; any status but 2xx means: not acknowledged."""
        body = b"[" + b",".join(batch) + b"]"
        headers = {
            "Content-Type": "application/json",
            "Host": self._host,
            "Sequence-Id": base64.b64encode(hashlib.sha256(body).digest()).decode(),
        }
        # No limit on the answer: a frozen listener may take as long as the freeze.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S)
        try:
            async with self._session.post(
                self._url,
                data=BytesIO(body),
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise DeliveryError(f"could not post events: {error}") from None
        if not 200 <= answer.status < 300:
            raise DeliveryError(f"http request failed with status {answer.status}")

    def close(self) -> None:
        """Nothing to do: the session belongs to the telemetry hub."""


class TcpSender:
    """Writes one JSON object a line; whatever the kernel takes counts as acknowledged."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    @classmethod
    async def connect(cls, subscription: Subscription) -> TcpSender:
        """Dial the listener, which must already listen; raises DeliveryError."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", subscription.port)
        except OSError:
            raise DeliveryError(
                f"could not TCP dial provided address 127.0.0.1:{subscription.port}"
            ) from None
        return cls(writer)

    async def send(self, batch: list[bytes]) -> None:
        """Write the batch."""
        try:
            self._writer.write(b"".join(event + b"\n" for event in batch))
            await self._writer.drain()
        except OSError as error:
            raise DeliveryError(f"could not write events: {error}") from None

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()
