"""How much effort and memory the compression of a body takes, as zlib's own header says it."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from extension.telemetry.export.compression import (
    COMPRESSORS,
    LARGE_BYTES,
    PORTION_BYTES,
    SMALL_BYTES,
)

GZIP_HEAD, GZIP_TIME = 10, slice(4, 8)
"""The first bytes of gzip's format, which differ between Pythons, and the time in them."""

WINDOW_8K, WINDOW_32K = 0x58, 0x78
"""The first byte of zlib's format says how large its window is."""

QUICKLY, WELL = 0, 2
"""The upper two bits of the second one say how hard it tried. Source: RFC 1950."""


def test_small_bodies_are_compressed_well_and_large_ones_quickly() -> None:
    """Without a time in them, so that equal bodies are equal bytes."""
    varied = b"".join(str(number * number).encode() for number in range(30_000))
    for body, level in ((varied[: LARGE_BYTES - 1], 6), (varied[:LARGE_BYTES], 1)):
        assert COMPRESSORS["deflate"](body) == zlib.compress(body, level)
        compressed = COMPRESSORS["gzip"](body)
        assert compressed[GZIP_HEAD:] == gzip.compress(body, level, mtime=0)[GZIP_HEAD:]
        assert compressed[GZIP_TIME] == bytes(4)


@pytest.mark.parametrize(
    ("size", "window", "effort"),
    [
        (0, WINDOW_8K, WELL),
        (SMALL_BYTES, WINDOW_8K, WELL),
        (SMALL_BYTES + 1, WINDOW_32K, WELL),
        (LARGE_BYTES - 1, WINDOW_32K, WELL),
        (LARGE_BYTES, WINDOW_32K, QUICKLY),
    ],
)
def test_effort_and_memory_follow_the_size(size: int, window: int, effort: int) -> None:
    """A small body fits into a small window; of a large one the time counts."""
    compressed = COMPRESSORS["deflate"](b"x" * size)
    assert (compressed[0], compressed[1] >> 6) == (window, effort)
    assert zlib.decompress(compressed) == b"x" * size


def test_each_size_can_be_read_by_everyone() -> None:
    """Without compression a body stays as it is."""
    for size in (0, SMALL_BYTES, SMALL_BYTES + 1, LARGE_BYTES):
        body = b"x" * size
        assert gzip.decompress(COMPRESSORS["gzip"](body)) == body
        assert COMPRESSORS["none"](body) == body


@pytest.mark.parametrize("size", [1, PORTION_BYTES - 1, PORTION_BYTES, PORTION_BYTES + 1])
@pytest.mark.parametrize("coding", COMPRESSORS)
def test_a_body_may_come_in_parts(coding: str, size: int) -> None:
    """It comes to the same bytes."""
    varied = b"".join(str(number * number).encode() for number in range(30_000))
    parts = [varied[at : at + size] for at in range(0, len(varied), size)]
    for some in ([], parts[:3], parts):
        assert COMPRESSORS[coding](*some) == COMPRESSORS[coding](b"".join(some))


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_parts_are_not_joined_to_a_copy_of_the_whole(coding: str) -> None:
    """What zlib and a portion take is all that is added, however much waits."""
    parts = [bytes(500) for _ in range(8_000)]
    tracemalloc.start()
    try:
        compressed = COMPRESSORS[coding](*parts)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert zlib.decompress(compressed, wbits=47) == bytes(4_000_000)
    assert peak < 1_000_000
