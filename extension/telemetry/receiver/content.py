"""PURE: the content of a posted request: its encoding, decompressed within a bound, and checked.

Only what costs next to nothing is found out here, because the function waits for the answer.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Literal

from extension.process.frozen import Frozen
from extension.telemetry.export.buffer import Signal
from extension.telemetry.export.envelopes import is_request

MAX_BODY_BYTES = 8 * 1_048_576
"""Of a request, as it comes and decompressed: an SDK sends 512 spans at once, usually 200 KiB."""

MAX_MEMBERS = 16
"""Parts of a body that were compressed one by one: SDKs send one, and each costs a copy."""

Encoding = Literal["protobuf", "json"]

MEDIA_TYPES: Mapping[str, Encoding] = {
    "application/x-protobuf": "protobuf",
    "application/protobuf": "protobuf",
    "application/json": "json",
}

WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
PLAIN = frozenset({"", "identity", "none"})

BLANKS = b" \t\r\n"


class Posted(Frozen):
    """A request as it waits to be read: decompressed, and not parsed."""

    signal: Signal
    encoding: Encoding
    body: bytes


class RefusedError(ValueError):
    """The content cannot be taken; `status` is the answer's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def encoding_of(content_type: str) -> Encoding | None:
    """Return the encoding that a Content-Type names, None if it is none of OTLP's."""
    return MEDIA_TYPES.get(content_type.partition(";")[0].strip().lower())


def decompress(body: bytes, coding: str) -> bytes:
    """Return what was compressed.

    Raises:
        RefusedError: the coding is unknown, the body broken, or too large without it.
    """
    name = coding.strip().lower()
    if name in PLAIN:
        return body
    if name not in WINDOW_BITS:
        raise RefusedError(415, "Content-Encoding is none of gzip, deflate, identity")
    try:
        return b"".join(_members(body, WINDOW_BITS[name])) if body else b""
    except zlib.error:
        raise RefusedError(400, f"the body is not {name}") from None


def check(body: bytes, encoding: Encoding) -> None:
    """Raise RefusedError for a body that cannot be a request, as its first and last bytes show."""
    if encoding == "json":
        bare = body.strip(BLANKS)
        if bare and not (bare.startswith(b"{") and bare.endswith(b"}")):
            raise RefusedError(400, "the body is not a JSON object")
    elif not is_request(body):
        raise RefusedError(400, "the body is not protobuf")


def _members(body: bytes, window_bits: int) -> list[bytes]:
    """Return the parts that were compressed one by one; several of gzip may be joined."""
    parts: list[bytes] = []
    left = MAX_BODY_BYTES
    while body:
        if len(parts) == MAX_MEMBERS:
            raise RefusedError(413, f"the body has more than {MAX_MEMBERS} compressed parts")
        unpacker = zlib.decompressobj(wbits=window_bits)
        parts.append(unpacker.decompress(body, left + 1))
        left -= len(parts[-1])
        if left < 0:
            raise RefusedError(413, f"the body is larger than {MAX_BODY_BYTES} bytes decompressed")
        if not unpacker.eof:
            raise zlib.error("it has no end")
        body = unpacker.unused_data
    return parts
