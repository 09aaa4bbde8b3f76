"""The S3 bucket of the dead letters: signed requests over the connection of the exports.

The signature is made for each attempt. An answer that says that the credentials have expired, or
that the time of the signature is wrong, is followed by one more attempt, with other credentials or
with the time of S3.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Mapping
from html import unescape
from typing import TYPE_CHECKING

from extension.aws.errors import is_transient
from extension.process.frozen import Frozen
from extension.process.waits import Budget
from extension.telemetry.export.answers import Answer, quoted
from extension.telemetry.export.compression import COMPRESSORS
from extension.telemetry.export.connection_failures import POST_ERRORS, describe_failure, try_twice
from extension.telemetry.export.outcome import CONNECTION_STATUSES, Outcome, unix_time_of
from extension.telemetry.export.post import Post
from extension.telemetry.export.s3_location import Location

if TYPE_CHECKING:  # a protocol, which is not needed at run time
    from extension.telemetry.export.aws_requests import Signer

TIMEOUT_S = 2.0
"""For one request; a bucket is milliseconds away."""

SILENCE_S = 1.0
"""A bucket that is silent for so long is not there; less may be all that an export has left."""

MOST_COMPRESSED = 8
"""Files that are kept compressed until S3 has them; each has a MiB before that, at most."""

CREDENTIALS = frozenset(
    {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "TokenRefreshRequired"}
)
CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
"""Codes of S3 that other credentials, or another time in the signature, may cure."""

WAIT = frozenset({"OperationAborted"}) | CREDENTIALS | CLOCK
"""Codes of S3 after which the same request may be taken later, beside those of all services: KMS
throttles under its own code, with status 400."""

OTHER_REGION = "the bucket is in another region than the function"
ADVICE = {
    "PermanentRedirect": OTHER_REGION,
    "TemporaryRedirect": OTHER_REGION,
    "AuthorizationHeaderMalformed": OTHER_REGION,
    "NoSuchBucket": "the bucket does not exist",
}
CERTIFICATE = "AWS_CA_BUNDLE"
"""The variable that names authorities for AWS."""

KEY_ACTIONS = {"s3:PutObject": "kms:GenerateDataKey", "s3:GetObject": "kms:Decrypt"}
"""What SSE-KMS needs beside an action."""


class Route(Frozen):
    """How the bucket is reached."""

    location: Location
    put_headers: Mapping[str, str]
    tls: ssl.SSLContext | None = None
    proxy: str | None = None


class Bucket:
    """Sends requests to one bucket."""

    def __init__(self, route: Route, *, post: Post, signer: Signer) -> None:
        self.location = route.location
        self._route = route
        self._post = post
        self._signer = signer
        self._compressed: dict[str, bytes] = {}

    async def put(self, key: str, body: bytes, budget: Budget) -> Outcome:
        """Store one request, compressed; whatever S3 does is an outcome."""
        headers = {"Content-Type": "application/octet-stream", **self._route.put_headers}
        return await self.within(budget, self._put(key, body, headers))

    async def within(self, budget: Budget, request: Awaitable[Outcome]) -> Outcome:
        """Return the outcome of a request; one that does not end in time is kept."""
        had_s = budget.left_s
        try:
            return await budget.wait(request, at_most_s=TIMEOUT_S)
        except TimeoutError:
            return Outcome(kind="kept", cause="timeout", timed_out=had_s >= SILENCE_S)
        except POST_ERRORS as error:
            return Outcome(kind="kept", cause=describe_failure(error, certificate=CERTIFICATE))
        except Exception as error:  # noqa: BLE001  # the signer's: no credentials in time
            return Outcome(kind="kept", cause=f"not signed: {type(error).__name__}")

    async def _put(self, key: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        compressed = await asyncio.to_thread(self._compress, key, body)
        outcome = judge(await self.ask("PUT", self.location.url(key), compressed, headers))
        if outcome.kind != "kept":
            self._compressed.pop(key, None)
        return outcome

    def _compress(self, key: str, body: bytes) -> bytes:
        """Compress a file once, however many attempts it takes, and though one is cut off here."""
        compressed = self._compressed.get(key)
        if compressed is None:
            compressed = self._compressed[key] = COMPRESSORS["gzip"](body)
            while len(self._compressed) > MOST_COMPRESSED:
                self._compressed.pop(next(iter(self._compressed)), None)
        return compressed

    async def ask(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        max_bytes: int = 65_536,
    ) -> Answer:
        """Return S3's answer to a request, which is signed and sent a second time if need be."""
        renewals = self._signer.renewals
        answer = await self._ask(method, url, body, headers or {}, max_bytes)
        if self._may_cure(answer, renewals):
            answer = await self._ask(method, url, body, headers or {}, max_bytes)
        return answer

    def _may_cure(self, answer: Answer, renewals: int) -> bool:
        """Take what the next signature needs; return whether it differs from the last one."""
        code = code_of(answer)
        if code in CREDENTIALS:
            return self._signer.renew_since(renewals)
        if code not in CLOCK:
            return False
        # Without a date it may help, too: a freeze may have made the signature old.
        now_s = unix_time_of(answer.date)
        if now_s is not None:
            self._signer.set_time(now_s)
        return True

    async def _ask(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], max_bytes: int
    ) -> Answer:
        async def attempt(*, alone: bool) -> Answer:
            signed = await asyncio.to_thread(
                sign_s3, self._signer, method, url, headers, body, self.location.region
            )
            return await self._post.exchange(
                method,
                url,
                body,
                signed,
                alone=alone,
                tls=self._route.tls,
                proxy=self._route.proxy,
                max_bytes=max_bytes,
            )

        return await try_twice(attempt)


def sign_s3(
    signer: Signer, method: str, url: str, headers: Mapping[str, str], body: bytes, region: str
) -> dict[str, str]:
    """Sign a request for S3."""
    return signer.sign(method, url, headers, body, service="s3", region=region)


def code_of(answer: Answer) -> str:
    """Return S3's name of an error, empty if there is none."""
    found = None if answer.is_success else re.search(rb"<Code>([\w.]+)</Code>", answer.content)
    return found[1].decode() if found else ""


def judge(answer: Answer, *, action: str = "s3:PutObject") -> Outcome:
    """Return what S3's answer to an action means, with what to do about it."""
    if answer.is_success and action != "s3:GetObject" and answer.is_page:
        return Outcome(kind="rejected", cause="answers HTML, not S3: a sign-in page or a proxy?")
    if answer.is_success:
        return Outcome(kind="accepted")
    code = code_of(answer)
    cause = f"status {answer.status} {code}".rstrip()
    if advice := _advice(code, action):
        cause += f": {advice}"
    message = re.search(rb"<Message>([^<]*)</Message>", answer.content)
    said = quoted(unescape(message[1].decode("utf-8", "replace")), hiding=()) if message else ""
    waits = code in WAIT or is_transient(code, status=answer.status)
    waits |= answer.status in CONNECTION_STATUSES
    return Outcome(kind="kept" if waits else "rejected", cause=cause, said=said)


def _advice(code: str, action: str) -> str:
    if code != "AccessDenied":
        return ADVICE.get(code, "")
    key_action = KEY_ACTIONS.get(action)
    return f"the role needs {action}" + (f", and for SSE-KMS {key_action}" if key_action else "")
