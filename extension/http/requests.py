"""PURE: the bytes of one connection to its requests, in the order in which they arrived.

A request is returned when it is complete. Where the next request begins is not known after one that
is malformed, or whose body is too long: such a request is the last of its connection.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from extension.http.messages import (
    END_OF_HEAD,
    END_OF_LINE,
    BadMessageError,
    Head,
    is_request,
    read_body,
    read_request_head,
)

REMEMBERED_HEADS = 64
"""A function requests the same few URLs again and again, with headers equal byte for byte."""

LONGEST_REMEMBERED = 4096
"""Bytes of a head; with the number above that is at most a quarter of a megabyte."""


class Request(NamedTuple):
    """A complete request, or one that is refused."""

    head: Head | None
    """None if the request is malformed."""
    body: bytes
    is_refused: bool = False
    """Malformed, or without the body because that is too long; its rest may still arrive."""


class RequestReader:
    """Finds requests in what was received."""

    def __init__(self, *, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes

        # Per connection
        self.received = bytearray()
        """What has not been parsed yet."""

        # Per request
        self._head: Head | None = None
        """Of the request whose body is incomplete."""
        self._body = bytearray()
        self.expects_continue = False
        """The caller waits for a `100 Continue` before it sends the body."""

    @property
    def has_incomplete(self) -> bool:
        """Whether a part of a request has arrived that was not returned yet."""
        return bool(self.received or self._head)

    def next_request(self, received: bytes = b"") -> Request | None:
        """Take the next request off what was received, now or before; None if it is incomplete."""
        self.expects_continue = False
        if not self.has_incomplete:
            if not received:
                return None
            if request := _lone_request(received):
                return request
        self.received += received
        try:
            return self._read()
        except BadMessageError:
            return Request(None, b"", is_refused=True)

    def _read(self) -> Request | None:
        self._head = head = self._head or self._read_head()
        if head is None:
            return None
        is_complete = read_body(head, self.received, self._body)
        if is_too_long := self._is_too_long(head, is_complete=is_complete):
            # The handler sees it by the length, because the body is gone; chunks announce none.
            head = head._replace(length=max(head.length or 0, self._max_body_bytes + 1))
            self._body.clear()
        elif not is_complete:
            return None
        body = bytes(self._body)
        self._head = None
        self._body.clear()
        return Request(head, body, is_refused=is_too_long)

    def _is_too_long(self, head: Head, *, is_complete: bool) -> bool:
        """Return whether a body exceeds the limit, as announced or as far as it has arrived."""
        length = head.length
        if length is None:
            length = len(self._body) + (0 if is_complete else max(len(self.received), 1))
        return length > self._max_body_bytes

    def _read_head(self) -> Head | None:
        received = self.received
        while received.startswith(END_OF_LINE):  # RFC 9112, 2.2: some clients send one too many
            del received[: len(END_OF_LINE)]
        end = received.find(END_OF_HEAD)
        if end < 0:
            if not is_request(received):
                raise BadMessageError("not a request")
            return None
        head = _read_head(bytes(received[:end]))
        del received[: end + len(END_OF_HEAD)]
        expects = bool(head.minor) and head.headers.get("expect", "").lower() == "100-continue"
        self.expects_continue = expects and not received
        return head


def _read_head(lines: bytes) -> Head:
    return (_remembered if len(lines) <= LONGEST_REMEMBERED else read_request_head)(lines)


def _lone_request(received: bytes) -> Request | None:
    """Return the request that was received as a whole and alone; None if it is anything else.

    A GET nearly always is, and equal byte for byte to one before: then its head need not be copied
    and looked up.
    """
    if len(received) > LONGEST_REMEMBERED or not received.endswith(END_OF_HEAD):
        return None
    return _remembered_alone(received)


def _read_alone(received: bytes) -> Request | None:
    try:
        head = read_request_head(received[: -len(END_OF_HEAD)])
    except BadMessageError:  # as of two requests: the empty line between them is no header
        return None
    # Before a body, `100 Continue` may be expected, and without one as well.
    return None if head.length != 0 or "expect" in head.headers else Request(head, b"")


_remembered = lru_cache(REMEMBERED_HEADS)(read_request_head)
_remembered_alone = lru_cache(REMEMBERED_HEADS)(_read_alone)
