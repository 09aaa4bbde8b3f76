"""PURE: reads and writes HTTP/1.1 messages: heads and chunks to values, replies to bytes.

Strict: a message that two parsers could read differently is refused, so that none can be smuggled
inside another; so is a message that no client of these servers would send. Source: RFC 9112.
Error texts do not quote the input, which may hold a token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

END_OF_LINE = b"\r\n"
END_OF_HEAD = b"\r\n\r\n"
LONGEST_LINE = 8190
"""Bytes of a target or of a header line; the limit of Apache and aiohttp."""

LONGEST_HEAD = 65_536
LONGEST_CHUNK_LINE = 256
TO_THE_END = 1 << 62
"""Length of the body of a response that announces none: it ends when the connection does."""

MOST_HEADERS = 100

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAME = re.compile(_TOKEN)
_MAY_BEGIN = re.compile(rb"[\x20-\x7e]*\r?")
_REQUEST_LINE = re.compile(rb"(%b) ([\x21-\x7e]+) HTTP/1\.([01])" % _TOKEN)
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([0-9]{3})(?: [^\r\n]*)?")
_NOT_IN_A_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(r"[0-9]{1,15}")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")
_WITHOUT_BODY = frozenset({"204", "304"})
_ONCE = frozenset({"host", "content-length", "transfer-encoding"})
"""A message with one of these headers twice is refused."""


class BadMessageError(ValueError):
    """The input violates HTTP, or exceeds a limit."""


class Head(NamedTuple):
    """What precedes a body. Header names are in lower case; of repeated ones the first counts.

    It is never changed, and hashable, so that what a handler makes of it can be remembered.
    """

    method: str
    """Empty in a response."""
    target: str
    """As it was sent, not decoded; in a response the three digits of the status."""
    minor: int
    """Minor version: 0 or 1."""
    headers: Mapping[str, str]
    length: int | None
    """Bytes of the body; None if it comes in chunks, the last of which ends it."""
    keeps_alive: bool
    """Whether its sender keeps the connection open."""
    size: int
    """Bytes of it, without the empty line at its end."""
    fingerprint: int
    """The hash of its bytes. Heads that differ in any header must not share one: where a client
    sends a new `traceparent` with each request, a dictionary would compare all of them."""

    def __hash__(self) -> int:
        return self.fingerprint


class Reply(NamedTuple):
    """A response to be sent; its headers must not contain line breaks."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def read_request_head(lines: bytes) -> Head:
    """Parse the head of a request, without the empty line at its end; raises BadMessageError."""
    first, *rest = lines.split(END_OF_LINE)
    line = _REQUEST_LINE.fullmatch(first)
    if line is None or len(line[2]) > LONGEST_LINE:
        raise BadMessageError("malformed request line")
    return _head(line[1].decode(), line[2].decode(), int(line[3]), rest, lines)


def read_answer_head(lines: bytes) -> Head:
    """Parse the head of a response, without the empty line at its end; raises BadMessageError."""
    first, *rest = lines.split(END_OF_LINE)
    line = _STATUS_LINE.fullmatch(first)
    if line is None:
        raise BadMessageError("malformed status line")
    head = _head("", line[2].decode(), int(line[1]), rest, lines)
    has_length = head.length is None or "content-length" in head.headers
    if has_length or head.target in _WITHOUT_BODY or head.target.startswith("1"):
        return head
    return head._replace(length=TO_THE_END, keeps_alive=False)


def is_request(beginning: bytes | bytearray) -> bool:
    """Return whether an incomplete head can still become one; TLS and bare line feeds cannot."""
    first, found, _ = beginning.partition(END_OF_LINE)
    line = (_REQUEST_LINE if found else _MAY_BEGIN).fullmatch(first)
    return len(beginning) <= LONGEST_HEAD and line is not None


def read_body(head: Head, received: bytearray, body: bytearray) -> bool:
    """Move what has arrived of a body from `received` to `body`; return whether it is complete.

    Raises:
        BadMessageError: it comes in chunks, and one is malformed.
    """
    if head.length is None:
        return _read_chunks(received, body)
    missing = head.length - len(body)
    body += received[:missing]
    del received[:missing]
    return len(body) == head.length


def encode(reply: Reply, *, to: Head | None, close: bool, date: str = "") -> bytes:
    """Return a reply as bytes, with a date if there is one; a reply to HEAD has no body."""
    if to and to.minor and not (reply.headers or reply.body or date or close):
        return _empty_reply(reply.status)
    lines = [_status_line(reply.status), *map(": ".join, reply.headers.items())]
    if date:
        lines.append(f"Date: {date}")
    if close:
        lines.append("Connection: close")
    elif to and not to.minor:
        lines.append("Connection: keep-alive")
    lines.append(f"Content-Length: {len(reply.body)}\r\n\r\n")
    sent = "\r\n".join(lines).encode()
    return sent if to and to.method == "HEAD" else sent + reply.body


def _read_chunks(received: bytearray, body: bytearray) -> bool:
    at = end = 0
    while line := _chunk_line(received, at):
        size, start = int(line[1], 16), line.end() + len(END_OF_LINE)
        if size == 0:
            # Without a trailer, the line break after the size is the first half of the end.
            end = received.find(END_OF_HEAD, line.end())
            if end < 0 and len(received) - start > LONGEST_HEAD:
                raise BadMessageError("the trailer is too long")
            at = at if end < 0 else end + len(END_OF_HEAD)
            break
        stop = start + size
        if len(received) < stop + len(END_OF_LINE):
            break
        if not received.startswith(END_OF_LINE, stop):
            raise BadMessageError("a chunk is longer than announced")
        body += received[start:stop]
        at = stop + len(END_OF_LINE)
    del received[:at]
    return end > 0


def _chunk_line(received: bytearray, at: int) -> re.Match[bytes] | None:
    """Return the line before a chunk, None if it is incomplete."""
    end = received.find(END_OF_LINE, at)
    if end < 0 and len(received) - at <= LONGEST_CHUNK_LINE:
        return None
    line = _CHUNK_LINE.fullmatch(received, at, end) if end >= 0 else None
    if line is None:
        raise BadMessageError("malformed chunk size")
    return line


def _head(method: str, target: str, minor: int, lines: list[bytes], whole: bytes) -> Head:
    headers = _headers(lines)
    options = {each.strip() for each in headers.get("connection", "").lower().split(",")}
    keeps_alive = "close" not in options if minor else "keep-alive" in options
    length = _length(headers, minor=minor)
    return Head(method, target, minor, headers, length, keeps_alive, len(whole), hash(whole))


def _headers(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > MOST_HEADERS:
        raise BadMessageError("too many headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name) or _NOT_IN_A_VALUE.search(value):
            raise BadMessageError("malformed header")
        if len(line) > LONGEST_LINE:
            raise BadMessageError("a header is too long")
        key = name.decode().lower()
        if key in headers and key in _ONCE:
            raise BadMessageError("a header is repeated that must be unique")
        headers.setdefault(key, value.strip(b" \t").decode("utf-8", "surrogateescape"))
    return headers


def _length(headers: Mapping[str, str], *, minor: int) -> int | None:
    """Return the length of the body; refuse a message that leaves any doubt about it."""
    announced, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked" or announced is not None or not minor:
            raise BadMessageError("the length of the body is ambiguous")
        return None
    if announced is not None and not _LENGTH.fullmatch(announced):
        raise BadMessageError("the length is not a number")
    return int(announced or 0)


@lru_cache
def _empty_reply(status: int) -> bytes:
    return f"{_status_line(status)}\r\nContent-Length: 0\r\n\r\n".encode()


@lru_cache
def _status_line(status: int) -> str:
    phrases = {each.value: each.phrase for each in HTTPStatus}
    return f"HTTP/1.1 {status} {phrases.get(status, '')}"
