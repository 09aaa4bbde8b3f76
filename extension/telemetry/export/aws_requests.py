"""Requests to AWS: signed as they leave, for each attempt, and once more where AWS says why.

Signed are the bytes as they are sent, after compression. Headers that a proxy or the HTTP client
may change are left out of the signature.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping
from typing import Protocol

from yarl import URL

from extension.process.frozen import replace
from extension.settings.aws_hosts import SERVICES
from extension.telemetry.export.answers import Answer
from extension.telemetry.export.aws_answers import (
    Remedy,
    error_of,
    refine,
    remedy_of,
)
from extension.telemetry.export.connection_failures import NotSignedError, try_twice
from extension.telemetry.export.log_stream import STREAM, TARGET_PREFIX, LogStream
from extension.telemetry.export.outcome import Outcome, unix_time_of
from extension.telemetry.export.target import Target

SIGNED = ("content-type", "content-encoding", "host", "x-amz-", "x-aws-")
"""How the names begin of the headers that are signed."""


class Send(Protocol):
    """Sends one request once, over a connection that is kept or over one of its own."""

    def __call__(
        self, target: Target, body: bytes, headers: Mapping[str, str], *, alone: bool
    ) -> Awaitable[Answer]:
        """Return the answer."""


JSON = "application/x-amz-json-1.1"


class Signer(Protocol):
    """Signs requests with the credentials of the sandbox; blocks."""

    @property
    def renewals(self) -> int:
        """How often the credentials were renewed so far."""

    def sign(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        service: str,
        region: str,
    ) -> dict[str, str]:
        """Return the headers with the signature."""

    def renew_since(self, renewals: int) -> bool:
        """Take other credentials than those of so many renewals; False if there are none."""

    def set_time(self, aws_s: float) -> None:
        """Sign by the clock of AWS from now on."""


class AwsRequests:
    """Sends to AWS, signed by `signer` where the target says so; logs go to `stream`."""

    def __init__(self, signer: Signer | None, *, stream: LogStream) -> None:
        self._signer = signer
        self.stream = stream

    async def send(
        self, target: Target, body: bytes, headers: Mapping[str, str], *, send: Send
    ) -> Answer:
        """Return the answer to an export, or to its repetition if that was worth a try."""
        if target.aws is None or target.aws.service != SERVICES["logs"]:
            return await self._send(target, body, headers, send)
        existed = self.stream.is_created
        answer = await self._send_logs(target, body, headers, send)
        if existed and error_of(answer).startswith("ResourceNotFound"):  # deleted meanwhile
            self.stream.is_created = False
            answer = await self._send_logs(target, body, headers, send)
        return answer

    async def _send_logs(
        self, target: Target, body: bytes, headers: Mapping[str, str], send: Send
    ) -> Answer:
        named = self.stream.headers(headers)

        async def ask(operation: str, arguments: Mapping[str, str]) -> Answer:
            root = replace(target, url=str(URL(target.url).origin() / ""))
            own = {"Content-Type": JSON, "X-Amz-Target": f"{TARGET_PREFIX}{operation}"}
            body = json.dumps(arguments).encode()
            return await self._send(root, body, {**target.headers, **own}, send)

        if target.is_signed and STREAM not in headers:
            await self.stream.create(named, ask)
        return await self._send(target, body, named, send)

    async def _send(
        self, target: Target, body: bytes, headers: Mapping[str, str], send: Send
    ) -> Answer:
        left: set[Remedy] = {"credentials", "clock"}
        while True:
            renewals = self._signer.renewals if self._signer else 0
            answer = await self._attempt(target, body, headers, send)
            remedy = remedy_of(answer)
            if remedy not in left or not self._apply(remedy, answer, renewals):
                return answer
            left.remove(remedy)

    async def _attempt(
        self, target: Target, body: bytes, headers: Mapping[str, str], send: Send
    ) -> Answer:
        async def attempt(*, alone: bool) -> Answer:
            signed = await self._signed(target, body, headers)
            return await send(target, body, signed, alone=alone)

        return await try_twice(attempt)

    async def _signed(
        self, target: Target, body: bytes, headers: Mapping[str, str]
    ) -> Mapping[str, str]:
        if not (self._signer and target.is_signed and target.aws):
            return headers
        chosen = {name: value for name, value in headers.items() if name.lower().startswith(SIGNED)}
        try:
            # It may have to fetch credentials.
            signed = await asyncio.to_thread(
                self._signer.sign,
                "POST",
                str(URL(target.url)),  # as it is sent
                chosen,
                body,
                service=target.aws.service,
                region=target.aws.region,
            )
        except Exception as error:
            raise NotSignedError(f"{type(error).__name__}: {error}") from error
        return {**headers, **signed}

    def _apply(self, remedy: Remedy, answer: Answer, renewals: int) -> bool:
        """Prepare the next signature; return False if it would be like the last one."""
        if self._signer is None:
            return False
        if remedy == "credentials":
            return self._signer.renew_since(renewals)
        now_s = unix_time_of(answer.date)
        if now_s is not None:
            self._signer.set_time(now_s)
        return True

    @staticmethod
    def refine(target: Target, outcome: Outcome, answer: Answer) -> Outcome:
        """Return the outcome of an answer of AWS."""
        is_cloudwatch = target.aws is not None and target.aws.is_cloudwatch
        return refine(outcome, answer, is_cloudwatch=is_cloudwatch)
