"""PURE: HTTP/1.1 messages, strictly: heads and chunks to values, requests and replies to bytes.

What two readers could read differently is refused, so that nobody smuggles one message inside
another; so is what no client of ours would send. Source: RFC 9112.
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
"""Bytes of a target or of a header, as other servers have it."""

LONGEST_HEAD = 65_536
LONGEST_CHUNK_LINE = 256
TO_THE_END = 1 << 62
"""Length of the body of an answer that says none: what comes until its sender closes."""

MOST_HEADERS = 100

REMEMBERED_HEADS = 64
"""A function asks the same few URLs again and again, with the same headers: byte for byte."""

LONGEST_REMEMBERED = 4096
"""Bytes of a head worth keeping: with the number above at most a quarter of a megabyte."""

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
"""Headers that a message has once, or is refused."""


class BadMessageError(ValueError):
    """This is not what HTTP says."""


class Head(NamedTuple):
    """What comes before a body; names of headers are in lower case, of repeated ones the first."""

    method: str
    """Empty in an answer."""
    target: str
    """As it was sent, undecoded; in an answer the three digits of the status."""
    minor: int
    """Of the version 1.0 or 1.1."""
    headers: Mapping[str, str]
    length: int | None
    """Bytes of the body; None if it comes in chunks, whose last one ends it."""
    keeps_alive: bool
    """Whether its sender wants to go on with the connection."""


class Reply(NamedTuple):
    """A whole answer; its headers hold no line breaks."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def read_request_head(lines: bytes) -> Head:
    """Read the head of a request, without the empty line at its end, or raise BadMessageError."""
    if len(lines) > LONGEST_REMEMBERED:
        return _read_request_head(lines)
    return _remembered(lines)


def _read_request_head(lines: bytes) -> Head:
    first, *rest = lines.split(END_OF_LINE)
    line = _REQUEST_LINE.fullmatch(first)
    if line is None or len(line[2]) > LONGEST_LINE:
        raise BadMessageError("no request line")
    return _head(line[1].decode(), line[2].decode(), int(line[3]), rest)


_remembered = lru_cache(REMEMBERED_HEADS)(_read_request_head)


def read_answer_head(lines: bytes) -> Head:
    """Read the head of an answer, likewise."""
    first, *rest = lines.split(END_OF_LINE)
    line = _STATUS_LINE.fullmatch(first)
    if line is None:
        raise BadMessageError("no status line")
    head = _head("", line[2].decode(), int(line[1]), rest)
    says = head.length is None or "content-length" in head.headers
    if says or head.target in _WITHOUT_BODY or head.target.startswith("1"):
        return head
    return head._replace(length=TO_THE_END, keeps_alive=False)


def is_request(beginning: bytes | bytearray) -> bool:
    """Tell whether a head that has no end yet can become one; TLS and bare line feeds cannot."""
    first, found, _ = beginning.partition(END_OF_LINE)
    line = (_REQUEST_LINE if found else _MAY_BEGIN).fullmatch(first)
    return len(beginning) <= LONGEST_HEAD and line is not None


def read_body(head: Head, received: bytearray, body: bytearray) -> bool:
    """Move what has come of a body from `received` to `body`; tell whether it is whole.

    Raises:
        BadMessageError: it comes in chunks, and one is broken.
    """
    if head.length is None:
        return _read_chunks(received, body)
    missing = head.length - len(body)
    body += received[:missing]
    del received[:missing]
    return len(body) == head.length


def encode(reply: Reply, *, to: Head | None, close: bool) -> bytes:
    """Return a reply as it is sent; one to HEAD is without its body."""
    head = [_status_line(reply.status)]
    head += [f"{name}: {value}\r\n" for name, value in reply.headers.items()]
    if close:
        head.append("Connection: close\r\n")
    elif to and not to.minor:
        head.append("Connection: keep-alive\r\n")
    head.append(f"Content-Length: {len(reply.body)}\r\n\r\n")
    sent = "".join(head).encode()
    return sent if to and to.method == "HEAD" else sent + reply.body


def _read_chunks(received: bytearray, body: bytearray) -> bool:
    at = end = 0
    while line := _chunk_line(received, at):
        size, start = int(line[1], 16), line.end() + len(END_OF_LINE)
        if size == 0:
            # The line before the trailer ends it where there is none.
            end = received.find(END_OF_HEAD, line.end())
            if end < 0 and len(received) - start > LONGEST_HEAD:
                raise BadMessageError("the trailer has no end")
            at = at if end < 0 else end + len(END_OF_HEAD)
            break
        stop = start + size
        if len(received) < stop + len(END_OF_LINE):
            break
        if not received.startswith(END_OF_LINE, stop):
            raise BadMessageError("a chunk is longer than it said")
        body += received[start:stop]
        at = stop + len(END_OF_LINE)
    del received[:at]
    return end > 0


def _chunk_line(received: bytearray, at: int) -> re.Match[bytes] | None:
    """Return the line that a chunk begins with, None if it is to come."""
    end = received.find(END_OF_LINE, at)
    if end < 0 and len(received) - at <= LONGEST_CHUNK_LINE:
        return None
    line = _CHUNK_LINE.fullmatch(received, at, end) if end >= 0 else None
    if line is None:
        raise BadMessageError("no chunk")
    return line


def _head(method: str, target: str, minor: int, lines: list[bytes]) -> Head:
    headers = _headers(lines)
    wishes = {each.strip() for each in headers.get("connection", "").lower().split(",")}
    keeps_alive = "close" not in wishes if minor else "keep-alive" in wishes
    return Head(method, target, minor, headers, _length(headers, minor=minor), keeps_alive)


def _headers(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > MOST_HEADERS:
        raise BadMessageError("too many headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name) or _NOT_IN_A_VALUE.search(value):
            raise BadMessageError("no header")
        if len(line) > LONGEST_LINE:
            raise BadMessageError("a header is too long")
        key = name.decode().lower()
        if key in headers and key in _ONCE:
            raise BadMessageError("a header is there twice")
        headers.setdefault(key, value.strip(b" \t").decode("utf-8", "surrogateescape"))
    return headers


def _length(headers: Mapping[str, str], *, minor: int) -> int | None:
    """Return the length of the body; refuse whatever leaves a doubt about it."""
    announced, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked" or announced is not None or not minor:
            raise BadMessageError("nobody knows where the body ends")
        return None
    if announced is not None and not _LENGTH.fullmatch(announced):
        raise BadMessageError("the length is no number")
    return int(announced or 0)


@lru_cache
def _status_line(status: int) -> str:
    phrases = {each.value: each.phrase for each in HTTPStatus}
    return f"HTTP/1.1 {status} {phrases.get(status, '')}\r\n"
