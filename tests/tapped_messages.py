"""Copies of the Runtime API's messages as the pump makes them; times are seconds after noon."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from extension.process.frozen import Frozen
from extension.telemetry.tap.copied_message import Copied
from extension.telemetry.tap.tapped_requests import TappedRequests
from tests.platform_events import ns

INVOCATION = "/2018-06-01/runtime/invocation"


class Copy(Frozen):
    """A message, and when its first and its last byte passed."""

    data: bytes
    first: float
    last: float
    is_complete: bool = True

    def cut(self, *, head: int, tail: int = 0) -> Copy:
        """Return the copy of which only so many bytes at both ends are kept; see `give`."""
        return Cut(**vars(self), head=head, tail=tail)

    @property
    def copied(self) -> Copied:
        """What is kept of it."""
        return Copied(self.data, b"", len(self.data))


class Cut(Copy):
    """A message of which only the ends are kept."""

    data: bytes
    first: float
    last: float
    is_complete: bool = True
    head: int = 0
    tail: int = 0

    @property
    def copied(self) -> Copied:
        """What is kept of it."""
        end = max(self.head, len(self.data) - self.tail)
        return Copied(self.data[: self.head], self.data[end:], len(self.data))


def give(requests: TappedRequests, *copies: Copy) -> None:
    """Hand copies over in this order."""
    for each in copies:
        requests.take(
            each.copied,
            first_ns=ns(each.first),
            last_ns=ns(each.last),
            is_complete=each.is_complete,
        )


def event(
    request_id: str, body: Any, *, at: float = 1, headers: Mapping[str, str] | None = None
) -> Copy:
    """Return the answer to `/next`."""
    named = {"Lambda-Runtime-Aws-Request-Id": request_id, **(headers or {})}
    return _copy("HTTP/1.1 200 OK", _json(body), named, first=at, last=at)


def response(
    request_id: str,
    body: Any,
    *,
    first: float = 2,
    last: float = 2,
    headers: Mapping[str, str] | None = None,
    is_complete: bool = True,
) -> Copy:
    """Return a response of the function."""
    start = f"POST {INVOCATION}/{request_id}/response HTTP/1.1"
    return _copy(start, _json(body), headers or {}, first=first, last=last, complete=is_complete)


def error(request_id: str, body: Any, *, at: float = 2) -> Copy:
    """Return an error that the runtime reports."""
    start = f"POST {INVOCATION}/{request_id}/error HTTP/1.1"
    return _copy(start, _json(body), {}, first=at, last=at)


def init_error(body: Any, *, at: float) -> Copy:
    """Return an error of the init."""
    start = "POST /2018-06-01/runtime/init/error HTTP/1.1"
    return _copy(start, _json(body), {}, first=at, last=at)


def _json(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def _copy(
    start: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    first: float,
    last: float,
    complete: bool = True,
) -> Copy:
    lines = [start, *(f"{name}: {text}" for name, text in headers.items())]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
    return Copy(data=head.encode() + body, first=first, last=last, is_complete=complete)
