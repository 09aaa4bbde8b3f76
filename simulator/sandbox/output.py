"""What processes print: bytes of a pipe cut into records, line by line or frame by frame."""

from __future__ import annotations

import asyncio
import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LINE_LIMIT_BYTES = 256 * 1024  # CloudWatch's limit of one event; longer lines are cut
_CHUNK_BYTES = 64 * 1024
_DRAIN_CHUNKS = 64
_FRAME_HEADER = struct.Struct(">IIQ")
_FRAME_MAGIC = 0xA55A0000


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLine:
    """One record printed by a process; `text` keeps its line end."""

    source: Literal["function", "extension"]
    name: str
    text: str
    time_ns: int | None = None  # only framed records carry their own time


class Decoder(Protocol):
    """Cuts a stream of bytes into (text, wall time or None)."""

    def feed(self, data: bytes) -> Iterator[tuple[str, int | None]]:
        """Yield the records that are complete now."""
        ...

    def rest(self) -> Iterator[tuple[str, int | None]]:
        """Yield what is left when the stream has ended."""
        ...


class LineDecoder:
    """Records end with a newline, which stays with them."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> Iterator[tuple[str, int | None]]:
        """Yield complete lines; a line beyond the limit comes in pieces."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            yield from self._pieces(line + b"\n")
        while len(self._pending) > LINE_LIMIT_BYTES:
            piece, self._pending = (
                self._pending[:LINE_LIMIT_BYTES],
                self._pending[LINE_LIMIT_BYTES:],
            )
            yield piece.decode(errors="replace"), None

    def rest(self) -> Iterator[tuple[str, int | None]]:
        """Yield an unfinished last line."""
        pending, self._pending = self._pending, b""
        if pending:
            yield pending.decode(errors="replace"), None

    def _pieces(self, line: bytes) -> Iterator[tuple[str, int | None]]:
        for start in range(0, len(line), LINE_LIMIT_BYTES):
            yield line[start : start + LINE_LIMIT_BYTES].decode(errors="replace"), None


class FrameDecoder:
    """Records of the framed log descriptor: type, length, time in microseconds, message.

    Frames keep a message of many lines together (_LAMBDA_TELEMETRY_LOG_FD).
    """

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> Iterator[tuple[str, int | None]]:
        """Yield complete frames; bytes that are no frame come through as they are."""
        self._pending += data
        while len(self._pending) >= _FRAME_HEADER.size:
            kind, length, micros = _FRAME_HEADER.unpack_from(self._pending)
            if kind & 0xFFFF0000 != _FRAME_MAGIC:
                yield from self.rest()
                return
            end = _FRAME_HEADER.size + length
            if len(self._pending) < end:
                return
            message, self._pending = (
                self._pending[_FRAME_HEADER.size : end],
                self._pending[end:],
            )
            yield message.decode(errors="replace"), micros * 1000

    def rest(self) -> Iterator[tuple[str, int | None]]:
        """Yield a broken last frame as text."""
        pending, self._pending = self._pending, b""
        if pending:
            yield pending.decode(errors="replace"), None


class OutputPipe:
    """A pipe whose far end a process writes to and whose near end this loop reads."""

    def __init__(self, decoder: Decoder, on_record: Callable[[str, int | None], None]) -> None:
        self._decoder = decoder
        self._on_record = on_record
        self._read_fd, self.write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        self._is_open = True
        asyncio.get_running_loop().add_reader(self._read_fd, self._read_chunk)

    def close_write_end(self) -> None:
        """Leave the far end to the process, so that its exit ends the stream."""
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1

    def drain(self) -> None:
        """Take what has been printed by now, without waiting for more."""
        for _ in range(_DRAIN_CHUNKS):
            if not self._is_open or not self._read_chunk():
                return

    def close(self) -> None:
        """Take the last bytes and close both ends."""
        self.drain()
        self.close_write_end()
        self._close_read_end()

    def _read_chunk(self) -> bool:
        try:
            data = os.read(self._read_fd, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._close_read_end()
            return False
        for text, time_ns in self._decoder.feed(data):
            self._on_record(text, time_ns)
        return True

    def _close_read_end(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        asyncio.get_running_loop().remove_reader(self._read_fd)
        with suppress(OSError):
            os.close(self._read_fd)
        for text, time_ns in self._decoder.rest():
            self._on_record(text, time_ns)
