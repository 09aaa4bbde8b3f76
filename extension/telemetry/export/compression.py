"""PURE: bodies compressed as their size makes it worth: the effort, and the memory to prepare.

zlib prepares memory for a window before it reads a byte. For a body that fits into a smaller
window, that takes ten times as long as compressing it, and makes it no smaller.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

LARGE_BYTES = 65_536
"""From here on compressing is left to a thread: the event loop has GETs to answer."""

SMALL_BYTES = 8192
SMALL_WINDOW, SMALL_MEMORY = 13, 6
"""A window of `SMALL_BYTES`, and tables of the size that belongs to it."""

USUAL_WINDOW, USUAL_MEMORY = zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL
GZIP = 16
"""What zlib takes on top of the window for gzip's format."""

PORTION_BYTES = 65_536
"""As much of a body is joined at once: a copy of all of it is the largest block that is ever asked
for, and memory that C's allocator had to take from the kernel mostly stays with the process."""


def _compress(parts: Sequence[bytes], *, container: int) -> bytes:
    size = sum(map(len, parts))
    is_small = size <= SMALL_BYTES
    window, memory = (SMALL_WINDOW, SMALL_MEMORY) if is_small else (USUAL_WINDOW, USUAL_MEMORY)
    compressor = zlib.compressobj(_level(size), zlib.DEFLATED, container + window, memory)
    compressed = [compressor.compress(portion) for portion in _portions(parts)]
    return b"".join([*compressed, compressor.flush()])


def _portions(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts joined to portions: after each call of zlib a thread waits for the others."""
    portion: list[bytes] = []
    size = 0
    for part in parts:
        portion.append(part)
        size += len(part)
        if size >= PORTION_BYTES:
            yield b"".join(portion)
            portion.clear()
            size = 0
    yield b"".join(portion)


def _level(size: int) -> int:
    """Return how hard to try: of many lines, level 1 takes a third of the time for 18 % more bytes;
    of small bodies, level 6 takes half of level 9's for one percent more."""
    return 1 if size >= LARGE_BYTES else 6


COMPRESSORS: Mapping[str, Callable[..., bytes]] = {
    "gzip": lambda *parts: _compress(parts, container=GZIP),
    "deflate": lambda *parts: _compress(parts, container=0),
    "none": lambda *parts: b"".join(parts),
}
"""By the content coding of HTTP, of a body in one or more parts; `deflate` is zlib's format."""
