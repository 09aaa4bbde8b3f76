"""PURE: reads the copied first and last bytes of an HTTP message of the Runtime API.

Header names are compared in any case, because C++ clients write them in lower case. The size lines
of a chunked body are removed, so that its JSON can be read. A message that is incomplete, or was
aborted, is read like one whose middle was not copied.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html,
https://www.rfc-editor.org/rfc/rfc9112#name-chunked-transfer-coding
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from extension.telemetry.tap.json_paths import NOTHING
from extension.telemetry.tap.partial_json import Excerpt

HEADERS_END = b"\r\n\r\n"
ROUTE = re.compile(
    r"POST /2018-06-01/runtime/(?:invocation/([!-.0-~]{1,256})/|(init|restore)/)"
    r"(response|error)(?:\?\S*)? HTTP/1\.[01]",
    re.ASCII,
)
STATUS = re.compile(r"HTTP/1\.[01] (\d{3})(?: .*)?", re.ASCII)
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[^\r\n]*)?\r\n")
CHUNK_LINE = re.compile(rb"\r\n[0-9A-Fa-f]{1,8}(?:;[^\r\n]*)?\r\n")
"""Texts in JSON have no line ends, so a line like this between them is a chunk's size."""
LAST_CHUNK = re.compile(rb"(?:^|\r\n)0\r\n((?:[!-9;-~]+:[^\r\n]*\r\n)*)\r\n$")

Kind = Literal["answer", "response", "error", "init", "restore", "other"]


class Copied(NamedTuple):
    """The copy of a message: its first bytes, its last bytes beyond those, its size so far."""

    head: bytes
    tail: bytes = b""
    size: int = -1


class Message(NamedTuple):
    """A message; names of headers and trailers are in lower case.

    `kind`: "answer" is a response of the Runtime API, such as that to `/next`; the other kinds are
    requests of the runtime. `status`: of an answer. `request_id`: of the invocation, or empty.
    """

    kind: Kind
    body: Excerpt
    status: int = 0
    request_id: str = ""
    headers: Mapping[str, str] = NOTHING
    trailers: Mapping[str, str] = NOTHING


def read_message(copied: Copied) -> Message:
    """Return the message in a copy."""
    about, separator, rest = copied.head.partition(HEADERS_END)
    start, _, lines = about.partition(b"\r\n")
    headers = _headers(lines)
    body_size = max(copied.size, len(copied.head) + len(copied.tail)) - len(about) - len(separator)
    body, trailers = Excerpt(rest, copied.tail, body_size), NOTHING
    if not separator:
        body = Excerpt(b"", b"", body_size)
    elif headers.get("transfer-encoding", "").lower() == "chunked":
        body, trailers = _from_chunks(body)
    elif headers.get("content-length", "").isdecimal():
        body = body._replace(size=int(headers["content-length"][:12]))
    kind, status, request_id = _start(start.decode("latin-1"))
    request_id = request_id or headers.get("lambda-runtime-aws-request-id", "")
    return Message(kind, body, status, request_id, headers, trailers)


def _start(line: str) -> tuple[Kind, int, str]:
    if answer := STATUS.fullmatch(line):
        return "answer", int(answer[1]), ""
    posted = ROUTE.fullmatch(line)
    if posted is None:
        return "other", 0, ""
    match posted[2]:
        case "init":
            return "init", 0, ""
        case "restore":
            return "restore", 0, ""
    return ("response" if posted[3] == "response" else "error"), 0, posted[1]


def _headers(lines: bytes) -> Mapping[str, str]:
    """Return names in lower case and values; the first of several counts."""
    found: dict[str, str] = {}
    for line in lines.split(b"\r\n"):
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _from_chunks(body: Excerpt) -> tuple[Excerpt, Mapping[str, str]]:
    """Return the body without the chunks' size lines, and the trailers."""
    wire = body.head + body.tail if body.is_whole else body.head
    ending = LAST_CHUNK.search(wire if body.is_whole else body.tail)
    trailers = _headers(ending[1]) if ending else NOTHING
    data = _joined(wire)
    if body.is_whole and ending:
        return Excerpt(data), trailers
    tail = b"" if body.is_whole else body.tail
    tail = CHUNK_LINE.sub(b"", tail[: ending.start()] if ending else tail)
    # The size lines that were not copied cannot be counted: the size is that on the wire.
    return Excerpt(data, tail, max(body.size, len(data) + len(tail) + 1)), trailers


def _joined(wire: bytes) -> bytes:
    """Return the data of the chunks that were copied."""
    pieces, place = [], 0
    while found := CHUNK.match(wire, place):
        size = int(found[1], 16)
        pieces.append(wire[found.end() : found.end() + size])
        place = found.end() + size + 2
        if not size:
            break
    return b"".join(pieces)
