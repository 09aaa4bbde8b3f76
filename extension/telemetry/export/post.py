"""One POST to the endpoint over a connection that is kept: compressed, bounded in time, judged.

It never follows a redirect and never retries by waiting. The endpoint's words are repeated without
the URL and the headers.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from extension.process.clock import Clock
from extension.process.frozen import replace
from extension.process.tasks import in_thread
from extension.process.waits import Budget
from extension.telemetry.export.answers import (
    Answer,
    EndpointMessage,
    credentials_in,
    quoted,
    read_text,
)
from extension.telemetry.export.buffer import Signal
from extension.telemetry.export.compression import COMPRESSORS, LARGE_BYTES
from extension.telemetry.export.connection_failures import (
    POST_ERRORS,
    describe_failure,
    try_twice,
)
from extension.telemetry.export.connections import Connections
from extension.telemetry.export.outcome import TAKEN, Outcome, judge, retry_after_s
from extension.telemetry.export.target import Target
from extension.telemetry.export.tls import is_narrow, trust_bundle

if TYPE_CHECKING:  # only with AWS
    from extension.telemetry.export.aws_requests import AwsRequests

MAX_ANSWER_BYTES = 65_536
"""More of an answer is not read: it holds a count and a message."""

Read = Callable[[Answer], EndpointMessage]
"""Reads what an answer says."""


async def _read_bytes(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Read an answer to its end, which shows whether it has one, or to the bound."""
    content = bytearray()
    while len(content) < max_bytes:
        chunk = await answer.content.read(max_bytes - len(content))
        if not chunk:
            break
        content += chunk
    return bytes(content)


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    content = await _read_bytes(answer, MAX_ANSWER_BYTES)
    if answer.headers.get("Content-Encoding", "").strip().lower() in ("gzip", "x-gzip"):
        return _gunzip(content)
    return content


def _gunzip(content: bytes) -> bytes:
    """Return what was compressed, as far as the bound goes; nothing if it was damaged."""
    try:
        return zlib.decompressobj(wbits=31).decompress(content, MAX_ANSWER_BYTES)
    except zlib.error:
        return b""


def _answer(response: aiohttp.ClientResponse, content: bytes) -> Answer:
    headers = response.headers
    return Answer(
        status=response.status,
        content=content,
        content_type=headers.get("Content-Type", ""),
        date=headers.get("Date", ""),
        retry_after=headers.get("Retry-After", ""),
        error_type=headers.get("X-Amzn-ErrorType", ""),
    )


def _judged(target: Target, answer: Answer, read: Read) -> Outcome:
    message = read(answer)
    wish = retry_after_s(answer.retry_after, date=answer.date)
    said = ""
    if message.text:  # of nearly all answers there is none
        said = quoted(message.text, hiding=credentials_in(target.url, target.headers))
    return judge(answer, message, said=said, retry_after_s=wish)


class Post:
    """Posts to the targets of all signals; without any, as long as credentials are not resolved.

    `aws` sends to those targets that are services of AWS.
    """

    def __init__(
        self,
        targets: Mapping[Signal, Target],
        *,
        aws: AwsRequests | None = None,
        clock: Clock,
    ) -> None:
        self._targets = dict(targets)
        self._aws = aws
        self._connections = Connections(clock=clock)

    def use(self, targets: Mapping[Signal, Target]) -> None:
        """Send there from now on."""
        self._targets = dict(targets)

    async def send(
        self,
        signal: Signal,
        parts: Sequence[bytes],
        *,
        content_type: str,
        budget: Budget,
        read: Read = read_text,
    ) -> Outcome:
        """Send a body within the budget; whatever the endpoint does is an outcome."""
        target = self._targets.get(signal)
        if target is None:
            return Outcome(kind="unauthenticated", cause="credentials not resolved")
        outcome = await self._send(target, parts, content_type, budget, read)
        return outcome if outcome is TAKEN else replace(outcome, variable=target.variable)

    async def _send(
        self,
        target: Target,
        parts: Sequence[bytes],
        content_type: str,
        budget: Budget,
        read: Read,
    ) -> Outcome:
        headers = {
            **target.headers,
            "Accept-Encoding": "identity",
            "Content-Type": content_type,
        }
        if target.compression != "none":
            headers["Content-Encoding"] = target.compression
        try:
            return await budget.wait(
                self._compress_and_post(target, parts, headers, read),
                at_most_s=target.timeout_s,
            )
        except TimeoutError:
            return Outcome(kind="kept", cause="timeout", timed_out=True)
        except aiohttp.InvalidURL as error:  # a ValueError, as one about a certificate is, too
            return Outcome(kind="rejected", cause=describe_failure(error))
        except POST_ERRORS as error:
            return Outcome(kind="kept", cause=describe_failure(error))
        except RuntimeError as error:  # of the interpreter: looking up a name takes a thread
            return Outcome(kind="kept", cause=describe_failure(error))
        except ValueError as error:  # a request that cannot be made: waiting does not cure it
            return Outcome(kind="rejected", cause=describe_failure(error))

    async def _compress_and_post(
        self,
        target: Target,
        parts: Sequence[bytes],
        headers: Mapping[str, str],
        read: Read,
    ) -> Outcome:
        compress = COMPRESSORS[target.compression]
        if target.compression != "none" and sum(map(len, parts)) >= LARGE_BYTES:
            compressed = await in_thread(partial(compress, *parts))
        else:
            compressed = compress(*parts)
        answer = await self._ask(target, compressed, headers)
        outcome = _judged(target, answer, read)
        return self._aws.refine(target, outcome, answer) if self._aws and target.aws else outcome

    async def _ask(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a request, once more if the connection was dead; AWS gets it signed."""
        if self._aws is None or target.aws is None:
            return await try_twice(partial(self._post, target, body, headers))
        return await self._aws.send(target, body, headers, send=self._post)

    async def _post(
        self, target: Target, body: bytes, headers: Mapping[str, str], *, alone: bool
    ) -> Answer:
        return await self._request(
            "POST",
            target.url,
            read=_read,
            alone=alone,
            data=body,
            headers=headers,
            tls=target.tls,
            proxy=target.proxy,
        )

    async def exchange(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        alone: bool,
        tls: ssl.SSLContext | None,
        proxy: str | None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """Send a request whose URL and headers are signed.

        The body of the answer is not judged, and stays encoded as an object was stored.
        """
        return await self._request(
            method,
            URL(url, encoded=True),  # as it was signed
            read=partial(_read_bytes, max_bytes=max_bytes),
            alone=alone,
            data=body if method == "PUT" else None,
            headers={**headers, "Accept-Encoding": "identity"},
            tls=tls,
            proxy=proxy,
        )

    async def _request(
        self,
        method: str,
        url: str | URL,
        *,
        read: Callable[[aiohttp.ClientResponse], Awaitable[bytes]],
        alone: bool,
        tls: ssl.SSLContext | None,
        **how: Any,
    ) -> Answer:
        """Send a request, once more if the authority may be one of the image's bundle."""

        async def send() -> Answer:
            session = await self._connections.begin(alone=alone)
            try:
                async with session.request(
                    method,
                    url,
                    ssl=tls or True,  # aiohttp's own context trusts no authority: this fails closed
                    allow_redirects=False,
                    **how,
                ) as response:
                    return _answer(response, await read(response))
            finally:
                await self._connections.end(session)

        may_widen = tls is not None and is_narrow(tls)
        try:
            return await send()
        except aiohttp.ClientConnectorCertificateError:
            if tls is None or not may_widen:
                raise
            await asyncio.to_thread(trust_bundle, tls)  # it parses for 50 ms
            return await send()

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()
