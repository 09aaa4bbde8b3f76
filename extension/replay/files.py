"""The files of dead letters in a bucket: found by their names, read with bounds, deleted."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator
from html import unescape
from urllib.parse import quote

from extension.aws.errors import SettingError, UpstreamError
from extension.process.clock import Clock
from extension.process.waits import Budget
from extension.replay.retries import Sleep, patiently
from extension.telemetry.export.answers import Answer
from extension.telemetry.export.bucket import Bucket, code_of, judge
from extension.telemetry.export.buffer import Signal
from extension.telemetry.export.connection_failures import POST_ERRORS, describe_failure
from extension.telemetry.export.envelopes import NotProtobufError, count
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.s3_location import KEY
from extension.telemetry.export.target import SIGNALS

MAX_FILE_BYTES = 64 * 1_048_576
"""Of a file, compressed or not; ours have one MiB."""

LIST_BYTES = 8 * 1_048_576
"""Of one page of a list: a thousand keys of a kilobyte each, with what S3 says of them."""

ARCHIVED = "InvalidObjectState"
GONE = "NoSuchKey"
"""Codes of S3 that say something of one file, and nothing of the next one."""

TIMEOUT_S = 60.0
"""For one request to the bucket, however slowly it answers."""


class BucketError(Exception):
    """The bucket does not do what it was asked for; the text says why."""


class DamagedError(Exception):
    """A file holds no request that can be read; the text says why."""


class GoneError(Exception):
    """A file is not there any more."""


class DeadLetterFiles:
    """All files of dead letters in one bucket, below one prefix."""

    def __init__(self, bucket: Bucket, *, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._bucket = bucket
        self._clock = clock
        self._sleep = sleep
        self.others = 0
        """Objects that the list left out, for they have other names."""

    async def list_keys(self) -> AsyncIterator[str]:
        """Yield the keys of all files, the oldest first.

        Raises:
            BucketError: the bucket cannot be listed.
        """
        prefix = self._bucket.location.prefix
        under, token = (f"{prefix}/" if prefix else ""), ""
        while True:
            # S3 signs the parameters in the order of their names.
            query = f"continuation-token={quote(token, safe='')}&" if token else ""
            query += f"list-type=2&prefix={quote(under, safe='')}"
            page = await self._ask("GET", "s3:ListBucket", query=query)
            text = page.decode("utf-8", "replace")  # of whatever answers in the bucket's place
            if "</ListBucketResult>" not in text:
                raise BucketError("answers no list of objects, or a part of one")
            for key in map(unescape, re.findall("<Key>([^<]*)</Key>", text)):
                if KEY.fullmatch(key):
                    yield key
                else:
                    self.others += 1
            found = re.search("<NextContinuationToken>([^<]*)</", text)
            if found is None:
                return
            token = unescape(found[1])

    async def read(self, key: str) -> tuple[bytes, int]:
        """Return the request in a file, and how many items are in it.

        Raises:
            BucketError: the bucket does not return it.
            DamagedError: it holds no request, or one that is too large, or it is archived.
            GoneError: it was deleted meanwhile.
        """
        content = await self._ask("GET", "s3:GetObject", key=key)
        body = _decompress(content) if key.endswith(".gz") else content
        if len(body) > MAX_FILE_BYTES:
            raise DamagedError(f"larger than {MAX_FILE_BYTES // 1_048_576} MiB")
        try:
            items = count(signal_of(key), body)
        except NotProtobufError as error:
            raise DamagedError("not an OTLP request") from error
        if not items:
            raise DamagedError("holds no spans, log records or points")
        return body, items

    async def delete(self, key: str) -> None:
        """Delete a file.

        Raises:
            BucketError: the bucket does not delete it.
        """
        await self._ask("DELETE", "s3:DeleteObject", key=key)

    async def _ask(self, method: str, action: str, *, key: str = "", query: str = "") -> bytes:
        url = self._bucket.location.url(key, query)
        max_bytes = LIST_BYTES if query else MAX_FILE_BYTES + 1

        async def attempt() -> tuple[Outcome, bytes]:
            request = self._bucket.ask(method, url, max_bytes=max_bytes)
            try:
                answer: Answer = await Budget(TIMEOUT_S, clock=self._clock).wait(request)
            except TimeoutError:
                return Outcome(kind="kept", cause="timeout"), b""
            except POST_ERRORS as error:
                return Outcome(kind="kept", cause=describe_failure(error)), b""
            except (SettingError, UpstreamError) as error:
                return Outcome(kind="kept", cause=f"no AWS credentials: {error}"), b""
            code = code_of(answer)
            if code == GONE:
                raise GoneError
            if code == ARCHIVED:
                raise DamagedError("archived; restore it first")
            return judge(answer, action=action), answer.content

        outcome, content = await patiently(
            attempt,
            wished_s=lambda result: 0.0 if result[0].kind == "kept" else None,
            sleep=self._sleep,
        )
        if outcome.kind != "accepted":
            raise BucketError(in_words(outcome))
        return content


def signal_of(key: str) -> Signal:
    """Return the signal of a file that `list_keys` has found."""
    return SIGNALS[KEY.fullmatch(key)[1]]  # type: ignore[index]  # it yields no others


def in_words(outcome: Outcome) -> str:
    """Return why something was not taken, in our words and in those of the other side."""
    return f"{outcome.cause} ({outcome.said})" if outcome.said else outcome.cause


def _decompress(content: bytes) -> bytes:
    """Return what was compressed, one byte more than is allowed at most.

    Raises:
        DamagedError: it is not gzip, or has no end.
    """
    body, left = b"", content
    while left:  # the members of a file
        reader = zlib.decompressobj(wbits=31)
        try:
            body += reader.decompress(left, MAX_FILE_BYTES + 1 - len(body))
        except zlib.error as error:
            raise DamagedError("damaged: not gzip") from error
        if len(body) > MAX_FILE_BYTES:
            break
        if not reader.eof:
            raise DamagedError("damaged: cut off")
        left = reader.unused_data
    return body
