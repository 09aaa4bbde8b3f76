"""What a posted request holds, decompressed within its bound, and what is refused of it at once."""

from __future__ import annotations

import gzip
import zlib

import pytest

from extension.telemetry.receiver.content import (
    MAX_BODY_BYTES,
    MAX_MEMBERS,
    Encoding,
    RefusedError,
    check,
    decompress,
    encoding_of,
)


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/x-protobuf", "protobuf"),
        ("application/protobuf", "protobuf"),
        (" Application/JSON ; charset=utf-8", "json"),
        ("application/grpc", None),
        ("", None),
    ],
)
def test_the_encoding_is_that_of_the_content_type(
    content_type: str, encoding: Encoding | None
) -> None:
    """In any case, whatever parameters it has."""
    assert encoding_of(content_type) == encoding


@pytest.mark.parametrize("coding", ["", "identity", "none", " Identity "])
def test_what_is_not_compressed_stays_as_it_is(coding: str) -> None:
    """Even if it looks like gzip."""
    body = gzip.compress(b"x")
    assert decompress(body, coding) == body


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", " GZIP "])
def test_what_is_compressed_is_decompressed(coding: str) -> None:
    """An empty body stays one, and the parts of a body are joined."""
    compress = zlib.compress if coding == "deflate" else gzip.compress
    assert decompress(compress(b"abc"), coding) == b"abc"
    assert decompress(compress(b"abc") + compress(b"def"), coding) == b"abcdef"
    assert decompress(compress(b""), coding) == b""
    assert decompress(b"", coding) == b""


def refused(body: bytes, coding: str) -> int:
    """Return the status by which a body is refused."""
    with pytest.raises(RefusedError) as raised:
        decompress(body, coding)
    return raised.value.status


@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        (b"x", "br", 415),
        (b"no gzip", "gzip", 400),
        (gzip.compress(b"abc", mtime=0), "deflate", 400),
        (zlib.compress(b"abc"), "gzip", 400),
        (gzip.compress(b"abc", mtime=0)[:-1], "gzip", 400),
        (gzip.compress(b"abc", mtime=0) + b"rest", "gzip", 400),
    ],
)
def test_what_cannot_be_decompressed_is_refused(body: bytes, coding: str, status: int) -> None:
    """By its coding, or because it is broken or without an end."""
    assert refused(body, coding) == status


def test_a_body_is_as_large_as_the_bound() -> None:
    """Decompressed, in one part or in several; one byte more is refused."""
    whole = gzip.compress(bytes(MAX_BODY_BYTES), 1)
    half = gzip.compress(bytes(MAX_BODY_BYTES // 2), 1)
    assert len(decompress(whole, "gzip")) == MAX_BODY_BYTES
    assert len(decompress(half * 2, "gzip")) == MAX_BODY_BYTES
    assert refused(gzip.compress(bytes(MAX_BODY_BYTES + 1), 1), "gzip") == 413
    assert refused(half * 2 + gzip.compress(b"x"), "gzip") == 413


def test_a_body_has_so_many_parts() -> None:
    """Each costs a copy of what comes behind it."""
    part = gzip.compress(b"x")
    assert decompress(part * MAX_MEMBERS, "gzip") == b"x" * MAX_MEMBERS
    assert refused(part * (MAX_MEMBERS + 1), "gzip") == 413


@pytest.mark.parametrize(
    ("body", "encoding", "is_taken"),
    [
        (b"", "json", True),
        (b" \r\n\t", "json", True),
        (b" {} \n", "json", True),
        (b"{", "json", False),
        (b"}", "json", False),
        (b'{"a": [', "json", False),
        (b"[]", "json", False),
        (b"", "protobuf", True),
        (b"\x0a\x00", "protobuf", True),
        (b"{}", "protobuf", False),
    ],
)
def test_what_cannot_be_a_request_is_refused(
    body: bytes, encoding: Encoding, *, is_taken: bool
) -> None:
    """As far as its first and last bytes show it."""
    if is_taken:
        check(body, encoding)
        return
    with pytest.raises(RefusedError) as raised:
        check(body, encoding)
    assert raised.value.status == 400
